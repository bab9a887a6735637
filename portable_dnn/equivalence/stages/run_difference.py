"""Two free runs compared: where they part, how far, and whether rounding explains it."""

import math
from dataclasses import replace

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.devices import Device
from portable_dnn.equivalence.limits.accuracy import Accuracy
from portable_dnn.equivalence.limits.distance import first_beyond, gap
from portable_dnn.equivalence.report.report import FreeRun
from portable_dnn.equivalence.report.wording import number
from portable_dnn.equivalence.stages.amplification import ROUNDS, amplified
from portable_dnn.equivalence.stages.free_run import Run, Task

__all__ = ["compare_runs"]


def compare_runs(
    tested: Run,
    reference: Run,
    devices: tuple[Device, Device],
    task: Task,
    accuracy: Accuracy,
) -> FreeRun:
    """Compare two runs, and say how much of their difference rounding explains.

    Parameters
    ----------
    tested, reference : Run
        Both with the parameters after the first and the last update, unless they diverged.
    devices : (Device, Device)
        The tested one and the reference's, to measure what a step makes and training makes of it.
    task : Task
        What was trained.
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
    last = task.settings.iterations
    apart, same = _apart(tested.parameters.get(last), reference.parameters.get(last))
    identical = same and not any(differences) and not tested.diverged
    rounds = () if identical else ROUNDS
    explained, unexplained_at = amplified(tested, reference, devices, task, accuracy, rounds)
    found = FreeRun(
        iterations=tuple(iterations),
        costs_tested=tuple(ours),
        costs_reference=tuple(theirs),
        differences=tuple(differences),
        explained=tuple(explained),
        parts_at=first_beyond(iterations, differences, [0.0] * len(differences)),
        unexplained_at=unexplained_at,
        parameters_apart=apart,
        identical=identical,
        sentence="",
    )
    return replace(found, sentence=_sentence(found, tested, reference))


def _apart(
    ours: dict[str, HostArray] | None, theirs: dict[str, HostArray] | None
) -> tuple[float, bool]:
    """How far trained parameters are apart, and whether they have the same bits."""
    if ours is None or theirs is None:
        return math.inf, False
    largest = 0.0
    for name, array in theirs.items():
        apart = gap(ours[name], array)
        scale = float(np.max(np.abs(array)))
        largest = max(largest, apart / scale if scale else apart)
    return largest, all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs)


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
    most, rounding, widest = max(zip(run.differences, run.explained, run.iterations, strict=True))
    words = (
        f"the cost curves part at iteration {run.parts_at} and differ by at most {number(most)}, "
        f"at iteration {widest}"
    )
    costs_explained = first_beyond(run.iterations, run.differences, run.explained) is None
    if costs_explained:
        words += f", where rounding, as training amplifies it, explains {number(rounding)}"
    if run.unexplained_at is None:
        return words
    if costs_explained:
        return (
            f"{words}; but the trained parameters differ by {number(run.parameters_apart)} of the "
            "largest, more than it explains"
        )
    return (
        f"{words}; from iteration {run.unexplained_at} on that is more than rounding explains, as "
        "training was seen to amplify it"
    )
