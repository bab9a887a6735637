"""The very training step, and the public functions, judged as anybody's program is."""

from functools import partial

import numpy as np
import pytest

import portable_dnn as p
from portable_dnn.arrays.devices import choose_device
from portable_dnn.equivalence import compare_function
from portable_dnn.training.batches import Batch
from portable_dnn.training.layer_forms import enter
from portable_dnn.training.settings import Settings
from portable_dnn.training.step import Bound, State, forms_for, step_of

DIMS, SAMPLES, STEPS = (48, 7, 5, 1), 30, 3
_random = np.random.RandomState(4)
X = _random.uniform(0, 1, (DIMS[0], SAMPLES))
Y = _random.randint(0, 2, (1, SAMPLES))
START = p.initialize_parameters_deep(DIMS)


def begun(X, Y, start, settings, compressed, xp):
    """Make what a training begins with, as `train` does."""
    step = step_of(settings, forms_for(len(DIMS) - 1, compressed=compressed))
    held, inputs = enter(step.forms, start, X, xp=xp)
    targets = step.head.targets(Y, dtype=X.dtype, xp=xp)
    batch = Batch(inputs, targets, xp.ones((1, SAMPLES), dtype=X.dtype), SAMPLES)
    return step, State(held, {}), batch


def trained(X, Y, start, *, xp, settings, compressed):
    step, state, batch = begun(X, Y, start, settings, compressed, xp)
    for _ in range(STEPS):
        state = step(state, batch, {}, xp=xp)
    return dict(state.parameters)


def compiled(X, Y, start, *, settings, compressed, backend, steps=STEPS):
    """The same in a stretch that the backend has compiled, as `train` runs it."""
    xp = backend.namespace()
    step, state, batch = begun(X, Y, start, settings, compressed, xp)
    stretch = backend.compile(backend.repeat(Bound(step, xp)))
    return dict(stretch(state, batch, {}, steps).parameters)


@pytest.mark.parametrize("hidden", ["relu", "tanh", "leaky_relu:0.1", "sigmoid"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_training_is_right_operation_by_operation_and_as_a_whole(
    default_device, dtype, compressed, hidden
):
    settings = Settings(layers=DIMS[1:-1], hidden=hidden, learning_rate=0.1, dtype=dtype)
    kept = {"settings": settings, "compressed": compressed}
    backend = choose_device(default_device).backend
    report = compare_function(
        partial(trained, **kept),
        *(X, Y, START),
        backend=default_device,
        dtype=dtype,
        compiled=partial(compiled, **kept, backend=backend),
    )
    assert report.outcome == "right", str(report)
    assert {one.verdict for one in report.results} == {"right"}
    places = {one.where.partition(":")[0] for one in report.operations}
    assert {"layer_forms.py", "heads.py", "optimizers.py"} <= places
    assert ("span.py" in places) == compressed


@pytest.mark.parametrize("compressed", [False, True])
def test_a_compiled_stretch_that_does_something_else_is_wrong(compressed):
    right = Settings(layers=DIMS[1:-1], learning_rate=0.1, dtype="float32")
    backend = choose_device("cpu").backend
    other_rate = Settings(layers=DIMS[1:-1], learning_rate=0.10001, dtype="float32")

    def a_sample_twice(X, Y, start):
        X, Y = (np.concatenate((a[:, :-1], a[:, :1]), axis=1) for a in (X, Y))
        return compiled(X, Y, start, settings=right, compressed=compressed, backend=backend)

    kept = {"compressed": compressed, "backend": backend}
    others = {
        "a step short": partial(compiled, **kept, settings=right, steps=STEPS - 1),
        "another rate": partial(compiled, **kept, settings=other_rate),
        "a sample twice": a_sample_twice,
    }
    for name, other in others.items():
        program = partial(trained, settings=right, compressed=compressed)
        report = compare_function(program, X, Y, START, dtype="float32", compiled=other)
        assert report.outcome == "wrong", name
        assert report.headline.startswith("WRONG as a whole: result"), name


CALLS = {
    "forward": lambda X, Y, start, xp: p.L_model_forward(X, start, xp=xp)[0],
    "backward": lambda X, Y, start, xp: p.L_model_backward(
        *_forward_and_labels(X, Y, start, xp), xp=xp
    ),
    "cost": lambda X, Y, start, xp: p.compute_cost(p.L_model_forward(X, start, xp=xp)[0], Y, xp=xp),
    "cost from logits": lambda X, Y, start, xp: p.compute_cost_from_logits(
        p.L_model_forward(X, start, xp=xp)[1][-1].activation, Y, xp=xp
    ),
    "update": lambda X, Y, start, xp: p.update_parameters(
        start, p.L_model_backward(*_forward_and_labels(X, Y, start, xp), xp=xp), 0.1, xp=xp
    ),
    "predict": lambda X, Y, start, xp: p.predict(X, start),
}


def _forward_and_labels(X, Y, start, xp):
    AL, caches = p.L_model_forward(X, start, xp=xp)
    return AL, Y, caches


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CALLS)
def test_public_functions_are_right(default_device, name, dtype):
    report = compare_function(CALLS[name], X, Y, START, backend=default_device, dtype=dtype)
    assert report.outcome in ("right", "right in part"), str(report)
    assert not report.of("not judged"), str(report)
    assert {one.verdict for one in report.results} == {"right"}, str(report)
