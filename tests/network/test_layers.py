"""One layer against the textbook, one sample at a time."""

import numpy as np
import pytest

from portable_dnn import (
    linear_activation_backward,
    linear_activation_forward,
    linear_backward,
    linear_forward,
    place,
    to_host,
)
from portable_dnn.errors import DTypeError, SettingError, ShapeError

ACTIVATIONS = ["relu", "leaky_relu", "leaky_relu:0.3", "tanh", "sigmoid"]
SIZES = [(4, 3, 5), (1, 1, 1), (7, 2, 1), (2, 6, 3)]  # n_in, n_out, m


@pytest.mark.parametrize("sizes", SIZES)
def test_linear_forward(sizes, device, dtype, close, make_network, textbook):
    n_in, n_out, m = sizes
    net = make_network((n_in, n_out), m, device, dtype)
    A, W, b = net.X, net.parameters["W1"], net.parameters["b1"]
    Z, cache = linear_forward(A, W, b)
    _, (expected,) = textbook.forward(net.host.X, net.host.parameters, ["relu"])
    close(Z, expected, device, dtype, terms=n_in + 1)
    assert isinstance(cache, tuple)
    assert all(kept is given for kept, given in zip(cache, (A, W, b), strict=True))
    assert (cache.A_prev is A, cache.W is W, cache.b is b) == (True, True, True)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_with_activation(activation, device, dtype, close, make_network, textbook):
    net = make_network((4, 3), 5, device, dtype)
    A, ((A_prev, W, b), Z) = linear_activation_forward(
        net.X, net.parameters["W1"], net.parameters["b1"], activation
    )
    expected, (logits,) = textbook.forward(net.host.X, net.host.parameters, [activation])
    close(A, expected, device, dtype, terms=6)
    close(Z, logits, device, dtype, terms=5)
    assert A_prev is net.X
    assert W is net.parameters["W1"]
    assert b is net.parameters["b1"]


@pytest.mark.parametrize("sizes", SIZES)
def test_linear_backward(sizes, device, dtype, close, make_network, random):
    n_in, n_out, m = sizes
    net = make_network((n_in, n_out), m, device, dtype)
    host_dZ = random.randn(n_out, m).astype(dtype)
    W, X = net.host.parameters["W1"], net.host.X
    dW, db, dA = np.zeros((n_out, n_in)), np.zeros((n_out, 1)), np.zeros((n_in, m))
    for k in range(m):
        for i in range(n_out):
            d = float(host_dZ[i, k])
            db[i, 0] += d / m
            for j in range(n_in):
                dW[i, j] += d * float(X[j, k]) / m
                dA[j, k] += float(W[i, j]) * d
    plain = (net.X, net.parameters["W1"], net.parameters["b1"])
    for cache in (plain, linear_forward(*plain)[1]):
        got = linear_backward(place(host_dZ, device), cache)
        for array, expected in zip(got, (dA, dW, db), strict=True):
            close(array, expected, device, dtype, terms=n_in + n_out + m)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backward_with_activation(activation, device, dtype, close, make_network, textbook, random):
    net = make_network((4, 3), 5, device, dtype)
    host_dA = random.randn(3, 5).astype(dtype)
    W, b, X = net.host.parameters["W1"], net.host.parameters["b1"], net.host.X
    _, (Z,) = textbook.forward(X, net.host.parameters, [activation])
    dZ = host_dA * np.vectorize(textbook.formulas[activation][1])(Z)
    dW = sum(np.outer(dZ[:, k], X[:, k].astype(float)) for k in range(5)) / 5
    db = sum(dZ[:, [k]] for k in range(5)) / 5
    dA_prev = np.array(
        [[sum(W[i, j] * dZ[i, k] for i in range(3)) for k in range(5)] for j in range(4)]
    )
    _, named = linear_activation_forward(net.X, place(W, device), place(b, device), activation)
    plain = ((net.X, net.parameters["W1"], net.parameters["b1"]), place(Z.astype(dtype), device))
    for cache in (named, plain):
        got = linear_activation_backward(place(host_dA, device), cache, activation)
        for array, expected in zip(got, (dA_prev, dW, db), strict=True):
            close(array, expected, device, dtype, terms=20)


def test_input_gradient_is_left_out_on_request(device, make_network):
    net = make_network((4, 3), 5, device)
    layer = (net.X, net.parameters["W1"], net.parameters["b1"])
    Z, cache = linear_forward(*layer)
    with_input = linear_backward(Z, cache)
    without = linear_backward(Z, cache, input_gradient=False)
    assert without[0] is None
    assert with_input[0] is not None
    for one, other in zip(without[1:], with_input[1:], strict=True):
        np.testing.assert_array_equal(to_host(one), to_host(other))
    assert linear_activation_backward(Z, (cache, Z), "relu", input_gradient=False)[0] is None


def test_shapes_that_do_not_fit(default_device):
    def zeros(*shape):
        return place(np.zeros(shape), default_device)

    with pytest.raises(ShapeError, match=r"A has shape \(3, 5\), but W takes 4 features"):
        linear_forward(zeros(3, 5), zeros(2, 4), zeros(2, 1))
    with pytest.raises(ShapeError, match=r"b has shape \(2,\), but W has 2 rows; \(2, 1\)"):
        linear_forward(zeros(4, 5), zeros(2, 4), zeros(2))
    with pytest.raises(ShapeError, match=r"W has shape \(4,\); \(units, inputs\)"):
        linear_activation_forward(zeros(4, 5), zeros(4), zeros(4, 1), "relu")
    cache = (zeros(4, 5), zeros(2, 4), zeros(2, 1))
    with pytest.raises(ShapeError, match=r"dZ has shape \(2, 1\); \(2, 5\), that of the layer's Z"):
        linear_backward(zeros(2, 1), cache)
    with pytest.raises(ShapeError, match=r"dA has shape \(5, 2\); \(2, 5\)"):
        linear_activation_backward(zeros(5, 2), (cache, zeros(2, 5)), "relu")
    with pytest.raises(ShapeError, match=r"Z has shape \(1, 5\); \(2, 5\)"):
        linear_activation_backward(zeros(2, 5), (cache, zeros(1, 5)), "relu")


def test_unknown_activation(default_device, make_network):
    net = make_network((4, 3), 5, default_device)
    layer = (net.X, net.parameters["W1"], net.parameters["b1"])
    with pytest.raises(SettingError, match="unknown activation 'gelu'"):
        linear_activation_forward(*layer, "gelu")
    with pytest.raises(SettingError, match="unknown activation 'gelu'"):
        linear_activation_backward(net.X, (layer, net.X), "gelu")


def test_two_dtypes_are_an_error_that_names_both(device, make_network):
    wide, narrow = (make_network((4, 3), 5, device, dtype) for dtype in ("float64", "float32"))
    with pytest.raises(DTypeError, match="A has dtype float64 but W has float32"):
        linear_forward(wide.X, narrow.parameters["W1"], narrow.parameters["b1"])
    layer = (wide.X, wide.parameters["W1"], wide.parameters["b1"])
    Z, _ = linear_forward(*layer)
    with pytest.raises(DTypeError, match="dZ has dtype float32 but A_prev has float64"):
        linear_backward(place(Z, device, dtype="float32"), layer)
