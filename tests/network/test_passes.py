"""The whole network, forward and backward, on random sizes and activations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_dnn import L_model_backward, L_model_forward, place, to_host
from portable_dnn.errors import DTypeError, SettingError, ShapeError
from portable_dnn.network import layers

ACTIVATIONS = ["relu", "leaky_relu", "leaky_relu:0.3", "tanh", "sigmoid"]


@st.composite
def networks(draw):
    """Layer sizes, samples, an activation for each hidden layer, a seed."""
    dims = draw(st.lists(st.integers(1, 5), min_size=2, max_size=5))
    hidden = draw(
        st.lists(st.sampled_from(ACTIVATIONS), min_size=len(dims) - 2, max_size=len(dims) - 2)
    )
    return dims, draw(st.integers(1, 6)), hidden, draw(st.integers(0, 10**6))


def roundings(dims, m):
    """Length of all sums from X to a gradient: forward, backward, and over the samples."""
    return 2 * sum(dims) + 4 * len(dims) + m


@settings(max_examples=25, deadline=None, derandomize=True)
@given(network=networks())
def test_forward_and_backward_are_the_textbook(
    network, device, dtype, close, make_network, textbook
):
    dims, m, hidden, seed = network
    net = make_network(dims, m, device, dtype, seed)
    AL, caches = L_model_forward(net.X, net.parameters, hidden)
    expected, logits = textbook.forward(net.host.X, net.host.parameters, [*hidden, "sigmoid"])
    terms = roundings(dims, m)
    close(AL, expected, device, dtype, terms=terms)
    assert len(caches) == len(dims) - 1
    for cache, Z in zip(caches, logits, strict=True):
        close(cache.activation, Z, device, dtype, terms=terms)

    grads = L_model_backward(AL, net.Y, caches, hidden, input_gradient=True)
    derivatives = textbook.gradients(net.host.X, net.host.Y, net.host.parameters, hidden)
    assert set(grads) == set(derivatives)
    for name, derivative in derivatives.items():
        close(grads[name], derivative, device, dtype, terms=terms)


def test_gradients_of_the_input_only_when_asked_for(device, make_network):
    net = make_network((3, 4, 2), 5, device)
    AL, caches = L_model_forward(net.X, net.parameters)
    grads = L_model_backward(AL, net.Y, caches)
    assert set(grads) == {"dW1", "db1", "dW2", "db2", "dA1"}
    assert all(array is not None for array in grads.values())
    more = L_model_backward(AL, net.Y, caches, input_gradient=True)
    assert set(more) == {*grads, "dA0"}
    assert to_host(more["dA0"]).shape == (3, 5)


def test_input_gradient_is_not_even_computed_unasked(make_network, monkeypatch):
    def counted(W, dZ):
        shapes.append((W.T.shape, dZ.shape))
        return original(W, dZ)

    shapes, original = [], layers.input_derivative
    monkeypatch.setattr(layers, "input_derivative", counted)
    net = make_network((3, 4, 4, 2), 5, "numpy:cpu")
    AL, caches = L_model_forward(net.X, net.parameters)
    L_model_backward(AL, net.Y, caches)
    assert len(shapes) == 2  # dA of two layers
    L_model_backward(AL, net.Y, caches, input_gradient=True)
    assert shapes[-1] == ((3, 4), (4, 5))  # W1 transposed times dZ1


def test_a_network_of_one_layer(device, dtype, close, make_network, textbook):
    net = make_network((3, 1), 4, device, dtype)
    AL, caches = L_model_forward(net.X, net.parameters)
    grads = L_model_backward(AL, net.Y, caches)
    assert set(grads) == {"dW1", "db1"}
    expected = textbook.gradients(net.host.X, net.host.Y, net.host.parameters, [])
    close(grads["dW1"], expected["dW1"], device, dtype, terms=12)


def test_plain_tuples_are_caches_too(device, make_network):
    net = make_network((3, 4, 2), 5, device)
    AL, caches = L_model_forward(net.X, net.parameters, "tanh")
    plain = [(tuple(linear), Z) for linear, Z in caches]
    for (A_prev, W, b), Z in plain:
        assert to_host(Z).shape == (to_host(b).shape[0], to_host(A_prev).shape[1])
        assert to_host(W).shape == (to_host(b).shape[0], to_host(A_prev).shape[0])
    assert {type(cache) for cache in plain} == {tuple}
    one = L_model_backward(AL, net.Y, caches, "tanh")
    other = L_model_backward(AL, net.Y, plain, "tanh")
    for name, array in one.items():
        np.testing.assert_array_equal(to_host(array), to_host(other[name]))


@pytest.mark.parametrize("label_dtype", ["uint8", "int64", "float32", "float64"])
def test_labels_may_have_any_real_dtype_and_promote_nothing(
    label_dtype, device, dtype, make_network
):
    net = make_network((3, 4, 1), 5, device, dtype)
    AL, caches = L_model_forward(net.X, net.parameters)
    same = L_model_backward(AL, net.Y, caches)
    got = L_model_backward(AL, place(net.Y, device, dtype=label_dtype), caches)
    for name, array in got.items():
        assert to_host(array).dtype == np.dtype(dtype)
        np.testing.assert_array_equal(to_host(array), to_host(same[name]))


def test_certain_outputs_give_finite_gradients(device, dtype):
    # Dividing by A and 1 − A would give NaN here.
    X = place(np.array([[1.0, -1.0, 1.0, -1.0]], dtype=dtype), device)
    Y = place(np.array([[1.0, 0.0, 0.0, 1.0]], dtype=dtype), device)
    parameters = place({"W1": np.array([[1e4]]), "b1": np.zeros((1, 1))}, device, dtype=dtype)
    AL, caches = L_model_forward(X, parameters)
    grads = L_model_backward(AL, Y, caches)
    assert to_host(AL).tolist() == [[1.0, 0.0, 1.0, 0.0]]
    assert to_host(grads["dW1"]).tolist() == [[0.5]]  # (1 · 1 + (−1)(−1)) / 4
    assert to_host(grads["db1"]).tolist() == [[0.0]]


def test_errors_at_the_door(default_device, make_network):
    net = make_network((3, 4, 2), 5, default_device)
    AL, caches = L_model_forward(net.X, net.parameters)
    with pytest.raises(
        ShapeError, match=r"the caches are .*; give those that L_model_forward returned"
    ):
        L_model_backward(AL, net.Y, [])
    with pytest.raises(ShapeError, match=r"Y has shape \(1, 5\), but there are 5 samples and 2"):
        L_model_backward(AL, net.Y[:1, :], caches)
    for shape in ((2, 4), (1, 5), (5,)):
        wrong = place(np.full(shape, 0.5), default_device)
        with pytest.raises(ShapeError, match="AL has shape"):
            L_model_backward(wrong, wrong, caches)
    with pytest.raises(SettingError, match="2 hidden activations"):
        L_model_forward(net.X, net.parameters, ["relu", "relu"])
    with pytest.raises(SettingError, match="unknown activation 'elu'"):
        L_model_backward(AL, net.Y, caches, "elu")
    with pytest.raises(DTypeError, match="X has dtype float32 but W1 has float64"):
        L_model_forward(place(net.X, default_device, dtype="float32"), net.parameters)
    integers = place(net.X, default_device, dtype="uint8")
    with pytest.raises(DTypeError, match=r"X has dtype uint8; .* scale_pixels\(\)"):
        L_model_forward(integers, net.parameters)
