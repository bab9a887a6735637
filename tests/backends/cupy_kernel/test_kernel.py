"""The kernel computes the step: its body, built for the host, against NumPy's."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portable_dnn_cupy_kernel.bounds import bounds
from portable_dnn_cupy_kernel.recognize import hidden_of

ACTIVATIONS = ["relu", "leaky_relu", "leaky_relu:0.2", "leaky_relu:-1.5", "tanh", "sigmoid"]
KIB = 1024

# A cluster with K in shared memory; without; one block, likewise; one block in a workspace.
CARDS = {
    "cluster": {},
    "cluster-without-K": {"shared": 100 * KIB},
    "block": {"major": 8, "shared": 640 * KIB},
    "block-without-K": {"major": 8, "shared": 190 * KIB},
    "workspace": {"major": 8, "shared": 0},
}


def step_by_step(problem, state):
    """The same step launched operation by operation, and how far from it one may be."""
    _, expected = problem.step(state, problem.data, problem.Y)
    return expected, bounds(problem.step, hidden_of(problem.step), state, problem.data, problem.Y)


def assert_near(got, expected, bound):
    assert list(got) == list(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype
        off = np.abs(np.asarray(got[name]) - np.asarray(array))
        assert np.all(off <= np.asarray(bound[name])), (name, np.max(off / bound[name]))


def assert_same_bits(got, expected):
    for name, array in expected.items():
        np.testing.assert_array_equal(np.asarray(got[name]), np.asarray(array), err_msg=name)


@st.composite
def cases(draw):
    """Networks of 1 to 4 layers with several outputs, and cards that hold more or less of them."""
    hidden = draw(st.lists(st.sampled_from(ACTIVATIONS), max_size=3))
    units = [draw(st.integers(1, 9)) for _ in range(len(hidden) + 1)]
    m = draw(st.integers(1, 40) | st.sampled_from([64, 65, 250]))
    settings = {
        "major": draw(st.sampled_from([8, 9])),
        "shared": draw(st.sampled_from([0, 8, 30, 227])) * KIB,
        "order": draw(st.integers(0, 3)),
    }
    dtype = draw(st.sampled_from(["float32", "float64"]))
    return units, hidden, m, dtype, draw(st.integers(0, 10**6)), settings


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(case=cases())
def test_a_launch_is_a_step(bench, case):
    units, hidden, m, dtype, seed, settings = case
    problem = bench.problem(units, hidden, m, dtype=dtype, seed=seed)
    before = {name: array.copy() for name, array in problem.state.items()}
    card = bench.card(**settings)
    got = bench.run(problem, 1)
    assert card.launches == [1, 1]  # the first to compare
    assert_same_bits(problem.state, before)
    assert_near(got, *step_by_step(problem, problem.state))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("card", CARDS)
def test_the_published_shape(bench, dtype, card):
    """Each of fifty steps is the step, and how they are cut into launches changes no bit."""
    problem = bench.problem([20, 7, 5, 1], ["relu"] * 3, 209, dtype=dtype, n_x=300, rate=0.03)
    pretend = bench.card(**CARDS[card])
    run, state = bench.compiled(problem), problem.state
    for _ in range(50):
        _, after = run(state, problem.data, problem.Y)
        assert_near(after, *step_by_step(problem, state))
        state = after
    assert_same_bits(bench.run(problem, 50), state)
    assert_same_bits(bench.run(problem, 13, 1, 36), state)
    assert pretend.launches == [1, *[1] * 50, 1, 50, 1, 13, 1, 36]
    assert all(np.any(state[name] != problem.state[name]) for name in state)


@pytest.mark.parametrize("hidden", [["relu", "tanh", "sigmoid"], ["leaky_relu"], []], ids=str)
def test_no_bit_depends_on_who_does_what_when(bench, hidden):
    """Shares, threads, their order, and where K lies: a missing barrier would show here."""
    problem = bench.problem([21, 7, 5, 2][: len(hidden)] + [3], hidden, 209, n_x=40)
    bench.card()
    expected = bench.run(problem, 3)
    for card, settings in CARDS.items():
        for threads, order in [(1, 0), (5, 1), (32, 2), (640, 3), (97, 3)]:
            pretend = bench.card(**settings, threads=threads, order=order)
            assert_same_bits(bench.run(problem, 3), expected)
            assert pretend.launches == [1, 3], card


def test_what_is_not_a_number_stays_so(bench):
    """A run that diverges shows it in the same way."""
    problem = bench.problem([3, 2, 1], ["relu", "tanh"], 40)
    problem.state["Z1"][1, 5] = np.nan
    bench.card()
    got, (expected, _) = bench.run(problem, 1), step_by_step(problem, problem.state)
    for name, array in expected.items():
        np.testing.assert_array_equal(np.isnan(got[name]), np.isnan(array), err_msg=name)


def test_arrays_that_are_not_contiguous_are_no_others(bench):
    problem = bench.problem([3, 2, 1], ["relu", "tanh"], 40)
    bench.card()
    expected = bench.run(problem, 2)
    problem.state = {name: bench.on_card(array.T).T for name, array in problem.state.items()}
    problem.Y = bench.on_card(np.repeat(problem.Y, 2, axis=1))[:, ::2]
    assert not problem.state["Z1"].flags.c_contiguous
    assert_same_bits(bench.run(problem, 2), expected)
