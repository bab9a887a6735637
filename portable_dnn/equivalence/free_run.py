"""Both sides train from the same start, each on its own numbers.

How far two honest runs come apart depends on what training makes of a rounding error: it contracts
most of them, and blows some up where a ReLU changes sides. That amplification is measured on the
reference alone: its start is moved by the difference that one step makes between the sides, back
and forth, and by noise as large, and trained again, several times. An error made in step s grows
like one made in the start, and every step makes one, so after t steps t + 1 times the largest
growth seen so far is explained; of the costs, and of the trained parameters. It is an estimate: a
wrong operation is found in lockstep, a wrong step by `whole_step`. Where runs come apart by more,
the comparison does not decide; and where nothing was seen to round otherwise at all, the run is
wrong.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from portable_dnn.backend import HostArray
from portable_dnn.devices import Device, place, to_host
from portable_dnn.equivalence.accuracy import Accuracy
from portable_dnn.equivalence.alike import class_sizes
from portable_dnn.equivalence.bounds import unit_roundoff
from portable_dnn.equivalence.dying import REFERENCE, TESTED, during
from portable_dnn.equivalence.report import FreeRun
from portable_dnn.equivalence.wording import number
from portable_dnn.errors import DivergenceError
from portable_dnn.settings import Settings
from portable_dnn.training import Progress, train

__all__ = ["Run", "compare_runs", "train_on"]

RECORDS = 500
"""About so many costs are recorded at most."""

BETWEEN = 8
"""Costs are recorded so many iterations apart, or more: what lies between is taken in stretches."""

DRAWS = range(2)
"""Seeds of the noise by which the reference's start is moved."""

MORE_DRAWS = range(2, 10)
"""Seeds of more, where the first ones do not explain what is seen."""


@dataclass
class Run:
    """A training run as it is compared.

    Attributes
    ----------
    costs : dict of int to float
        By iteration; the last is that after the last update. Fewer where the run diverged.
    parameters : dict of int to dict
        Parameters on the host after so many updates, where they were asked for and are finite.
    diverged : str
        Why it stopped early; empty if it did not.
    """

    costs: dict[int, float] = field(default_factory=dict)
    parameters: dict[int, dict[str, HostArray]] = field(default_factory=dict)
    diverged: str = ""


def train_on(
    device: Device,
    X: HostArray,
    Y: HostArray,
    start: Mapping[str, HostArray],
    settings: Settings,
    wanted: tuple[int, ...] = (),
) -> Run:
    """Train on a device, as `train` does when nobody looks on: stretches of steps in one call.

    Costs are recorded every so many iterations, at 0, 1, half-way and at the end.

    Parameters
    ----------
    device : Device
        Where.
    X, Y : numpy.ndarray
        Input and labels, in the dtype of the run.
    start : mapping of str to numpy.ndarray
        Start parameters.
    settings : Settings
        What to train.
    wanted : tuple of int
        After how many updates the parameters are to be kept: of 0, 1, half as many as there are
        iterations, and all.

    Returns
    -------
    Run
    """
    run = Run(parameters={0: dict(start)} if 0 in wanted else {})
    last = settings.iterations
    middle = max(1, last // 2)

    def keep(progress: Progress) -> None:
        if progress.record is not None:
            run.costs[progress.iteration] = progress.record.cost
        done = progress.iteration + 1
        if done in (1, middle) and done < last and not progress.is_recorded_next:
            cost = progress.cost
            if math.isfinite(cost):  # else the run ends at the next record, and tells where
                run.costs[done] = cost
        if done in wanted:
            found = _copies(to_host(progress.parameters))
            if all(np.isfinite(array).all() for array in found.values()):
                run.parameters[done] = found

    with np.errstate(all="ignore"):
        try:
            trained = train(
                place(X, device),
                place(Y, device),
                place(dict(start), device),
                hidden=settings.activations,
                learning_rate=settings.learning_rate,
                num_iterations=last,
                record_every=max(BETWEEN, last // RECORDS),
                compress=settings.compress,
                callback=keep,
                callback_seconds=math.inf,
                stop_every=middle,
            )
        except DivergenceError as error:
            run.diverged = str(error)
            run.costs.setdefault(0, math.nan)
            return run
    run.costs[last] = trained.history.final_cost
    return run


def _copies(parameters: Mapping[str, HostArray]) -> dict[str, HostArray]:
    """Copy parameters, whose memory a library may use again."""
    return {name: np.array(array) for name, array in parameters.items()}


def compare_runs(
    tested: Run,
    reference: Run,
    devices: tuple[Device, Device],
    X: HostArray,
    Y: HostArray,
    start: Mapping[str, HostArray],
    settings: Settings,
    accuracy: Accuracy,
) -> FreeRun:
    """Hold two runs against each other, and say how much of their difference is explained.

    Parameters
    ----------
    tested, reference : Run
        Both with the parameters after the first and the last update, unless they diverged.
    devices : (Device, Device)
        The tested one and the reference's, to measure what a step makes and training makes of it.
    X, Y, start, settings
        What was trained; as for `train_on`.
    accuracy : Accuracy
        Of the less accurate side.

    Returns
    -------
    FreeRun
    """
    iterations = sorted(set(tested.costs) & set(reference.costs))
    ours = [tested.costs[i] for i in iterations]
    theirs = [reference.costs[i] for i in iterations]
    differences = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    last = settings.iterations
    apart, same = _apart(tested.parameters.get(last), reference.parameters.get(last))
    identical = same and not any(differences) and not tested.diverged
    pair = tested, reference
    explained, beyond = _explained(iterations, theirs, {}, X, accuracy), list[int]()
    if not identical:
        explained, beyond = _amplified(pair, devices, X, Y, start, settings, accuracy)
    parts = next((i for i, d in zip(iterations, differences, strict=True) if d != 0), None)
    found = FreeRun(
        tuple(iterations),
        tuple(ours),
        tuple(theirs),
        tuple(differences),
        tuple(explained),
        parts,
        beyond[0] if beyond else None,
        apart,
        identical,
        "",
    )
    return FreeRun(**{**vars(found), "sentence": _sentence(found, tested, reference)})


def _amplified(
    runs: tuple[Run, Run],
    devices: tuple[Device, Device],
    X: HostArray,
    Y: HostArray,
    start: Mapping[str, HostArray],
    settings: Settings,
    accuracy: Accuracy,
) -> tuple[list[float], list[int]]:
    """Move the start and train, and say what that explains and at which iterations it does not."""
    tested, reference = runs
    last = settings.iterations
    moved: list[Run] = []
    made, sizes, lost = _made_at_first(tested, reference, start), dict.fromkeys(start, 0.0), 0.0
    for draws in (DRAWS, MORE_DRAWS):
        if moved:
            made = _made_at_last(devices, X, Y, reference, settings)
            lost = float(np.finfo(X.dtype).tiny) if accuracy.flushes else 0.0
        sizes = {name: max(sizes[name], size) for name, size in _sizes(made).items()}
        if moved or not any(sizes.values()):
            # Products are rounded as if their weights were, also where a step moves them by less.
            u = unit_roundoff(X.dtype)
            sizes = {name: max(sizes[name], u * size) for name, size in _sizes(start).items()}
        for move in _moves(made, sizes, draws, lost):
            begin = {name: _moved(start[name], move[name], lost) for name in start}
            moved.append(train_on(devices[1], X, Y, begin, settings, (last,)))
        explained, beyond = _unexplained(tested, reference, moved, settings, X, accuracy)
        if not beyond:
            break
    return explained, beyond


def _unexplained(
    tested: Run,
    reference: Run,
    moved: list[Run],
    settings: Settings,
    X: HostArray,
    accuracy: Accuracy,
) -> tuple[list[float], list[int]]:
    """What moved runs explain, and the iterations at which more is seen."""
    iterations = sorted(set(tested.costs) & set(reference.costs))
    costs = [reference.costs[i] for i in iterations]
    explained = _explained(iterations, costs, _growth(moved, reference), X, accuracy)
    table = zip(iterations, explained, strict=True)
    beyond = [i for i, e in table if not abs(tested.costs[i] - reference.costs[i]) <= e]
    if not beyond and _parameters_beyond(tested, reference, moved, settings, X, accuracy):
        beyond = [settings.iterations]
    return explained, beyond


def _apart(
    ours: dict[str, HostArray] | None, theirs: dict[str, HostArray] | None
) -> tuple[float, bool]:
    """How far trained parameters are apart, and whether they have the same bits."""
    if ours is None or theirs is None:
        return math.inf, False
    largest = 0.0
    for name, array in theirs.items():
        gap = _gap(ours[name], array)
        scale = float(np.max(np.abs(array)))
        largest = max(largest, gap / scale if scale else gap)
    return largest, all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs)


def _made_at_first(
    tested: Run, reference: Run, start: Mapping[str, HostArray]
) -> dict[str, HostArray]:
    """What the first step makes between the sides."""
    ours, theirs = tested.parameters.get(1, start), reference.parameters.get(1, start)
    return {name: ours[name].astype(np.float64) - theirs[name] for name in start}


def _made_at_last(
    devices: tuple[Device, Device], X: HostArray, Y: HostArray, reference: Run, settings: Settings
) -> dict[str, HostArray]:
    """What a step makes of the reference's last parameters; where they have grown, that is more."""
    begin = reference.parameters[max(reference.parameters)]
    one = replace(settings, iterations=1)
    runs = []
    for side, device in zip((TESTED, REFERENCE), devices, strict=True):
        with during("the free run", side):
            runs.append(train_on(device, X, Y, begin, one, (1,)))
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
    tested: Run,
    reference: Run,
    moved: list[Run],
    settings: Settings,
    X: HostArray,
    accuracy: Accuracy,
) -> bool:
    """Whether trained parameters are farther apart than is explained, as for the costs."""
    last = settings.iterations
    ours, theirs = tested.parameters.get(last), reference.parameters.get(last)
    runs = [run.parameters[last] for run in moved if last in run.parameters]
    if ours is None or theirs is None or not runs:
        return False
    # One scale for all arrays: a small bias is a sum that cancels, rounded as its terms are.
    largest = max(float(np.max(np.abs(array))) for array in theirs.values())
    rounding = 2.0 * math.sqrt(X.shape[1]) * unit_roundoff(X.dtype)
    # σ(z) − y is at most 1, and may be rounded alike for all samples: α times that moves a bias.
    functions = 2.0 * accuracy.exp + 4.0
    step = settings.learning_rate * functions * unit_roundoff(X.dtype)
    growth = max(_farthest(run, theirs) for run in runs)
    return _farthest(ours, theirs) > (last + 1) * (growth + step) + rounding * largest


def _farthest(a: Mapping[str, HostArray], b: Mapping[str, HostArray]) -> float:
    """Largest difference of all parameters."""
    return max(_gap(a[name], array) for name, array in b.items())


def _gap(a: HostArray, b: HostArray) -> float:
    """Largest difference of two arrays."""
    return float(np.max(np.abs(a.astype(np.float64) - b)))


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
    alike = float(class_sizes(X.T, X.dtype).max())
    rounding = 2.0 * (math.sqrt(X.shape[1] * alike) + functions) * unit_roundoff(X.dtype)
    explained, largest = [], 0.0
    for i, cost in zip(iterations, costs, strict=True):
        largest = max(largest, growth.get(i, 0.0))
        explained.append((i + 1) * largest + rounding * abs(cost))
    return explained


def _sentence(run: FreeRun, tested: Run, reference: Run) -> str:
    """Say it in words."""
    if tested.diverged and reference.diverged:
        return f"both runs diverged; on the reference {reference.diverged}"
    if tested.diverged or reference.diverged:
        side = "the side under test" if tested.diverged else "the reference"
        return f"only the run of {side} diverged: {tested.diverged or reference.diverged}"
    last = run.iterations[-1]
    if run.identical:
        return f"{last} iterations give the same bits"
    if run.parts_at is None:
        words = (
            f"the costs of {last} iterations are the same; the trained parameters differ by "
            f"{number(run.parameters_apart)} of the largest"
        )
        return words if run.unexplained_at is None else f"{words}, more than rounding explains"
    gap, explained, widest = max(zip(run.differences, run.explained, run.iterations, strict=True))
    words = (
        f"the cost curves part at iteration {run.parts_at} and differ by at most {number(gap)}, at "
        f"iteration {widest}"
    )
    costs = any(not d <= e for d, e in zip(run.differences, run.explained, strict=True))
    if run.unexplained_at is None or not costs:
        words += f", where rounding, as training amplifies it, explains {number(explained)}"
    if run.unexplained_at is None:
        return words
    if not costs:
        return (
            f"{words}; but the trained parameters differ by {number(run.parameters_apart)} of the "
            "largest, more than it explains"
        )
    return (
        f"{words}; from iteration {run.unexplained_at} on that is more than rounding explains, as "
        "training was seen to amplify it"
    )
