"""A report's table: one row for each operation, the cells as text."""

from collections.abc import Iterable

from portable_dnn.equivalence.operations.operation import STRETCH
from portable_dnn.equivalence.report.report import TRAINING_DATA, Judgement
from portable_dnn.equivalence.report.verdict import worst_by
from portable_dnn.equivalence.report.wording import number

__all__ = ["COLUMNS", "cells", "name_of", "table_rows"]

COLUMNS = ("operation", "result", "worst ulp", "typical ulp", "bound ulp", "spread", "verdict")
"""Headings. An ulp is a unit in the last place; the worst element is the one nearest to its bound,
or farthest beyond it, and need not be the one with the largest error; the spread is shown with its
limit."""


def table_rows(judgements: Iterable[Judgement]) -> tuple[Judgement, ...]:
    """Return one judgement for each operation: the worst of its iterations and results.

    Parameters
    ----------
    judgements : iterable of Judgement
        Of one report.

    Returns
    -------
    tuple of Judgement
        In the order of data flow: the operations of the training step by layer, then the probes.
    """
    rows = worst_by(judgements, lambda j: (j.case == TRAINING_DATA, j.name))
    return tuple(sorted(rows, key=lambda row: row.case != TRAINING_DATA))


def name_of(row: Judgement) -> str:
    """Name a row: the operation with its layer; for a probe that is not right, its inputs too.

    Parameters
    ----------
    row : Judgement
        A row of the table.

    Returns
    -------
    str
    """
    if row.case == TRAINING_DATA:
        return row.name
    right = row.verdict in ("identical", "rounding")
    return f"probe: {row.name}" if right else f"probe: {row.name}, {row.case}"


def cells(row: Judgement) -> tuple[str, ...]:
    """Write a judgement as a row of the table.

    Parameters
    ----------
    row : Judgement
        The worst of an operation's cases.

    Returns
    -------
    tuple of str
        As many as `COLUMNS`.
    """
    errors = row.tested
    worst = None if errors is None else errors.worst
    spread = "-"
    if errors is not None and errors.spread is not None and row.spread_limit is not None:
        spread = f"{number(errors.spread)} of {number(row.spread_limit)}"
    return (
        name_of(row),
        row.output,
        "-" if errors is None else number(worst.ulps if worst else 0.0),
        "-" if errors is None else number(errors.typical_ulps),
        number(worst.bound_ulps if worst else None),
        spread,
        _verdict(row),
    )


def _verdict(row: Judgement) -> str:
    """Write a verdict.

    A stretch of steps is held against the same steps, not the reference. Without an error, only
    signs of zeros differ, or bits of what is no number.
    """
    exact = row.tested is not None and row.tested.max_bounds == 0
    if row.verdict == "rounding" and exact:
        return "as step by step" if row.operation.startswith(STRETCH) else "exact"
    return row.verdict.upper() if row.verdict == "wrong" else row.verdict
