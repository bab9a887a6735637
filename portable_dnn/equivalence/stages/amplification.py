"""How far rounding errors drive two correct runs apart.

Training makes most rounding errors smaller, and amplifies some where a ReLU changes sides. That
amplification is measured on the reference alone: its initial weights are changed by the difference
that one step makes between the sides, added and subtracted, and by noise of the same size, and it
is trained again, several times. An error made in step s grows like one made in the start, and every
step makes one, so after t steps t + 1 times the largest growth seen so far is explained; of the
costs, and of the trained parameters. It is an estimate: a wrong operation is found in lockstep, a
wrong step by `whole_step`. Where runs differ by more, the comparison does not decide; and where
nothing was seen to round differently at all, the run is wrong.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.devices import Device
from portable_dnn.equivalence.limits.accuracy import Accuracy
from portable_dnn.equivalence.limits.distance import first_beyond, gap
from portable_dnn.equivalence.limits.repeats import class_sizes
from portable_dnn.equivalence.limits.rounding import unit_roundoff
from portable_dnn.equivalence.stages.failures import REFERENCE, TESTED, during
from portable_dnn.equivalence.stages.free_run import Run, Task, train_on

__all__ = ["ROUNDS", "amplified"]

ROUNDS = (range(2), range(2, 10))
"""Seeds of the noise by which the start is moved; the second ones if the first do not explain."""


def amplified(
    tested: Run,
    reference: Run,
    devices: tuple[Device, Device],
    task: Task,
    accuracy: Accuracy,
    rounds: Sequence[Iterable[int]],
) -> tuple[list[float], int | None]:
    """Change the reference's initial weights and train, to see how far rounding grows.

    Parameters
    ----------
    tested, reference, devices, task, accuracy
        As for `run_difference.compare_runs`.
    rounds : sequence of iterable of int
        `ROUNDS`; or none, where there is nothing to explain.

    Returns
    -------
    explained : list of float
        How far apart the costs may be, at each iteration that both recorded.
    beyond : int or None
        The first iteration at which they are farther apart; the last one where only the parameters
        are; None if there is none.
    """
    X, start, last = task.X, task.start, task.settings.iterations
    moved: list[Run] = []
    made, sizes, lost = _made_at_first(tested, reference, start), dict.fromkeys(start, 0.0), 0.0
    explained, beyond = _unexplained(tested, reference, moved, task, accuracy)
    for draws in rounds:
        if moved:
            made = _made_at_last(devices, task, reference)
            lost = float(np.finfo(X.dtype).tiny) if accuracy.flushes else 0.0
        sizes = {name: max(sizes[name], size) for name, size in _sizes(made).items()}
        if moved or not any(sizes.values()):
            # Products are rounded as if their weights were, also where a step moves them by less.
            u = unit_roundoff(X.dtype)
            sizes = {name: max(sizes[name], u * size) for name, size in _sizes(start).items()}
        for move in _moves(made, sizes, draws, lost):
            begin = {name: _moved(start[name], move[name], lost) for name in start}
            moved.append(train_on(devices[1], task._replace(start=begin), (last,)))
        explained, beyond = _unexplained(tested, reference, moved, task, accuracy)
        if beyond is None:
            break
    return explained, beyond


def _unexplained(
    tested: Run, reference: Run, moved: list[Run], task: Task, accuracy: Accuracy
) -> tuple[list[float], int | None]:
    """What moved runs explain, and the first iteration at which more is seen."""
    iterations = sorted(set(tested.costs) & set(reference.costs))
    costs = [reference.costs[i] for i in iterations]
    explained = _explained(iterations, costs, _growth(moved, reference), task.X, accuracy)
    differences = [abs(tested.costs[i] - reference.costs[i]) for i in iterations]
    beyond = first_beyond(iterations, differences, explained)
    if beyond is None and _parameters_beyond(tested, reference, moved, task, accuracy):
        beyond = task.settings.iterations
    return explained, beyond


def _made_at_first(
    tested: Run, reference: Run, start: Mapping[str, HostArray]
) -> dict[str, HostArray]:
    """What the first step makes between the sides."""
    ours, theirs = tested.parameters.get(1, start), reference.parameters.get(1, start)
    return {name: ours[name].astype(np.float64) - theirs[name] for name in start}


def _made_at_last(
    devices: tuple[Device, Device], task: Task, reference: Run
) -> dict[str, HostArray]:
    """What a step makes of the reference's last parameters; where they have grown, that is more."""
    begin = reference.parameters[max(reference.parameters)]
    one = task._replace(start=begin, settings=replace(task.settings, iterations=1))
    runs = []
    for side, device in zip((TESTED, REFERENCE), devices, strict=True):
        with during("the free run", side):
            runs.append(train_on(device, one, (1,)))
    return _made_at_first(runs[0], runs[1], begin)


def _moves(
    made: Mapping[str, HostArray], sizes: Mapping[str, float], draws: Iterable[int], lost: float
) -> Iterator[dict[str, HostArray]]:
    """How to move a start: by what a step makes, back and forth, and by noise as large.

    A library that takes numbers up to `lost` for 0 finds ReLUs at exactly 0 where others do not.
    So noise is never smaller.
    """
    for sign in (1.0, -1.0):
        yield {name: sign * array for name, array in made.items()}
    for draw in draws:
        random = np.random.RandomState(draw)
        yield {
            name: max(sizes[name], lost) * random.standard_normal(array.shape)
            for name, array in made.items()
        }


def _sizes(made: Mapping[str, HostArray]) -> dict[str, float]:
    """Root mean squares."""
    return {name: float(np.sqrt(np.mean(array**2))) for name, array in made.items()}


def _growth(moved: list[Run], reference: Run) -> dict[int, float]:
    """Largest difference of the reference's costs, by iteration, after its start is moved."""
    return {
        i: max(abs(run.costs[i] - cost) for run in moved if i in run.costs)
        for i, cost in reference.costs.items()
        if any(i in run.costs for run in moved)
    }


def _parameters_beyond(
    tested: Run, reference: Run, moved: list[Run], task: Task, accuracy: Accuracy
) -> bool:
    """Whether trained parameters are farther apart than is explained, as for the costs."""
    X, last = task.X, task.settings.iterations
    ours, theirs = tested.parameters.get(last), reference.parameters.get(last)
    runs = [run.parameters[last] for run in moved if last in run.parameters]
    if ours is None or theirs is None or not runs:
        return False
    # One scale for all arrays: a small bias is a sum that cancels, rounded as its terms are.
    largest = max(float(np.max(np.abs(array))) for array in theirs.values())
    rounding = 2.0 * math.sqrt(X.shape[1]) * unit_roundoff(X.dtype)
    # σ(z) − y is at most 1, and may be rounded equally for all samples: α times that moves a bias.
    functions = 2.0 * accuracy.exp + 4.0
    step = task.settings.learning_rate * functions * unit_roundoff(X.dtype)
    growth = max(_farthest(run, theirs) for run in runs)
    return _farthest(ours, theirs) > (last + 1) * (growth + step) + rounding * largest


def _farthest(a: Mapping[str, HostArray], b: Mapping[str, HostArray]) -> float:
    """Largest difference of all parameters."""
    return max(gap(a[name], array) for name, array in b.items())


def _moved(array: HostArray, noise: HostArray, zero: float) -> HostArray:
    """Add noise to start parameters; to those that are exactly 0 only this much, of its sign.

    A bias of 0 may put a ReLU at exactly 0 on either side; next to it lies another run.
    """
    return (array + np.where(array == 0, np.copysign(zero, noise), noise)).astype(array.dtype)


def _explained(
    iterations: list[int],
    costs: list[float],
    growth: Mapping[int, float],
    X: HostArray,
    accuracy: Accuracy,
) -> list[float]:
    """What the measured error explains, by iteration: see the module."""
    # The cost itself is rounded on either side: a sum of as many terms as samples, each of an exp
    # and a logarithm, in units in the last place (2 u), and four roundings.
    functions = 2.0 * (accuracy.exp + accuracy.log1p) + 4.0
    # Losses of equal samples are equal, and so may be the roundings of their sum.
    equal = float(class_sizes(X.T, X.dtype).max())
    rounding = 2.0 * (math.sqrt(X.shape[1] * equal) + functions) * unit_roundoff(X.dtype)
    explained, largest = [], 0.0
    for i, cost in zip(iterations, costs, strict=True):
        largest = max(largest, growth.get(i, 0.0))
        explained.append((i + 1) * largest + rounding * abs(cost))
    return explained
