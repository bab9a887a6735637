"""The kernel on a real card, in each of its ways: it takes the step, however a run is cut."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from portable_dnn import place
from portable_dnn.arrays.registry import get_backend
from portable_dnn.training.batches import Batch
from portable_dnn.training.step import Bound, State
from portable_dnn_cupy.kernel import launch
from portable_dnn_cupy.kernel.bounds import bounds
from portable_dnn_cupy.kernel.layout import Card
from portable_dnn_cupy.kernel.recognize import hidden_of
from tests.backends.cupy_kernel.conftest import Problem, make_problem

KIB = 1024

# What a card is taken for, and whether the published shape then has 8 shares, and shared memory.
CARDS = {
    "cluster": (Card(True, 227 * KIB), (8, True)),
    "cluster-without-K": (Card(True, 60 * KIB), (8, True)),
    "cluster-workspace": (Card(True, 0), (8, False)),
    "block-without-K": (Card(False, 190 * KIB), (1, True)),
    "block-workspace": (Card(False, 0), (1, False)),
}
NETWORKS = [
    ([20, 7, 5, 1], ["relu", "relu", "relu"], 209),
    ([9, 4, 3], ["leaky_relu:0.2", "tanh"], 70),
    ([5, 2], ["sigmoid"], 33),
    ([3], [], 20),
]


@pytest.fixture
def as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No switch is set, and a kernel that is not used is an error, by pytest's settings."""
    for name in ("PORTABLE_DNN_CUPY_KERNEL", "CUPY_TF32"):
        monkeypatch.delenv(name, raising=False)


def moved(problem: Problem, device: str) -> Problem:
    """Place a problem on the card."""

    def put(array: Any) -> Any:
        return place(np.asarray(array), device)

    parameters = {name: put(array) for name, array in problem.state.parameters.items()}
    *arrays, m = problem.batch
    return Problem(problem.step, State(parameters, {}), Batch(*map(put, arrays), m))


CASES = [
    pytest.param(case, network, dtype, id=f"{name}-{len(network[0])} layers-{dtype}")
    for (name, case), network, dtype in product(CARDS.items(), NETWORKS, ("float32", "float64"))
]


@pytest.mark.usefixtures("as_it_comes")
@pytest.mark.parametrize(("case", "network", "dtype"), CASES)
def test_a_launch_is_a_step_and_cuts_change_no_bit(cupy_device, monkeypatch, case, network, dtype):
    (pretended, expected), (units, hidden, m) = case, network
    plans = []

    def plan(network, card):
        able = Card(card.clusters and pretended.clusters, min(card[1], pretended[1]))
        plans.append(plan_for(network, able))
        return plans[-1]

    plan_for = launch.plan
    monkeypatch.setattr(launch, "plan", plan)
    problem = moved(make_problem(units, hidden, m, dtype=dtype, seed=m, n_x=300), cupy_device)
    backend = get_backend("cupy")
    xp = backend.namespace()
    general = backend.repeat(Bound(problem.step, xp))
    run, state = backend.compile(general), problem.state
    known = hidden_of(general)
    for _ in range(4):
        after = run(state, problem.batch, {}, 1)
        by_operations = general(state, problem.batch, {}, 1).parameters
        allowed = bounds(problem.step, known, state.parameters, problem.batch, xp)
        for name, array in by_operations.items():
            assert bool(xp.all(xp.abs(after.parameters[name] - array) <= allowed[name])), name
        state = after
    at_once = run(problem.state, problem.batch, {}, 4).parameters
    for name, array in state.parameters.items():
        assert bool(xp.all(at_once[name] == array)), name
    (planned,) = plans
    if len(units) == 4 and able_of(cupy_device) >= pretended:
        assert (planned.shares, planned.shared_bytes > 0) == expected


def able_of(device: str) -> Card:
    """What the card really is."""
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(int(device.rpartition(":")[2]))
    return Card(properties["major"] >= 9, int(properties["sharedMemPerBlockOptin"]))
