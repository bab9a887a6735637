"""The textbook, the tolerance and the networks that the tests of several folders share.

The textbook is plain Python and NumPy in float64, one sample at a time, with the course's formulas
as they are printed; it shares no code and no way of computing with the library.
"""

import math
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from portable_dnn import device_of, place, to_host


@pytest.fixture(params=["float64", "float32"], scope="session")
def dtype(request):
    return request.param


@pytest.fixture(scope="session")
def close():
    """The one comparison with a tolerance."""

    def check(got, expected, device, dtype, *, terms):
        """Check place, dtype and shape, then values.

        `terms` is the number of roundings that can add up in an entry: the lengths of the sums on
        the way to it. Each is at most eps/2 of a partial result, and no partial result here is
        more than a few times the larger of 1 and the greatest entry: hence 4 eps a term. A wrong
        formula is off by a share of the entries, thousands of times more.
        """
        assert device_of(got) == device
        host = to_host(got)
        assert host.dtype == np.dtype(dtype)
        expected = np.asarray(expected)
        assert host.shape == expected.shape
        bound = 4 * terms * np.finfo(dtype).eps * max(1.0, float(np.max(np.abs(expected))))
        np.testing.assert_allclose(host.astype(np.float64), expected, rtol=0, atol=bound)

    return check


def _cosh_squared_inverse(z):
    return 1.0 / math.cosh(z) ** 2 if abs(z) < 300 else 0.0


def _logistic(z):
    return 0.5 * (1.0 + math.tanh(z / 2.0))


# name: value and derivative of a number, written otherwise than in the library
FORMULAS = {
    "sigmoid": (_logistic, lambda z: _cosh_squared_inverse(z / 2.0) / 4.0),
    "tanh": (math.tanh, _cosh_squared_inverse),
    "relu": (lambda z: z if z > 0 else 0.0, lambda z: 1.0 if z > 0 else 0.0),
    "leaky_relu": (lambda z: z if z > 0 else 0.01 * z, lambda z: 1.0 if z > 0 else 0.01),
    "leaky_relu:0.3": (lambda z: z if z > 0 else 0.3 * z, lambda z: 1.0 if z > 0 else 0.3),
}


def _forward(x, parameters, names):
    """One sample: list of (a_prev, z) of each layer, and the output."""
    a, trace = [float(v) for v in x], []
    for layer, name in enumerate(names, start=1):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        z = [
            math.fsum(float(w) * v for w, v in zip(row, a, strict=True)) + float(b[i, 0])
            for i, row in enumerate(W)
        ]
        trace.append((a, z))
        a = [FORMULAS[name][0](v) for v in z]
    return trace, a


def _cost(X, Y, parameters, hidden):
    """Mean over the samples of −[y log a + (1 − y) log(1 − a)], summed over the outputs."""
    total = 0.0
    for k in range(X.shape[1]):
        _, outputs = _forward(X[:, k], parameters, [*hidden, "sigmoid"])
        for y, a in zip(Y[:, k], outputs, strict=True):
            total -= float(y) * math.log(a) + (1.0 - float(y)) * math.log(1.0 - a)
    return total / X.shape[1]


def _gradients(X, Y, parameters, hidden):
    """Gradients by the chain rule, entry by entry, added up sample by sample."""
    names, m = [*hidden, "sigmoid"], X.shape[1]
    grads = {f"d{name}": np.zeros(array.shape) for name, array in parameters.items()}
    sizes = [X.shape[0], *(parameters[f"W{layer}"].shape[0] for layer in range(1, len(names)))]
    grads |= {f"dA{layer}": np.zeros((size, m)) for layer, size in enumerate(sizes)}
    for k in range(m):
        trace, outputs = _forward(X[:, k], parameters, names)
        da = [(1 - y) / (1 - a) - y / a for y, a in zip(Y[:, k], outputs, strict=True)]
        for layer in range(len(names), 0, -1):
            a_prev, z = trace[layer - 1]
            W = parameters[f"W{layer}"]
            dz = [d * FORMULAS[names[layer - 1]][1](v) for d, v in zip(da, z, strict=True)]
            for i, d in enumerate(dz):
                grads[f"db{layer}"][i, 0] += d / m
                for j, v in enumerate(a_prev):
                    grads[f"dW{layer}"][i, j] += d * v / m
            da = [sum(float(W[i, j]) * d for i, d in enumerate(dz)) for j in range(len(a_prev))]
            grads[f"dA{layer - 1}"][:, k] = da
    return grads


@pytest.fixture(scope="session")
def textbook():
    """The course's formulas; hidden activations are given as one name a layer."""

    def forward(X, parameters, names):
        runs = [_forward(X[:, k], parameters, names) for k in range(X.shape[1])]
        A = np.array([outputs for _, outputs in runs]).T
        Z = [np.array([trace[i][1] for trace, _ in runs]).T for i in range(len(names))]
        return A, Z

    return SimpleNamespace(formulas=FORMULAS, forward=forward, cost=_cost, gradients=_gradients)


@pytest.fixture(scope="session")
def make_network():
    """Return a maker of (X, Y, parameters) with normal entries, placed; and the same on the host.

    The host arrays cannot be written to, so on NumPy any mutation is an error at once.
    """

    def make(dims, m, device, dtype="float64", seed=0):
        stream = np.random.RandomState(seed)
        parameters = {}
        for layer, (n_in, n_out) in enumerate(pairwise(dims), start=1):
            parameters[f"W{layer}"] = stream.randn(n_out, n_in) / np.sqrt(n_in)
            parameters[f"b{layer}"] = stream.randn(n_out, 1) / 2
        host = {"X": stream.randn(dims[0], m), **parameters}
        host = {name: array.astype(dtype) for name, array in host.items()}
        host["Y"] = stream.randint(0, 2, (dims[-1], m)).astype(dtype)
        for array in host.values():
            array.flags.writeable = False
        X, Y, *rest = (host.pop(name) for name in ("X", "Y", *parameters))
        host = dict(zip(parameters, rest, strict=True))
        return SimpleNamespace(
            X=place(X, device),
            Y=place(Y, device),
            parameters=place(host, device),
            host=SimpleNamespace(X=X, Y=Y, parameters=host),
        )

    return make
