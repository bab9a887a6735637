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
from portable_dnn.training.batches import Batch
from portable_dnn.training.layer_forms import enter, leave, ones_for
from portable_dnn.training.measurements import Measure
from portable_dnn.training.settings import Settings
from portable_dnn.training.step import State, forms_for, step_of

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


def make_step(hidden, rate, *, compressed):
    names = tuple(hidden) or ("relu",)
    settings = Settings(layers=(1,) * len(hidden), hidden=names, learning_rate=rate)
    return step_of(settings, forms_for(len(hidden) + 1, compressed=compressed))


def make_batch(step, inputs, Y, xp):
    targets = step.head.targets(Y, dtype=inputs.dtype, xp=xp)
    return Batch(inputs, targets, ones_for(targets, xp=xp), Y.shape[1])


@pytest.mark.parametrize("compressed", [False, True], ids=["weights", "span"])
@settings(max_examples=30, deadline=None, derandomize=True)
@given(network=networks())
def test_a_step_is_forward_backward_update(default_device, compressed, network):
    X, Y, start, hidden = network
    X, Y, start = (place(what, default_device) for what in (X, Y, start))
    xp = common_namespace({"X": X})
    activations = hidden_activations(hidden, len(hidden))
    AL, caches = L_model_forward(X, start, activations)
    grads = L_model_backward(AL, Y, caches, activations)
    expected = to_host(update_parameters(start, grads, 0.3))
    cost = float(compute_cost_from_logits(caches[-1].activation, Y))
    step = make_step(hidden, 0.3, compressed=compressed)
    held, inputs = enter(step.forms, start, X, xp=xp)
    batch = make_batch(step, inputs, Y, xp)
    # Sums of at most 10 terms in each of at most four layers, there and back, of numbers of order
    # 1 (the weights are of order 1, the derivatives at most 1): 4 eps a term.
    bound = 4 * 2 * 4 * 10 * np.finfo(np.float64).eps
    after, slots = step(State(held, {}), batch, {}, xp=xp)
    assert slots == {}
    got = to_host(leave(step.forms, after, start, X, xp=xp))
    assert list(got) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(got[name], array, rtol=0, atol=bound, err_msg=name)
    measured = Measure(step)(State(held, {}), batch, xp=xp)
    assert float(measured["cost"]) == pytest.approx(cost, abs=bound)
    for name in start:
        norm = float(np.linalg.norm(to_host(grads[f"d{name}"])))
        # In the span the square of a norm is a difference of sums: its root is that of their error.
        allowed = bound + (np.sqrt(bound) if compressed else 0.0)
        assert float(measured[f"gradient_norm/{name}"]) == pytest.approx(norm, abs=allowed)


def test_gradients_have_names_and_no_learning_rate(default_device, random):
    """Whoever wants the gradient gets it: not what the parameters move by."""
    X, Y = random.uniform(size=(6, 4)), np.array([[0.0, 1.0, 1.0, 0.0]])
    start = initialize_parameters_deep([6, 3, 1])
    X, Y, start = (place(what, default_device) for what in (X, Y, start))
    xp = common_namespace({"X": X})
    AL, caches = L_model_forward(X, start)
    grads = to_host(L_model_backward(AL, Y, caches))
    step = make_step(["relu"], 0.3, compressed=False)
    held, inputs = enter(step.forms, start, X, xp=xp)
    found = to_host(step.gradients(held, make_batch(step, inputs, Y, xp), xp=xp))
    both = np.concatenate([grads["dW2"], grads["db2"]], axis=1)
    for name, expected in {"W1": grads["dW1"], "b1": grads["db1"], "W2": both}.items():
        np.testing.assert_allclose(found[name], expected, rtol=0, atol=1e-15)


def test_m_is_what_the_batch_says(default_device, random):
    """A worker's array is not all samples: m is handed in, never read off a shape."""
    X, Y = random.uniform(size=(6, 4)), np.array([[0.0, 1.0, 1.0, 0.0]])
    start = initialize_parameters_deep([6, 3, 1])
    X, Y, start = (place(what, default_device) for what in (X, Y, start))
    xp = common_namespace({"X": X})
    for compressed in (False, True):
        step = make_step(["tanh"], 0.3, compressed=compressed)
        held, inputs = enter(step.forms, start, X, xp=xp)
        batch = make_batch(step, inputs, Y, xp)
        whole = to_host(step.gradients(held, batch, xp=xp))
        half = to_host(step.gradients(held, batch._replace(m=8), xp=xp))
        for name, array in whole.items():
            np.testing.assert_array_equal(2.0 * half[name], array)
        costs = [
            Measure(step)(State(held, {}), b, xp=xp)["cost"] for b in (batch, batch._replace(m=8))
        ]
        assert float(costs[0]) == 2.0 * float(costs[1])


def test_inputs_of_a_step_are_left_as_they_are(default_device, random):
    X, Y = random.uniform(size=(30, 4)), np.array([[0.0, 1.0, 1.0, 0.0]])
    start = initialize_parameters_deep([30, 3, 2, 1])
    X, Y, start = (place(what, default_device) for what in (X, Y, start))
    xp = common_namespace({"X": X})
    for compressed in (False, True):
        step = make_step(["relu", "relu"], 0.5, compressed=compressed)
        held, inputs = enter(step.forms, start, X, xp=xp)
        batch = make_batch(step, inputs, Y, xp)
        before = {k: to_host(v).copy() for k, v in held.items()}
        step(State(held, {}), batch, {}, xp=xp)
        Measure(step)(State(held, {}), batch, xp=xp)
        for name, array in before.items():
            np.testing.assert_array_equal(to_host(held[name]), array)


def test_layers_leave_their_forms_as_they_entered_them(device, random):
    start = initialize_parameters_deep([5, 4, 3, 1])
    start = {name: place(random.randn(*array.shape), device) for name, array in start.items()}
    X = place(random.randn(5, 2), device)
    xp = common_namespace({"X": X})
    for compressed, shapes in (
        (False, {"W1": (4, 5), "b1": (4, 1), "W2": (3, 5), "W3": (1, 4)}),
        (True, {"Z1": (4, 2), "C1": (4, 2), "W2": (3, 5), "W3": (1, 4)}),
    ):
        forms = forms_for(3, compressed=compressed)
        held, _ = enter(forms, start, X, xp=xp)
        assert {name: tuple(array.shape) for name, array in held.items()} == shapes
        left = leave(forms, held, start, X, xp=xp)
        assert list(left) == list(start)
        for name, array in left.items():
            np.testing.assert_array_equal(to_host(array), to_host(start[name]))


def test_equal_settings_make_equal_steps():
    """Else every training would be compiled anew."""
    for compressed in (False, True):
        one, other = (make_step(["leaky_relu:0.2"], 0.3, compressed=compressed) for _ in range(2))
        assert one == other
        assert hash(one) == hash(other)
        assert one != make_step(["leaky_relu:0.3"], 0.3, compressed=compressed)
        assert one != make_step(["leaky_relu:0.2"], 0.31, compressed=compressed)
