"""The step's arrangement changes nothing: it is the course's forward, backward and update."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_dnn import (
    L_model_backward,
    L_model_forward,
    compute_cost_from_logits,
    initialize_parameters_deep,
    place,
    to_host,
    update_parameters,
)
from portable_dnn.arrays.namespaces import common_namespace
from portable_dnn.network.activations import hidden_activations
from portable_dnn.training import first_layer, span
from portable_dnn.training.joined import join, split
from portable_dnn.training.step import make_step

ACTIVATIONS = ["relu", "leaky_relu:0.2", "tanh", "sigmoid"]


@st.composite
def networks(draw):
    """Networks of 1 to 4 layers with one to three outputs, and a batch."""
    hidden = draw(st.lists(st.sampled_from(ACTIVATIONS), max_size=3))
    n_x, m, outputs = (draw(st.integers(1, top)) for top in (9, 9, 3))
    sizes = draw(st.lists(st.integers(1, 5), min_size=len(hidden), max_size=len(hidden)))
    stream = np.random.RandomState(draw(st.integers(0, 10**6)))
    start = initialize_parameters_deep([n_x, *sizes, outputs], seed=stream.randint(1000))
    start = {name: array + 0.1 * stream.randn(*array.shape) for name, array in start.items()}
    X = stream.uniform(-1, 1, (n_x, m))
    return X, stream.randint(0, 2, (outputs, m)).astype(np.float64), start, hidden


@pytest.mark.parametrize("hold", [first_layer.hold, span.hold], ids=["weights", "span"])
@settings(max_examples=30, deadline=None, derandomize=True)
@given(network=networks())
def test_a_step_is_forward_backward_update(default_device, hold, network):
    X, Y, start, hidden = network
    X, Y, start = (place(what, default_device) for what in (X, Y, start))
    xp = common_namespace({"X": X})
    activations = hidden_activations(hidden, len(hidden))
    AL, caches = L_model_forward(X, start, activations)
    grads = L_model_backward(AL, Y, caches, activations)
    expected = to_host(update_parameters(start, grads, 0.3))
    cost = float(compute_cost_from_logits(caches[-1].activation, Y))
    held = hold(X, start, xp=xp)
    # Sums of at most 10 terms in each of at most four layers, there and back, of numbers of order
    # 1 (the weights are of order 1, the derivatives at most 1): 4 eps a term.
    bound = 4 * 2 * 4 * 10 * np.finfo(np.float64).eps
    for measured in (False, True):
        step = make_step(activations, 0.3, measured=measured, xp=xp, first=held.first)
        measurements, state = step(held.state, held.data, 1.0 - 2.0 * Y)
        got = to_host(held.parameters_of(state))
        assert set(got) == set(expected)
        for name, array in expected.items():
            np.testing.assert_allclose(got[name], array, rtol=0, atol=bound, err_msg=name)
        if measured:
            assert float(measurements["cost"]) == pytest.approx(cost, abs=bound)
        else:
            assert measurements == {}


def test_inputs_of_a_step_are_left_as_they_are(default_device, random):
    X, Y = random.uniform(size=(30, 4)), np.array([[0.0, 1.0, 1.0, 0.0]])
    start = initialize_parameters_deep([30, 3, 2, 1])
    X, Y, start = (place(what, default_device) for what in (X, Y, start))
    xp = common_namespace({"X": X})
    activations = hidden_activations("relu", 2)
    for hold in (first_layer.hold, span.hold):
        held = hold(X, start, xp=xp)
        before = {k: to_host(v).copy() for k, v in held.state.items()}
        for measured in (True, False):
            make_step(activations, 0.5, measured=measured, xp=xp, first=held.first)(
                held.state, held.data, 1.0 - 2.0 * Y
            )
        for name, array in before.items():
            np.testing.assert_array_equal(to_host(held.state[name]), array)


def test_joined_layers_come_apart_again(device, random):
    start = initialize_parameters_deep([5, 4, 3, 1])
    start = {name: place(random.randn(*array.shape), device) for name, array in start.items()}
    joined = join(start, xp=common_namespace(start))
    assert {name: tuple(array.shape) for name, array in joined.items()} == {
        "W2": (3, 5), "W3": (1, 4),
    }  # fmt: skip
    apart = split({"Z1": None, **joined})
    assert list(apart) == ["W2", "b2", "W3", "b3"]
    for name, array in apart.items():
        np.testing.assert_array_equal(to_host(array), to_host(start[name]))
