"""Programs of the array API that are not ours, and inputs for them."""

from typing import Any, NamedTuple

import numpy as np

__all__ = ["PROGRAMS", "Program"]


class Program(NamedTuple):
    function: Any
    inputs: tuple[Any, ...]


def softmax(x):
    xp = x.__array_namespace__()
    e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


def logsumexp(x):
    xp = x.__array_namespace__()
    top = xp.max(x, axis=1)
    return top + xp.log(xp.sum(xp.exp(x - top[:, None]), axis=1))


def layer_norm(x, gamma, beta):
    xp = x.__array_namespace__()
    middle, spread = xp.mean(x, axis=-1, keepdims=True), xp.var(x, axis=-1, keepdims=True)
    return gamma * (x - middle) / xp.sqrt(spread + 1e-5) + beta


def attention(q, k, v, *, xp):
    return xp.matmul(softmax(xp.matmul(q, k.mT) / q.shape[-1] ** 0.5), v)


def distances(x, y, *, xp):
    squares = xp.vecdot(x, x)[:, None] + xp.vecdot(y, y)[None, :]
    return xp.sqrt(xp.maximum(squares - 2.0 * xp.matmul(x, y.T), 0.0))


def k_means_step(x, centres, *, xp):
    nearest = xp.argmin(distances(x, centres, xp=xp), axis=1)
    members = xp.astype(nearest[:, None] == xp.arange(centres.shape[0])[None, :], x.dtype)
    counts = xp.maximum(xp.sum(members, axis=0), 1.0)
    return {"centres": xp.matmul(members.T, x) / counts[:, None], "nearest": nearest}


def convolution(images, kernels, *, xp):
    n, _, height, width = images.shape
    _, _, h, w = kernels.shape
    rows, columns = height - h + 1, width - w + 1
    parts = [images[:, :, i : i + rows, j : j + columns] for i in range(h) for j in range(w)]
    patches = xp.reshape(
        xp.permute_dims(xp.stack(parts), (1, 3, 4, 2, 0)), (n * rows * columns, -1)
    )
    weights = xp.reshape(kernels, (kernels.shape[0], -1))
    return xp.reshape(xp.matmul(patches, weights.T), (n, rows, columns, -1))


def solved(A, b, *, xp):
    L = xp.linalg.cholesky(A)
    return xp.linalg.solve(L.T, xp.linalg.solve(L, b))


def standardized(x, *, xp):
    deviation = xp.std(x, axis=0)
    return (x - xp.mean(x, axis=0)) / xp.where(deviation > 0, deviation, 1.0)


def written(x, *, xp):
    out = xp.zeros_like(x)
    out[0, :] = x[1, :] * 2.0
    out[1:, :] += x[1:, :]
    return xp.cumulative_sum(xp.concat((out, x)), axis=0)


def ranked(x, *, xp):
    return xp.argsort(x, axis=1), xp.unique_values(x)


def nested(pair, options):
    return {"sum": pair["a"] + pair["b"], "scaled": [options[0] * pair["a"]]}


_random = np.random.RandomState(7)
_A = _random.randn(12, 12)

PROGRAMS = {
    program.function.__name__: program
    for program in (
        Program(softmax, (3 * _random.randn(20, 33),)),
        Program(logsumexp, (3 * _random.randn(20, 33),)),
        Program(layer_norm, (5 + _random.randn(8, 64), _random.randn(64), _random.randn(64))),
        Program(attention, tuple(_random.randn(2, 9, 16) for _ in range(3))),
        Program(distances, (_random.randn(12, 5), _random.randn(9, 5))),
        Program(k_means_step, (_random.randn(40, 3), _random.randn(4, 3))),
        Program(convolution, (_random.randn(2, 3, 8, 8), _random.randn(4, 3, 3, 3))),
        Program(solved, (_A @ _A.T + np.eye(12), _random.randn(12, 3))),
        Program(standardized, (_random.randn(50, 4) * [1, 10, 100, 0],)),
        Program(written, (_random.randn(4, 6),)),
        Program(ranked, (np.round(_random.randn(5, 9)),)),
        Program(nested, ({"a": _random.randn(5), "b": _random.randn(5)}, (0.1,))),
    )
}
