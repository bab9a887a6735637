"""The check of the gradients: it passes right ones, and is not fooled by wrong ones."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_dnn import L_model_backward, gradient_check, place
from portable_dnn.errors import SettingError, ShapeError

ACTIVATIONS = ["relu", "leaky_relu", "leaky_relu:0.3", "tanh", "sigmoid"]
ENOUGH = 1e-7  # the documented bar: rounding alone leaves about eps^(2/3) = 4e-11 of the gradient


@pytest.fixture(scope="session")
def module():
    # The package exports the function under the module's name.
    return importlib.import_module("portable_dnn.network.gradient_check")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_right_gradients_pass(activation, device, make_network):
    net = make_network((4, 3, 3, 2), 6, device, seed=1)
    errors = gradient_check(net.X, net.Y, net.parameters, activation)
    assert list(errors) == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert max(errors.values()) < ENOUGH


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    dims=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    m=st.integers(1, 5),
    seed=st.integers(0, 10**6),
    data=st.data(),
)
def test_any_smooth_network_passes(dims, m, seed, data, default_device, make_network):
    hidden = [data.draw(st.sampled_from(["tanh", "sigmoid"])) for _ in dims[2:]]
    net = make_network(dims, m, default_device, seed=seed)
    assert max(gradient_check(net.X, net.Y, net.parameters, hidden).values()) < ENOUGH


def test_float32_is_judged_with_its_own_step(device, make_network):
    net = make_network((3, 3, 1), 5, device, "float32")
    # eps^(2/3) = 2.4e-5 of a cost near 1, against gradients near 0.1, added up over the entries.
    assert max(gradient_check(net.X, net.Y, net.parameters, "tanh").values()) < 1e-2


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
@pytest.mark.parametrize("wrong", ["sign", "scale", "one entry"])
def test_a_wrong_gradient_is_found_and_named(
    name, wrong, monkeypatch, default_device, make_network, module
):
    net = make_network((3, 2, 2), 5, default_device, seed=2)

    def backward(*args, **settings):
        grads = L_model_backward(*args, **settings)
        gradient = grads[f"d{name}"]
        spoilt = {
            "sign": lambda: -gradient,
            "scale": lambda: gradient * 1.001,
            "one entry": lambda: gradient + place(_corner(gradient.shape), default_device),
        }
        return {**grads, f"d{name}": spoilt[wrong]()}

    monkeypatch.setattr(module, "L_model_backward", backward)
    errors = gradient_check(net.X, net.Y, net.parameters, "tanh")
    assert errors.pop(name) > 1e-4
    assert max(errors.values()) < ENOUGH


def _corner(shape):
    array = np.zeros(shape)
    array.flat[-1] = 1e-2
    return array


def test_a_wrong_slope_at_negative_values_is_found(monkeypatch, default_device, make_network):
    # Through the activation itself: the derivative of another slope than that of the value.
    from portable_dnn.network.activations import Activation, leaky_relu, relu_backward

    net = make_network((3, 4, 1), 5, default_device)
    crooked = Activation("crooked", leaky_relu, relu_backward)
    errors = gradient_check(net.X, net.Y, net.parameters, crooked)
    assert errors["W1"] > ENOUGH
    assert errors["W2"] < ENOUGH


def test_max_entries_limits_the_work(monkeypatch, default_device, make_network, module):
    net = make_network((6, 4, 1), 3, default_device)
    passes = []
    forward = module.L_model_forward

    def counted(*args, **settings):
        passes.append(1)
        return forward(*args, **settings)

    monkeypatch.setattr(module, "L_model_forward", counted)
    errors = gradient_check(net.X, net.Y, net.parameters, "tanh", max_entries=3, seed=4)
    assert len(passes) == 1 + 2 * (3 + 3 + 3 + 1)  # W1, b1, W2 and the one entry of b2
    assert max(errors.values()) < ENOUGH
    again = gradient_check(net.X, net.Y, net.parameters, "tanh", max_entries=3, seed=4)
    other = gradient_check(net.X, net.Y, net.parameters, "tanh", max_entries=3, seed=5)
    assert again == errors != other


def test_no_gradient_at_all_is_right(default_device):
    # Dead units: analytic and numerical are both exactly 0.
    X, Y = place(np.ones((1, 2)), default_device), place(np.ones((1, 2)), default_device)
    dead = {
        "W1": np.array([[-1.0]]),
        "b1": np.array([[-1.0]]),
        "W2": np.array([[1.0]]),
        "b2": np.array([[0.0]]),
    }
    errors = gradient_check(X, Y, place(dead, default_device))
    assert errors["W1"] == errors["b1"] == errors["W2"] == 0.0
    assert errors["b2"] < ENOUGH


def test_bad_settings(default_device, make_network):
    net = make_network((3, 1), 2, default_device)
    for epsilon in (0.0, -1e-6, float("nan"), float("inf")):
        with pytest.raises(SettingError, match=f"epsilon is {epsilon}; a number above 0"):
            gradient_check(net.X, net.Y, net.parameters, epsilon=epsilon)
    with pytest.raises(SettingError, match="entries to check is 0; a whole number"):
        gradient_check(net.X, net.Y, net.parameters, max_entries=0)
    with pytest.raises(ShapeError, match=r"Y has shape \(1, 3\)"):
        gradient_check(net.X, place(np.ones((1, 3)), default_device), net.parameters)
