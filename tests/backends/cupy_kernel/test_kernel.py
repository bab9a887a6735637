"""The kernel computes the step: its body, built for the host, against NumPy's."""

from copy import deepcopy

import array_api_compat.numpy as xp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portable_dnn.arrays.repeat import OneByOne
from portable_dnn.training.step import Bound
from portable_dnn_cupy.kernel.bounds import bounds
from portable_dnn_cupy.kernel.recognize import hidden_of

ACTIVATIONS = ["relu", "leaky_relu", "leaky_relu:0.2", "leaky_relu:-1.5", "tanh", "sigmoid"]
KIB = 1024

# For the published shape, and whether it then has 8 shares, keeps K, and in shared memory.
CARDS = {
    "cluster": ({}, (8, True, True)),
    "cluster-without-K": ({"shared": 60 * KIB}, (8, False, True)),
    "cluster-workspace": ({"shared": 0}, (8, False, False)),
    "block": ({"major": 8, "shared": 1000 * KIB}, (1, True, True)),
    "block-without-K": ({"major": 8, "shared": 190 * KIB}, (1, False, True)),
    "block-workspace": ({"major": 8, "shared": 0}, (1, False, False)),
}


def step_by_step(problem, state):
    """The same step launched operation by operation, and how far from it one may be."""
    hidden = hidden_of(OneByOne(Bound(problem.step, xp)))
    bound = bounds(problem.step, hidden, state.parameters, problem.batch, xp)
    return problem.stepped(state), bound


def assert_near(got, expected, bound):
    got, expected = got.parameters, expected.parameters
    assert list(got) == list(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype
        off = np.abs(np.asarray(got[name]) - np.asarray(array))
        assert np.all(off <= np.asarray(bound[name])), (name, np.max(off / bound[name]))


def assert_same_bits(got, expected):
    got, expected = got.parameters, expected.parameters
    for name, array in expected.items():
        np.testing.assert_array_equal(np.asarray(got[name]), np.asarray(array), err_msg=name)


@st.composite
def cases(draw):
    """Networks of 1 to 4 layers with several outputs, and cards that hold more or less of them."""
    hidden = draw(st.lists(st.sampled_from(ACTIVATIONS), max_size=3))
    units = [draw(st.integers(1, 9)) for _ in range(len(hidden) + 1)]
    m = draw(st.integers(1, 40) | st.sampled_from([64, 65, 250]))
    able = {
        "major": draw(st.sampled_from([8, 9])),
        "shared": draw(st.sampled_from([0, 8, 30, 227])) * KIB,
        "order": draw(st.integers(0, 3)),
    }
    dtype = draw(st.sampled_from(["float32", "float64"]))
    return units, hidden, m, dtype, draw(st.integers(0, 10**6)), able


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(case=cases())
def test_a_launch_is_a_step(bench, case):
    units, hidden, m, dtype, seed, able = case
    problem = bench.problem(units, hidden, m, dtype=dtype, seed=seed)
    before = deepcopy(problem.state)
    card = bench.card(**able)
    got = bench.run(problem, 1)
    assert card.launches == [1, 1]  # the first to compare
    assert_same_bits(problem.state, before)
    assert_near(got, *step_by_step(problem, problem.state))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("card", CARDS)
def test_the_published_shape(bench, dtype, card):
    """Each of many steps is the step, and how they are cut into launches changes no bit."""
    problem = bench.problem([20, 7, 5, 1], ["relu"] * 3, 209, dtype=dtype, n_x=300, rate=0.03)
    steps = 50 if card == "cluster" else 5
    able, mode = CARDS[card]
    pretend = bench.card(**able)
    run, state = bench.compiled(problem), problem.state
    for _ in range(steps):
        after = run(state, problem.batch, {}, 1)
        assert_near(after, *step_by_step(problem, state))
        state = after
    assert_same_bits(bench.run(problem, steps), state)
    assert_same_bits(bench.run(problem, 2, 1, steps - 3), state)
    assert pretend.launches == [1, *[1] * steps, 1, steps, 1, 2, 1, steps - 3]
    assert pretend.modes == {mode}
    start = problem.state.parameters
    assert all(np.any(array != start[name]) for name, array in state.parameters.items())


@pytest.mark.parametrize(
    ("hidden", "shared", "keeps"),
    [
        (["relu", "tanh"], 100, True),
        (["relu", "tanh"], 40, False),
        ([], 100, True),
        ([], 12, False),
    ],
)
def test_one_block_is_a_step(bench, hidden, shared, keeps):
    """Small and on one block: `test_source.py` also has it run by real threads."""
    problem = bench.problem([*[6, 5][: len(hidden)], 3], hidden, 70)
    card = bench.card(major=8, shared=shared * KIB, threads=13)
    first = bench.run(problem, 1)
    assert_near(first, *step_by_step(problem, problem.state))
    assert_same_bits(bench.run(problem, 3), bench.run(problem, 1, 2))
    assert card.modes == {(1, keeps, True)}


@pytest.mark.parametrize("hidden", [["leaky_relu", "tanh", "sigmoid"], []], ids=str)
def test_no_bit_depends_on_who_does_what_when(bench, hidden):
    """Shares, threads, their order, and where K lies: a missing barrier would show here."""
    problem = bench.problem([*[21, 7, 5][: len(hidden)], 3], hidden, 209, n_x=40)
    bench.card()
    expected = bench.run(problem, 3)
    for card, _ in CARDS.values():
        for threads, order in [(1, 0), (5, 1), (640, 2), (97, 3)]:
            pretend = bench.card(**card, threads=threads, order=order)
            assert_same_bits(bench.run(problem, 3), expected)
            assert pretend.launches == [1, 3]


def test_what_is_not_a_number_stays_so(bench):
    """A run that diverges shows it in the same way."""
    problem = bench.problem([3, 2, 1], ["relu", "tanh"], 40)
    problem.state.parameters["Z1"][1, 5] = np.nan
    bench.card()
    got, (expected, _) = bench.run(problem, 1), step_by_step(problem, problem.state)
    for name, array in expected.parameters.items():
        found = got.parameters[name]
        np.testing.assert_array_equal(np.isnan(found), np.isnan(array), err_msg=name)


def test_arrays_that_are_not_contiguous_are_no_others(bench):
    problem = bench.problem([3, 2, 1], ["relu", "tanh"], 40)
    bench.card()
    expected = bench.run(problem, 2)
    parameters = problem.state.parameters
    turned = {name: bench.on_card(array.T).T for name, array in parameters.items()}
    problem.state = problem.state._replace(parameters=turned)
    problem.with_targets(bench.on_card(np.repeat(problem.batch.targets, 2, axis=1))[:, ::2])
    assert not turned["Z1"].flags.c_contiguous
    assert_same_bits(bench.run(problem, 2), expected)
