"""Programs that feed their results back, where bounds of errors would grow without end."""

from typing import Any

import numpy as np

from tests.equivalence.programs.programs import Program

__all__ = ["LOOPS", "adam", "momentum"]


def _loss_gradient(x, y, w, *, xp):
    return xp.matmul(x.T, xp.tanh(xp.matmul(x, w)) - y) / x.shape[0]


def adam(x, y, w, *, xp, steps=50, rate=0.01, decay=0.0, late=1.0):
    m, v = xp.zeros_like(w), xp.zeros_like(w)
    for t in range(1, steps + 1):
        g = _loss_gradient(x, y, w, xp=xp) + decay * w
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        w = w - late * rate * (m / (1 - 0.9**t)) / (xp.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


def momentum(x, y, w, *, xp, mu=0.9):
    v = xp.zeros_like(w)
    for _ in range(40):
        v = mu * v + _loss_gradient(x, y, w, xp=xp)
        w = w - 0.05 * v
    return {"weights": w, "loss": xp.mean(xp.square(xp.tanh(xp.matmul(x, w)) - y))}


def power_iteration(a, v, *, xp):
    for _ in range(10):
        v = xp.matmul(a, v)
        v = v / xp.sqrt(xp.sum(v * v))
    return v


def newton(a, *, xp):
    x = 1.0 / (a + 1.0)
    for _ in range(8):
        x = x * (2.0 - a * x)
    return x


def logistic_map(x, *, xp):
    for _ in range(12):
        x = 3.9 * x * (1.0 - x)
    return x


def recurrent(x, w, u, *, xp):
    h = xp.zeros_like(x)
    for _ in range(60):
        h = xp.tanh(xp.matmul(h, w) + xp.matmul(x, u))
    return h


def normalized_layers(x, w, *, xp):
    for _ in range(40):
        h = x + xp.matmul(xp.maximum(xp.matmul(x, w), 0.0), w.T)
        x = (h - xp.mean(h, axis=1, keepdims=True)) / xp.std(h, axis=1, keepdims=True)
    return x


def lloyd(x, centres, *, xp):
    for _ in range(5):
        d = xp.sum((x[:, None, :] - centres[None, :, :]) ** 2, axis=-1)
        members = xp.astype(d <= xp.min(d, axis=1, keepdims=True), x.dtype)
        counts = xp.sum(members, axis=0)[:, None]
        centres = xp.matmul(members.T, x) / xp.where(counts > 0, counts, 1.0)
    return centres


_random = np.random.RandomState(11)
_A = _random.randn(24, 24)
_data: tuple[Any, ...] = (_random.randn(64, 12), np.sign(_random.randn(64, 3)))

LOOPS = {
    program.function.__name__: program
    for program in (
        Program(adam, (*_data, 0.1 * _random.randn(12, 3))),
        Program(momentum, (*_data, 0.1 * _random.randn(12, 3))),
        Program(power_iteration, (_A @ _A.T, _random.randn(24, 1))),
        Program(newton, (_random.uniform(0.2, 1.5, (30,)),)),
        Program(logistic_map, (_random.uniform(0.1, 0.9, (30,)),)),
        Program(
            recurrent,
            (_random.randn(6, 16), _random.randn(16, 16) / 6, _random.randn(16, 16) / 4),
        ),
        Program(normalized_layers, (_random.randn(8, 20), _random.randn(20, 20) / 8)),
        Program(lloyd, (_random.randn(60, 2), _random.randn(3, 2))),
    )
}
