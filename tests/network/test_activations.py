"""Activations and their derivatives against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import portable_dnn
from portable_dnn import device_of, place, to_host
from portable_dnn.errors import DTypeError, SettingError, ShapeError
from portable_dnn.network.activations import get_activation, hidden_activations

NAMES = ["sigmoid", "tanh", "relu", "leaky_relu"]
MODERATE = np.concatenate([np.linspace(-40, 40, 161), [-0.3, 1e-9, -1e-9, 0.0, -0.0]])


def public(name):
    return getattr(portable_dnn, name), getattr(portable_dnn, f"{name}_backward")


@pytest.mark.parametrize("name", NAMES)
def test_value_and_derivative_are_those_of_the_definition(name, device, dtype, close, textbook):
    forward, backward = public(name)
    value, slope = textbook.formulas[name]
    host = MODERATE.astype(dtype).reshape(2, -1)
    Z, dA = place(host, device), place(np.full_like(host, -3.0), device)
    A, cache = forward(Z)
    assert cache is Z
    dZ = backward(dA, cache)
    exact = host.astype(np.float64)
    close(A, np.vectorize(value)(exact), device, dtype, terms=1)
    close(dZ, -3.0 * np.vectorize(slope)(exact), device, dtype, terms=4)


@pytest.mark.parametrize("name", NAMES)
def test_relative_precision_in_the_tails(name, default_device, textbook):
    # Where the value is tiny an absolute tolerance would let anything through.
    if name in ("relu", "leaky_relu"):
        host = np.array([[1e-300, -1e-300, 1e-5, -1e-5]])
    else:
        host = np.array([[-30.0, -20.0, 1e-5, -1e-5]])
    if name == "sigmoid":  # e^z / (1 + e^z) → e^z (1 − e^z) for z ≪ 0
        expected = np.where(host < -1, np.exp(host) * (1 - np.exp(host)), 1 / (1 + np.exp(-host)))
    else:
        expected = np.vectorize(textbook.formulas[name][0])(host)
    A = to_host(public(name)[0](place(host, default_device))[0])
    np.testing.assert_array_max_ulp(A, expected, maxulp=4)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(z=st.floats(allow_nan=False, allow_infinity=False, width=32))
@pytest.mark.parametrize("name", NAMES)
def test_any_finite_value_stays_finite_and_warns_not(name, z, default_device):
    forward, backward = public(name)
    for dtype in ("float32", "float64"):
        Z = place(np.full((1, 1), z, dtype=dtype), default_device)
        A, cache = forward(Z)
        dZ = to_host(backward(place(np.ones((1, 1), dtype=dtype), default_device), cache))
        assert np.isfinite(to_host(A)).all()
        assert 0.0 <= dZ[0, 0] <= 1.0
        assert to_host(A).dtype == dZ.dtype == np.dtype(dtype)


@pytest.mark.parametrize("name", NAMES)
def test_far_out_the_limits_are_reached(name, device, dtype):
    forward, backward = public(name)
    largest = float(np.finfo(dtype).max)
    host = np.array([[-largest, -1e30, -1e4, 1e4, 1e30, largest]], dtype=dtype)
    A, cache = forward(place(host, device))
    dZ = to_host(backward(place(np.ones_like(host), device), cache))
    limits = {
        "sigmoid": (np.array([[0, 0, 0, 1, 1, 1]]), np.zeros((1, 6))),
        "tanh": (np.array([[-1, -1, -1, 1, 1, 1]]), np.zeros((1, 6))),
        "relu": (np.maximum(host, 0), np.array([[0, 0, 0, 1, 1, 1]])),
        "leaky_relu": (
            np.where(host > 0, host, host * np.dtype(dtype).type(0.01)),
            np.array([[0.01] * 3 + [1] * 3]),
        ),
    }
    np.testing.assert_array_equal(to_host(A), limits[name][0].astype(dtype))
    np.testing.assert_array_equal(dZ, limits[name][1].astype(dtype))


@pytest.mark.parametrize(("name", "at_zero"), [("relu", 0.0), ("leaky_relu", 0.01)])
def test_derivative_at_zero_is_that_of_the_negative_side(name, at_zero, device, dtype):
    Z = place(np.array([[0.0, -0.0]], dtype=dtype), device)
    dZ = public(name)[1](place(np.array([[4.0, 4.0]], dtype=dtype), device), Z)
    np.testing.assert_array_equal(to_host(dZ), np.array([[4 * at_zero] * 2], dtype=dtype))


@pytest.mark.parametrize("name", NAMES)
def test_nan_is_not_hidden(name, device, dtype):
    A, _ = public(name)[0](place(np.array([[np.nan, 1.0]], dtype=dtype), device))
    assert np.isnan(to_host(A)).tolist() == [[True, False]]


@pytest.mark.parametrize("slope", [0.0, 0.3, -0.5])
def test_slope_can_be_set(slope, device, dtype):
    Z = place(np.array([[-2.0, 4.0]], dtype=dtype), device)
    dA = place(np.array([[1.0, 1.0]], dtype=dtype), device)
    for forward, backward in (
        (
            lambda Z: portable_dnn.leaky_relu(Z, slope),
            lambda dA, Z: portable_dnn.leaky_relu_backward(dA, Z, slope),
        ),
        (
            get_activation(f"leaky_relu:{slope}").forward,
            get_activation(f"leaky_relu:{slope}").backward,
        ),
    ):
        A = to_host(forward(Z)[0])
        dZ = to_host(backward(dA, Z))
        assert A.tolist() == np.array([[-2.0 * slope, 4.0]], dtype=dtype).tolist()
        assert dZ.tolist() == np.array([[slope, 1.0]], dtype=dtype).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_any_shape_and_nothing_is_mutated(name, device, dtype):
    forward, backward = public(name)
    for shape in ((), (3,), (2, 3, 4), (0, 2)):
        host = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape).astype(dtype)
        host.flags.writeable = False
        before = host.copy()
        Z = place(host, device)
        A, cache = forward(Z)
        dZ = backward(Z, cache)
        assert to_host(A).shape == to_host(dZ).shape == shape
        assert device_of(A) == device_of(dZ) == device
        np.testing.assert_array_equal(to_host(Z), before)


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_of_another_shape_are_refused(name, default_device):
    Z = place(np.ones((3, 4)), default_device)
    with pytest.raises(ShapeError, match=r"dA has shape \(3, 1\)"):
        public(name)[1](place(np.ones((3, 1)), default_device), Z)


def test_integers_are_refused(default_device):
    Z = place(np.array([[1, 2]]), default_device)
    with pytest.raises(DTypeError, match="Z has dtype int64; the network computes in floats"):
        portable_dnn.relu(Z)


@pytest.mark.parametrize("name", ["Relu", "", "softmax", "relu:0.1", "tanh:"])
def test_an_unknown_name_is_refused_with_those_that_are_known(name):
    with pytest.raises(SettingError) as caught:
        get_activation(name)
    for known in ("relu", "leaky_relu", "tanh", "sigmoid", "leaky_relu:SLOPE"):
        assert known in str(caught.value)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("setting", ["", "x", "nan", "inf"])
def test_a_slope_must_be_a_finite_number(setting):
    with pytest.raises(SettingError, match="a finite number would be right"):
        get_activation(f"leaky_relu:{setting}")


def test_one_activation_for_all_hidden_layers_or_one_for_each():
    assert [a.name for a in hidden_activations("tanh", 3)] == ["tanh"] * 3
    mixed = ("relu", get_activation("leaky_relu:0.2"))
    assert [a.name for a in hidden_activations(mixed, 2)] == ["relu", "leaky_relu:0.2"]
    with pytest.raises(SettingError, match=r"2 hidden activations .* for 3 hidden layers"):
        hidden_activations(["relu", "tanh"], 3)
