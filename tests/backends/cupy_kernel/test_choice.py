"""The kernel is taken where it may be, and where its first step is right; else nothing changes."""

import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from portable_dnn.training.first_layer import WEIGHTS

from portable_dnn.arrays.registry import get_backend
from portable_dnn.arrays.repeat import one_by_one
from portable_dnn.network.activations import ACTIVATIONS, leaky_relu, leaky_relu_backward

RELU = ACTIVATIONS["relu"]


@pytest.fixture
def problem(bench):
    return bench.problem([4, 3, 1], ["relu", "tanh"], 40)


def assert_general(bench, problem, card):
    """The run is the general one, to the bit, and the card is left alone."""
    run = bench.compiled(problem)
    measurements, got = run(problem.state, problem.data, problem.signs, 3)
    expected, state = one_by_one(problem.step)(problem.state, problem.data, problem.signs, 3)
    assert set(measurements) == set(expected)
    for name, array in state.items():
        np.testing.assert_array_equal(got[name], array)
    assert card.launches == []


def test_it_is_off_unless_asked_for(bench, problem, monkeypatch):
    for value in (None, "", "0", "yes"):
        if value is None:
            monkeypatch.delenv("PORTABLE_DNN_CUPY_KERNEL")
        else:
            monkeypatch.setenv("PORTABLE_DNN_CUPY_KERNEL", value)
        assert_general(bench, problem, bench.card())
    monkeypatch.setenv("PORTABLE_DNN_CUPY_KERNEL", "1")
    assert get_backend("cupy").versions()["PORTABLE_DNN_CUPY_KERNEL"] == "1"


def test_it_makes_no_tf32_products(bench, problem, monkeypatch):
    monkeypatch.setenv("CUPY_TF32", "1")
    assert_general(bench, problem, bench.card())


def test_a_measured_step_is_not_its_own(bench):
    assert_general(bench, bench.problem([3, 1], ["relu"], 5, measured=True), bench.card())


def test_any_function_can_be_compiled(bench):
    bench.card()
    run = get_backend("cupy").compile(lambda state, data, Y: ({}, {"n": state["n"] + Y}))
    assert run({"n": 0}, None, 7, 3) == ({}, {"n": 21})


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


def test_it_knows_the_span_only(bench, problem):
    bench.card()
    problem.step = replace(problem.step, first=WEIGHTS)
    assert bench.compiled(problem).__qualname__.startswith("one_by_one")


def test_arrays_of_others_are_not_its_own(bench, problem):
    card = bench.card()
    problem.signs = np.asarray(problem.signs)
    assert_general(bench, problem, card)


def test_dtypes_that_it_has_not_are_not_its_own(bench, problem):
    card = bench.card()
    problem.signs = problem.signs.astype("float32")
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
    """n_1 m² multiply-adds, and three times those of the deeper layers, are at most 2²⁴ a block."""
    problem = bench.problem([255, 1], ["relu"], 255)
    card = bench.card(major=8)
    bench.run(problem, 1)  # 255³ + 3 · 255 · 256 = 16 777 215
    assert card.launches == [1, 1]
    problem = bench.problem([256, 1], ["relu"], 255)
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
    with pytest.warns(RuntimeWarning) as caught:
        _, got = run(problem.state, problem.data, problem.signs, 2)
    (warning,) = caught
    said = str(warning.message)
    assert said.startswith("CuPy's kernel for whole stretches of steps is not used, because ")
    assert said.endswith("; the run goes on without it")
    assert f"because {reason};" in said
    _, expected = one_by_one(problem.step)(problem.state, problem.data, problem.signs, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is said once
        _, again = run(problem.state, problem.data, problem.signs, 2)
    for name, array in expected.items():
        np.testing.assert_array_equal(got[name], array)
        np.testing.assert_array_equal(again[name], array)
    assert len(card.launches) == (0 if broken == "compiler" else 1)


def test_rounding_of_another_precision_is_no_fault(bench, problem):
    """The bound is one: a step in float32 is within it of the same step in float64."""
    from portable_dnn_cupy.kernel.bounds import bounds
    from portable_dnn_cupy.kernel.recognize import hidden_of

    narrow = bench.problem([20, 7, 5, 1], ["relu", "tanh", "sigmoid"], 209, dtype="float32")
    wide = {name: array.astype("float64") for name, array in narrow.state.items()}
    data = type(narrow.data)(*(array.astype("float64") for array in narrow.data))
    _, exact = narrow.step(wide, data, narrow.signs.astype("float64"))
    _, rounded = narrow.step(narrow.state, narrow.data, narrow.signs)
    allowed = bounds(narrow.step, hidden_of(narrow.step), narrow.state, narrow.data, narrow.signs)
    for name, array in exact.items():
        off = np.abs(rounded[name] - array)
        assert np.all(off <= allowed[name])
        assert np.any(off > 0)
        # and no idle one: far below what the step moves
        assert np.max(allowed[name]) < 0.01 * np.max(np.abs(array - wide[name]))
