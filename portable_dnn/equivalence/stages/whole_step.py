"""The training step as the library really runs it: compiled, with layer 1 held in either way.

Besides two steps, judged as they are first called and again after many calls, since a compiler or
a graph may serve a later call otherwise, several steps in one call are held against the same steps
one by one: on one device they must have the same bits (see `contract.RepeatedStep`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.pairs import pair
from portable_dnn.equivalence.exact.running_error import Stepped, exact_step
from portable_dnn.equivalence.exact.running_value import Value, known
from portable_dnn.equivalence.exact.truth import Truth, whole
from portable_dnn.equivalence.limits.accuracy import Accuracy, accuracy_of, loosest
from portable_dnn.equivalence.operations.operation import (
    LATE_STEP,
    SECOND_LATE_STEP,
    SECOND_STEP,
    STEP,
    STRETCH,
)
from portable_dnn.equivalence.report.report import TRAINING_DATA, Judgement
from portable_dnn.equivalence.stages.compiled_steps import (
    LENGTHS,
    SPANNED,
    SideSteps,
    Stepper,
    Taken,
)
from portable_dnn.equivalence.stages.failures import REFERENCE, TESTED, during
from portable_dnn.equivalence.stages.free_run import Task
from portable_dnn.equivalence.stages.judge import judge, judgement
from portable_dnn.equivalence.stages.run_on_device import misfit

__all__ = ["compare_steps"]


def _exact(
    task: Task, parameters: Mapping[str, HostArray], accuracy: Accuracy, ways: Iterable[str]
) -> dict[str, tuple[Stepped, Stepped]]:
    """Two steps in better arithmetic, by the way to hold layer 1, which tells after the first."""
    X, Y, _, settings = task
    start = {name: known(x) for name, x in parameters.items()}
    wide = X.astype(np.float64, copy=False)
    K = wide.T @ wide + 1.0 if SPANNED in ways else None
    first = exact_step(X, Y, start, settings, accuracy, K)
    left: dict[str, dict[str, Any]] = {how: {"apart": first.apart} for how in ways}
    if SPANNED in left:
        left[SPANNED] = {"Z1": first.Z1}
    return {
        how: (first, exact_step(X, Y, first.parameters, settings, accuracy, **layer_1))
        for how, layer_1 in left.items()
    }


def compare_steps(
    tested: Mapping[str, SideSteps],
    reference: Mapping[str, SideSteps],
    task: Task,
    parameters: Mapping[str, HostArray],
    iteration: int,
    *,
    often: bool,
) -> Iterator[Judgement]:
    """Judge steps from the same parameters, in each way to hold layer 1.

    The second step shows what the first left behind; in the span, that is the product with K.

    Parameters
    ----------
    tested, reference : mapping of str to SideSteps
        The sides, by the way to hold layer 1.
    task : Task
        Data and settings.
    parameters : mapping of str to numpy.ndarray
        Where to start.
    iteration : int
        Which the parameters belong to.
    often : bool
        Whether the steps are also called many times, and several taken in one call.

    Yields
    ------
    Judgement
        For each parameter after each step, and the cost before the last.
    """
    # One truth for both sides: the bound of the less accurate library.
    accuracy = loosest(
        accuracy_of(steps.device, task.X.dtype)
        for side in (tested, reference)
        for steps in side.values()
    )
    with during("the judge's own steps", REFERENCE):
        exact = _exact(task, parameters, accuracy, tested)
    for how in tested:
        steppers, results = [], []
        for name, side in ((TESTED, tested), (REFERENCE, reference)):
            with during(f"{STEP}, {how}", name):
                steppers.append(Stepper(side[how], parameters))
                results.append(steppers[-1].two())
        names = f"{STEP}, {how}", f"{SECOND_STEP}, {how}"
        yield from _two_steps(names, iteration, results, exact[how], accuracy)
        if often:
            yield from _often(how, iteration, steppers, exact[how], accuracy)


def _often(
    how: str,
    iteration: int,
    steppers: Sequence[Stepper],
    exact: tuple[Stepped, Stepped],
    accuracy: Accuracy,
) -> Iterator[Judgement]:
    """Judge the same two steps after many calls, and stretches of steps."""
    single, stretched, results = [], [], []
    for name, stepper in zip((TESTED, REFERENCE), steppers, strict=True):
        with during(f"{STRETCH}, {how}", name):
            single.append(stepper.one_by_one())
            stretched.append(stepper.in_long_calls())
        with during(f"{LATE_STEP}, {how}", name):
            results.append(stepper.two())
    names = f"{LATE_STEP}, {how}", f"{SECOND_LATE_STEP}, {how}"
    calls = f" (after more than {sum(LENGTHS)} calls)"
    for found in _two_steps(names, iteration, results, exact, accuracy):
        yield _reworded(found, found.reason + calls)
    lengths = ", ".join(map(str, LENGTHS))
    reason = f"{lengths} steps, each in one call, give other numbers than one by one: "
    for output in (*single[0].parameters, "cost"):
        both = [_output(taken, output) for taken in stretched]
        truths = [_same(_output(taken, output)) for taken in single]
        found = _judgement(f"{STRETCH}, {how}", output, iteration, both, truths, accuracy)
        yield _reworded(found, reason + found.reason)


def _reworded(judgement: Judgement, reason: str) -> Judgement:
    """Give a wrong result another reason."""
    return replace(judgement, reason=reason) if judgement.verdict == "wrong" else judgement


def _two_steps(
    names: tuple[str, str],
    iteration: int,
    results: Sequence[tuple[Taken, Taken]],
    exact: tuple[Stepped, Stepped],
    accuracy: Accuracy,
) -> Iterator[Judgement]:
    """Judge two steps of both sides."""
    for step, (operation, known_step) in enumerate(zip(names, exact, strict=True)):
        for output, value in (*known_step.parameters.items(), ("cost", known_step.cost)):
            if step == 0 and output == "cost":
                continue  # the first does not measure itself
            both = [_output(taken[step], output) for taken in results]
            truths = [_truth(value)] * 2
            yield _judgement(operation, output, iteration, both, truths, accuracy)


def _output(taken: Taken, name: str) -> HostArray:
    """The cost, or a parameter."""
    if name != "cost":
        return taken.parameters[name]
    assert taken.cost is not None
    return taken.cost


def _same(result: HostArray) -> Truth:
    """Make a truth of what the same device computed: nothing else is right."""
    return whole("exact", pair(result), bound=np.zeros(result.shape))


def _truth(value: Value) -> Truth:
    """Make a truth of a value."""
    return whole("exact", value.exact, bound=value.limit)


def _judgement(
    name: str,
    output: str,
    iteration: int,
    results: list[HostArray],
    truths: list[Truth],
    accuracy: Accuracy,
) -> Judgement:
    """Judge one array of both sides, each by its own truth."""
    dtype = results[1].dtype
    wrong = misfit("the result", results[0], truths[0].shape, dtype)
    found = [
        None if wrong and not i else judge(result, truth, accuracy)
        for i, (result, truth) in enumerate(zip(results, truths, strict=True))
    ]
    return judgement(
        name,
        output,
        truths[1],
        dtype,
        found,
        ([wrong] if wrong else [], []),
        iteration=iteration,
        case=TRAINING_DATA,
    )
