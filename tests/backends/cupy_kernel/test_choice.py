"""The kernel is taken where it may be, and where its first step is right; else nothing changes."""

import warnings
from dataclasses import fields, replace
from functools import partial
from types import SimpleNamespace

import array_api_compat.numpy as xp
import numpy as np
import pytest

from portable_dnn.arrays.registry import get_backend
from portable_dnn.arrays.repeat import OneByOne
from portable_dnn.errors import PortableDnnWarning
from portable_dnn.network.activations import ACTIVATIONS, leaky_relu, leaky_relu_backward
from portable_dnn.training.batches import Batch
from portable_dnn.training.layer_forms import Weights
from portable_dnn.training.optimizers import GradientDescent
from portable_dnn.training.step import Bound, State, TrainingStep, forms_for
from portable_dnn_cupy.kernel import recognize
from portable_dnn_cupy.kernel.bounds import bounds
from portable_dnn_cupy.kernel.recognize import hidden_of

RELU = ACTIVATIONS["relu"]


@pytest.fixture
def problem(bench):
    return bench.problem([4, 3, 1], ["relu", "tanh"], 40)


def assert_general(bench, problem, card):
    """The run is the general one, to the bit, and the card is left alone."""
    got = bench.compiled(problem)(problem.state, problem.batch, {}, 3)
    for name, array in problem.stepped(times=3).parameters.items():
        np.testing.assert_array_equal(got.parameters[name], array)
    assert card.launches == []


def test_it_can_be_switched_off(bench, problem, monkeypatch):
    for value in ("", "1"):
        monkeypatch.setenv("PORTABLE_DNN_CUPY_KERNEL", value)
        card = bench.card()
        bench.run(problem, 1)
        assert card.launches == [1, 1]
    monkeypatch.setenv("PORTABLE_DNN_CUPY_KERNEL", "0")
    assert_general(bench, problem, bench.card())
    assert get_backend("cupy").versions()["PORTABLE_DNN_CUPY_KERNEL"] == "0"


def test_a_launch_takes_a_thousand_steps_at_most(bench):
    problem = bench.problem([2, 1], ["relu"], 5)
    card = bench.card()
    whole = bench.run(problem, 2001)
    assert card.launches == [1, 1000, 1000, 1]
    cut = bench.run(problem, 700, 1301)
    for name, array in whole.parameters.items():
        np.testing.assert_array_equal(cut.parameters[name], array)


def test_it_makes_no_tf32_products(bench, problem, monkeypatch):
    monkeypatch.setenv("CUPY_TF32", "1")
    assert_general(bench, problem, bench.card())


def test_any_function_can_be_compiled(bench):
    bench.card()
    backend = get_backend("cupy")
    run = backend.compile(backend.repeat(lambda state, batch, row: {"n": state["n"] + batch}))
    assert run({"n": 0}, 7, {}, 3) == {"n": 21}
    assert backend.compile(lambda a, b: a + b)(1, 2) == 3


FIELDS = {
    "forms": forms_for(3, compressed=False),
    "activations": (RELU, replace(RELU, name="mine")),
    "head": object(),
    "optimizer": SimpleNamespace(learning_rate=0.3),
    "penalty": SimpleNamespace(),
    "reduce": object(),
}


@pytest.mark.parametrize("field", [f.name for f in fields(TrainingStep)])
def test_a_step_with_any_field_at_another_value_is_not_its_own(bench, problem, field):
    """Recognised is what equals a step that it can do, so a field nobody thought of counts too."""
    bench.card()
    bound = OneByOne(Bound(problem.step, np))
    assert hidden_of(bound) is not None
    changes = {field: FIELDS[field]}
    if field == "penalty":  # which needs other forms
        changes["forms"] = tuple(Weights(f"W{layer}", f"b{layer}") for layer in (1, 2, 3))
    other = OneByOne(Bound(replace(problem.step, **changes), np))
    assert hidden_of(other) is None
    assert get_backend("cupy").compile(other) is other


def test_a_rule_of_another_class_is_not_its_own(bench, problem):
    class Faster(GradientDescent):
        pass

    step = replace(problem.step, optimizer=Faster(0.3))
    assert hidden_of(OneByOne(Bound(step, np))) is None


def test_steps_that_are_told_something_each_time_are_not_its_own(bench, problem):
    card = bench.card()
    run = bench.compiled(problem)
    rows = {"rates": bench.on_card(np.zeros((2, 0)))}
    got = run(problem.state, problem.batch, rows, 2)
    np.testing.assert_array_equal(got.parameters["Z1"], problem.stepped(times=2).parameters["Z1"])
    assert card.launches == []


def test_samples_of_other_workers_are_not_its_own(bench, problem):
    """m is then more than there are columns here."""
    card = bench.card()
    problem.batch = problem.batch._replace(m=80)
    assert_general(bench, problem, card)


ODD = {
    "another function": replace(RELU, forward=lambda Z, *, xp: (2.0 * xp.maximum(Z, 0.0), Z)),
    "another name": replace(RELU, name="mine"),
    "another derivative": replace(RELU, backward=ACTIVATIONS["tanh"].backward),
    "two slopes": replace(
        RELU,
        name="leaky_relu:0.2",
        forward=partial(leaky_relu, slope=0.2),
        backward=partial(leaky_relu_backward, slope=0.3),
    ),
    "no slope": replace(
        RELU, forward=partial(leaky_relu), backward=partial(leaky_relu_backward)
    ),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_it_knows_our_activations_only(bench, odd):
    problem = bench.problem([4, 3, 1], [ODD[odd], "relu"], 40)
    assert_general(bench, problem, bench.card())


def test_a_new_activation_of_ours_is_not_its_own(bench, monkeypatch):
    new = replace(ACTIVATIONS["tanh"], name="softsign")
    monkeypatch.setattr(recognize, "ACTIVATIONS", {**ACTIVATIONS, "softsign": new})
    assert_general(bench, bench.problem([4, 3, 1], [new, "relu"], 40), bench.card())


def test_arrays_of_others_are_not_its_own(bench, problem):
    card = bench.card()
    problem.with_targets(np.asarray(problem.batch.targets))
    assert_general(bench, problem, card)


def test_dtypes_that_it_has_not_are_not_its_own(bench, problem):
    card = bench.card()
    problem.with_targets(problem.batch.targets.astype("float32"))
    assert_general(bench, problem, card)


def test_too_many_layers(bench):
    """Sixteen it takes, seventeen it does not."""
    for layers in (16, 17):
        card = bench.card()
        problem = bench.problem([2] * layers, ["tanh"] * (layers - 1), 5)
        if layers == 16:
            bench.run(problem, 2)
            assert card.launches == [1, 2]
        else:
            assert_general(bench, problem, card)


def test_too_much_work_for_one_block(bench):
    """n_1 m² multiply-adds, and three times those of the deeper layers, are at most 2²² a block."""
    problem = bench.problem([160, 1], ["relu"], 160)
    card = bench.card(major=8)
    bench.run(problem, 1)  # 160³ + 3 · 160 · 161 = 4 173 280
    assert card.launches == [1, 1]
    problem = bench.problem([161, 1], ["relu"], 160)
    assert_general(bench, problem, bench.card(major=8))
    card = bench.card(major=9)  # eight blocks may do more
    bench.run(problem, 1)
    assert card.launches == [1, 1]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("compiler", "error: no such architecture"),
        ("factor", "its Z1 differs from the step's by more than rounding"),
        ("slope", "its Z1 differs from the step's by more than rounding"),
    ],
)
def test_a_kernel_that_fails_is_not_used(bench, broken, reason):
    """One part in a million too much is seen; a slope too, where there is one."""
    problem = bench.problem([4, 3, 1], ["leaky_relu:0.3", "tanh"], 40)
    card = bench.card(broken=broken)
    run = bench.compiled(problem)
    with pytest.warns(PortableDnnWarning) as caught:
        got = run(problem.state, problem.batch, {}, 2)
    (warning,) = caught
    said = str(warning.message)
    assert said.startswith("CuPy's kernel for whole stretches of steps is not used, because ")
    assert said.endswith("; the run goes on without it")
    assert f"because {reason};" in said
    expected = problem.stepped(times=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said once
        again = run(problem.state, problem.batch, {}, 2)
    for name, array in expected.parameters.items():
        np.testing.assert_array_equal(got.parameters[name], array)
        np.testing.assert_array_equal(again.parameters[name], array)
    assert len(card.launches) == (0 if broken == "compiler" else 1)


def test_rounding_of_another_precision_is_no_fault(bench, problem):
    """The bound is one: a step in float32 is within it of the same step in float64."""
    narrow = bench.problem([20, 7, 5, 1], ["relu", "tanh", "sigmoid"], 209, dtype="float32")
    start, (*arrays, m) = narrow.state.parameters, narrow.batch
    wide = {name: array.astype("float64") for name, array in start.items()}
    batch = Batch(*(array.astype("float64") for array in arrays), m)
    exact = narrow.step(State(wide, {}), batch, {}, xp=xp).parameters
    rounded = narrow.stepped().parameters
    hidden = hidden_of(OneByOne(Bound(narrow.step, xp)))
    allowed = bounds(narrow.step, hidden, start, narrow.batch, xp)
    for name, array in exact.items():
        off = np.abs(rounded[name] - array)
        assert np.all(off <= allowed[name])
        assert np.any(off > 0)
        # and no idle one: far below what the step moves
        assert np.max(allowed[name]) < 0.01 * np.max(np.abs(array - wide[name]))
