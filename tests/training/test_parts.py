"""The seams of the step: a rule, a penalty and workers that the library does not have fit in.

Each part is written here as a user of the design would write it: one class, and for the rule one
row in its table.
"""

import threading
from dataclasses import dataclass, replace

import numpy as np
import pytest

from portable_dnn import compute_cost_from_logits, initialize_parameters_deep, place, to_host, train
from portable_dnn.arrays.namespaces import common_namespace
from portable_dnn.errors import SettingError
from portable_dnn.training import optimizers
from portable_dnn.training.batches import Batch
from portable_dnn.training.layer_forms import Weights, enter, leave, ones_for
from portable_dnn.training.measurements import Measure
from portable_dnn.training.settings import Settings
from portable_dnn.training.step import State, forms_for, step_of

ITERATIONS = 60


@dataclass(frozen=True)
class Momentum:
    """v ← μ v + dW, W ← W − α_t v, where α_t falls with the iteration."""

    learning_rate: float
    momentum: float = 0.9
    decay: float = 0.0
    gradient_scale = 1.0
    linear = True

    def init(self, parameters, *, xp):
        return {f"v {name}": xp.zeros_like(array) for name, array in parameters.items()}

    def rates(self, iteration):
        return (-self.learning_rate / (1.0 + self.decay * iteration),)

    def update(self, gradients, parameters, slots, rates):
        slots = {f"v {n}": self.momentum * slots[f"v {n}"] + gradients[n] for n in parameters}
        after = {n: array + rates[0] * slots[f"v {n}"] for n, array in parameters.items()}
        return after, slots


@dataclass(frozen=True)
class L2:
    """λ/2 Σ W²."""

    strength: float

    def cost(self, W, *, xp):
        return 0.5 * self.strength * xp.sum(W * W)

    def derivative(self, W):
        return self.strength * W


@pytest.fixture
def momentum(monkeypatch):
    table = {**optimizers.OPTIMIZERS, "momentum": Momentum}
    monkeypatch.setattr(optimizers, "OPTIMIZERS", table)
    return Settings(
        (6, 4), ("tanh",), optimizer="momentum:0.9,0.01", learning_rate=0.05, iterations=ITERATIONS
    )


def problem(random, n_x=40, m=12, dims=(6, 4, 1)):
    X, Y = random.uniform(-1, 1, (n_x, m)), random.randint(0, 2, (dims[-1], m))
    return X, Y.astype(np.float64), initialize_parameters_deep([n_x, *dims])


def by_hand(X, Y, start, settings):
    """The rule as a textbook has it, on whole gradients."""
    step = step_of(replace(settings, optimizer="gradient_descent"), forms_for(3, compressed=False))
    rule, xp = Momentum(0.05, 0.9, 0.01), common_namespace({"X": X})
    held, inputs = enter(step.forms, start, X, xp=xp)
    targets = step.head.targets(Y, dtype=X.dtype, xp=xp)
    batch = Batch(inputs, targets, ones_for(X, xp=xp), X.shape[1])
    v = {name: np.zeros_like(array) for name, array in held.items()}
    for t in range(ITERATIONS):
        gradients = step.gradients(held, batch, xp=xp)
        for name in held:
            v[name] = 0.9 * v[name] + gradients[name]
            held = {**held, name: held[name] - 0.05 / (1 + 0.01 * t) * v[name]}
        assert rule.rates(t) == (-0.05 / (1 + 0.01 * t),)
    return leave(step.forms, held, start, X, xp=xp)


@pytest.mark.parametrize("compress", ["on", "off"])
def test_a_rule_trains_as_it_is_defined(device, random, momentum, compress):
    """In the span, too: it is linear, and is told another rate in each step."""
    X, Y, start = problem(random)
    expected = by_hand(X, Y, start, momentum)
    X, Y, start = (place(what, device) for what in (X, Y, start))
    found, history = train(X, Y, start, replace(momentum, compress=compress))
    assert history.compressed == (compress == "on")
    for name, array in expected.items():
        np.testing.assert_allclose(to_host(found[name]), array, rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("compress", ["on", "off"])
def test_a_rule_resumes_with_the_same_bits(device, random, momentum, compress):
    X, Y, start = (place(what, device) for what in problem(random))
    settings = replace(momentum, compress=compress)
    snapshots = []

    def look(progress):
        progress.callback_state["looks"] = progress.callback_state.get("looks", 0) + 1
        snapshots.append(progress.snapshot)

    whole = train(X, Y, start, settings, record_every=20, callback=look)
    begin = snapshots[32]
    assert begin.callback_state == {"looks": 33}
    assert {name.removeprefix("v ") for name in begin.state.slots} == set(begin.state.parameters)
    host = State(*({n: np.array(to_host(a)) for n, a in part.items()} for part in begin.state))
    rest = train(X, Y, start, settings, record_every=20, begin=replace(begin, state=host))
    assert rest.history == whole.history
    for name, array in whole.parameters.items():
        np.testing.assert_array_equal(to_host(rest.parameters[name]), to_host(array))


def test_a_penalty_is_added_to_the_gradient(default_device, random):
    """Against differences of the cost and λ/2 Σ W²; b is left alone."""
    X, Y, start = problem(random, n_x=5)
    X, Y, start = (place(what, default_device) for what in (X, Y, start))
    xp = common_namespace({"X": X})
    forms = [Weights(f"W{layer}", f"b{layer}") for layer in (1, 2, 3)]
    step = replace(step_of(Settings((6, 4), ("tanh",)), forms), penalty=L2(0.3))
    held, inputs = enter(forms, start, X, xp=xp)
    targets = step.head.targets(Y, dtype=X.dtype, xp=xp)
    batch = Batch(inputs, targets, ones_for(X, xp=xp), X.shape[1])

    def minimised(parameters):
        logits = step.forward(parameters, batch, xp)[0][-1]
        squares = sum(float(xp.sum(parameters[f"W{i}"] ** 2)) for i in (1, 2, 3))
        return float(compute_cost_from_logits(logits, Y)) + 0.15 * squares

    measured = Measure(step)(State(held, {}), batch, xp=xp)
    assert float(measured["cost"]) == pytest.approx(minimised(held), abs=1e-14)
    gradients = to_host(step.gradients(held, batch, xp=xp))
    for name, array in held.items():
        shift = np.zeros(tuple(array.shape))
        shift[0, 0] = 1e-6
        there = place(shift, default_device)
        above, below = (minimised({**held, name: array + s}) for s in (there, -there))
        assert gradients[name][0, 0] == pytest.approx((above - below) / 2e-6, abs=1e-8)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_penalty_is_never_left_out_in_silence(compressed):
    """With W and b in one matrix, or layer 1 in the span, it could not act on W alone."""
    step = step_of(Settings((6, 4)), forms_for(3, compressed=compressed))
    with pytest.raises(SettingError, match="a penalty cannot act on W"):
        replace(step, penalty=L2(0.3))


class Worker:
    """One of two workers in threads: its gradients are added to the other's."""

    def __init__(self, barrier, shared, rank):
        self.barrier, self.shared, self.rank = barrier, shared, rank

    def sum(self, arrays):
        self.shared[self.rank] = arrays
        self.barrier.wait(30)
        first, second = self.shared
        total = {name: first[name] + second[name] for name in first}
        self.barrier.wait(30)
        return total


def test_two_workers_take_the_step_of_one(random):
    """Each with its samples, and m of both: the step divides by what it is told."""
    X, Y, start = problem(random, m=11)
    settings = Settings((6, 4), ("tanh",), learning_rate=0.3)
    forms, xp = forms_for(3, compressed=False), common_namespace({"X": X})

    def take(step, x, y):
        held, inputs = enter(step.forms, start, x, xp=xp)
        targets = step.head.targets(y, dtype=x.dtype, xp=xp)
        state = State(held, {})
        for _ in range(5):
            batch = Batch(inputs, targets, ones_for(x, xp=xp), X.shape[1])
            state = step(state, batch, {}, xp=xp)
        return state.parameters

    expected = take(step_of(settings, forms), X, Y)
    barrier, shared, found = threading.Barrier(2), [None, None], [None, None]

    def work(rank, part):
        step = step_of(settings, forms, reduce=Worker(barrier, shared, rank))
        found[rank] = take(step, X[:, part], Y[:, part])

    parts = (slice(0, 4), slice(4, 11))
    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(parts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[0][name], found[1][name])
        np.testing.assert_allclose(found[0][name], array, rtol=0, atol=1e-14)
