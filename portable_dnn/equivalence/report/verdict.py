"""From judgements to one sentence: the outcome of a comparison, and the operation to name."""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence

from portable_dnn.equivalence.operations.operation import ORDER, SCALING, WHOLE
from portable_dnn.equivalence.report.report import (
    TRAINING_DATA,
    Failure,
    FreeRun,
    Judgement,
    Outcome,
    Side,
    Verdict,
    comes_apart,
)
from portable_dnn.equivalence.report.wording import number

__all__ = ["headline", "in_order", "notes", "outcome", "worst_by", "worst_rows"]

_SEVERITY: tuple[Verdict, ...] = ("identical", "rounding", "by design", "not compared", "wrong")


def in_order(judgements: Iterable[Judgement]) -> tuple[Judgement, ...]:
    """Sort judgements by where their operation stands in a training step.

    A wrong operation is wrong wherever it is used, and what is built of it is wrong too: so the
    first is the one to name. Training data come before probes of the same operation, and the
    compiled step, which is built of all, comes last.

    Parameters
    ----------
    judgements : iterable of Judgement
        Of one report.

    Returns
    -------
    tuple of Judgement

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import compare, in_order
    >>> from portable_dnn.training.settings import Settings
    >>> small = Settings(layers=(3,), iterations=2, dtype="float32")
    >>> report = compare("numpy", np.eye(2), np.array([[0, 1]]), settings=small, many=0)
    >>> [j.name for j in in_order(report.judgements) if j.iteration == 0][:2]
    ['layer 1, forward product', 'layer 1, forward bias']
    """
    every = tuple(judgements)
    last = max((j.layer or 0 for j in every), default=0)
    return tuple(
        sorted(every, key=lambda j: (_place(j, last), j.case != TRAINING_DATA, j.iteration or 0))
    )


def _place(j: Judgement, last: int) -> tuple[int, int, int]:
    """Where an operation stands: phase, layer in the order of the phase, rank in the layer."""
    base = j.operation.partition(" (")[0]
    rank = ORDER.index(base) if base in ORDER else len(ORDER)
    name = base.partition(" ")[0]
    if base in (ORDER[0], SCALING):
        return 0, 0, rank
    if name in ("forward", "activation") and base != "activation backward":
        return 1, j.layer or 1, rank
    if name == "cost":
        return 2, 0, rank
    if name in ("backward", "activation"):
        return 3, last - (j.layer or last), rank
    if name == "update":
        return 4, j.layer or 1, rank
    whole = base.partition(",")[0]
    return 5, 0, WHOLE.index(whole) if whole in WHOLE else len(WHOLE)


def worst_by(
    judgements: Iterable[Judgement], key: Callable[[Judgement], Hashable]
) -> tuple[Judgement, ...]:
    """Return the worst judgement of those that have the same key, in the order of data flow."""
    worst: dict[Hashable, Judgement] = {}
    for j in in_order(judgements):
        kind = key(j)
        if kind not in worst or _severity(j) > _severity(worst[kind]):
            worst[kind] = j
    return tuple(worst.values())


def _severity(j: Judgement) -> tuple[int, float]:
    """How bad a judgement is: its verdict, then its error or spread, as a share of its limit."""
    if j.tested is None:
        return _SEVERITY.index(j.verdict), 0.0
    spread = j.tested.spread / j.spread_limit if j.tested.spread and j.spread_limit else 0.0
    return _SEVERITY.index(j.verdict), max(j.tested.max_bounds, spread)


def worst_rows(judgements: Iterable[Judgement]) -> tuple[Judgement, ...]:
    """Return one judgement for each operation: the worst over iterations, and over probes.

    Parameters
    ----------
    judgements : iterable of Judgement
        Of one report.

    Returns
    -------
    tuple of Judgement
        In the order of data flow; an operation has a row for training data and one for probes.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import compare, worst_rows
    >>> from portable_dnn.training.settings import Settings
    >>> small = Settings(layers=(3,), iterations=2, dtype="float32")
    >>> report = compare("numpy", np.eye(2), np.array([[0, 1]]), settings=small, many=0)
    >>> rows = worst_rows(report.judgements)
    >>> len(rows) < len(report.judgements)
    True
    """
    return worst_by(
        judgements,
        lambda j: (j.layer, j.operation, j.output if j.case == TRAINING_DATA else None),
    )


def outcome(
    judgements: Sequence[Judgement], run: FreeRun | None, failure: Failure | None
) -> Outcome:
    """Give the verdict of a comparison.

    Parameters
    ----------
    judgements : sequence of Judgement
        All that were made.
    run : FreeRun or None
        None if it was not reached.
    failure : Failure or None
        Where the comparison failed. What was found wrong before that stays wrong.

    Returns
    -------
    Outcome
        A free run that comes apart by more than is explained leaves the question open.
    """
    if any(j.verdict == "wrong" for j in judgements):
        return "wrong"
    if failure is not None or comes_apart(run):
        return "could not be compared"
    same = all(j.verdict == "identical" for j in judgements)
    return "same numbers" if same and run is not None and run.identical else "rounding only"


def headline(
    tested: Side,
    reference: Side,
    judgements: Sequence[Judgement],
    run: FreeRun | None,
    failure: Failure | None,
) -> str:
    """Give the verdict in a sentence.

    Parameters
    ----------
    tested, reference : Side
        The sides.
    judgements, run, failure
        As for `outcome`.

    Returns
    -------
    str
        With a full stop.
    """
    wrong = in_order(j for j in judgements if j.verdict == "wrong")
    found = _wrong(wrong) if wrong else ""
    verdict = outcome(judgements, run, failure)
    failed = "" if failure is None else _failed(tested, reference, failure)
    if verdict == "wrong":
        return f"Wrong at {found}." + (f" Then {failed}." if failed else "")
    if failed:
        return f"Could not be compared: {failed}."
    if verdict == "same numbers":
        return (
            f"The same numbers: all {len(judgements)} results of {tested.device} have the bits of "
            f"{reference.device}."
        )
    if run is not None and run.unexplained_at is not None:
        return (
            f"Undecided: rounding only, operation by operation ({_rounding(judgements)}); but in "
            "the free run the two differ by more than rounding explains, from iteration "
            f"{run.unexplained_at} on."
        )
    return f"Rounding only: {_rounding(judgements)}."


def notes(run: FreeRun | None) -> tuple[str, ...]:
    """Say what a reader should know in addition to the verdict.

    Parameters
    ----------
    run : FreeRun or None
        None if it was not reached.

    Returns
    -------
    tuple of str
        Sentences without a full stop.
    """
    # If one side diverged, the parameters are infinitely far apart, and the verdict says it.
    if run is None or run.unexplained_at is None or math.isinf(run.parameters_apart):
        return ()
    return (
        "the runs differ by more than the noise that was tried explains; if no operation is wrong, "
        "a ReLU that changed sides is the usual reason",
    )


def _failed(tested: Side, reference: Side, failure: Failure) -> str:
    """Say where a comparison failed."""
    side = tested if failure.side == "tested" else reference
    return f"{side.device} failed at {failure.operation}: {failure.error}"


def _wrong(wrong: Sequence[Judgement]) -> str:
    """Name the first wrong operation, with the numbers of its worst result; count the others."""
    named = wrong[0].case == TRAINING_DATA, wrong[0].name
    first = max((j for j in wrong if (j.case == TRAINING_DATA, j.name) == named), key=_severity)
    single = [j for j in wrong if j.layer is not None] or wrong
    others = len({(j.layer, j.operation) for j in single} - {(first.layer, first.operation)})
    where = first.name if first.case == TRAINING_DATA else f"{first.name} of {first.case}"
    if first.layer is None and first.case == TRAINING_DATA and first.output != "cost":
        where = f"{first.name}, {first.output}"
    more = f"; {others} other operation{'s' * (others != 1)} wrong too" if others else ""
    return f"{where}, {first.reason}{more}"


def _rounding(judgements: Sequence[Judgement]) -> str:
    """Say how near to its bound the worst operation is."""
    judged = [j for j in judgements if j.tested is not None and j.verdict != "by design"]
    # Among single roundings one always comes near to half a unit; a sum tells more.
    sums = [j for j in judged if j.inner > 1] or judged
    worst = max(sums, key=lambda j: j.tested.max_bounds if j.tested else 0.0)
    assert worst.tested is not None
    place = worst.name if worst.case == TRAINING_DATA else f"{worst.name} of {worst.case}"
    text = (
        f"{len(judgements)} results judged, the largest error of a sum is "
        f"{number(worst.tested.max_bounds)} of what rounding explains ({place})"
    )
    if any(j.verdict == "by design" for j in judgements):
        text += "; subnormal numbers are treated as 0, as the library documents"
    return text
