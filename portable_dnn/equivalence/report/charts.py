"""Pictures of a comparison, as matplotlib figures: errors by operation, and by iteration.

Errors are shown as shares of what rounding explains, so that 1 is the limit for every operation.
Colours are those of Okabe and Ito, which can be distinguished with any colour vision; markers
differ too.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from matplotlib.figure import Figure

from portable_dnn.equivalence.report.report import TRAINING_DATA, Errors, FreeRun, Judgement, Report
from portable_dnn.equivalence.report.table import name_of

__all__ = ["error_by_iteration", "error_by_operation"]

_BLUE, _GREEN, _GREY, _RED, _PURPLE = "#0072B2", "#009E73", "#8C8C8C", "#D55E00", "#CC79A7"
_ROW = 0.22  # inches
_NEAREST, _FARTHEST = 1e-6, 1e12  # what lies beyond stands on the edge

_RIGHT = ("identical", "rounding")
_Measure: TypeAlias = Callable[[Judgement], float | None]


def error_by_operation(report: Report, rows: Sequence[Judgement]) -> Figure:
    """Show how much of what rounding explains each operation used up.

    Parameters
    ----------
    report : Report
        The comparison.
    rows : sequence of Judgement
        One an operation, the worst of all its cases.

    Returns
    -------
    matplotlib.figure.Figure
        The operations from the one farthest beyond, or nearest to, its limit on.
    """
    rows = sorted(rows, key=_order)
    figure = Figure(figsize=(10.5, _ROW * max(len(rows), 4) + 2.0), layout="constrained")
    axes = figure.subplots()
    low, high = _limits(
        share
        for row in rows
        for share in (_share(row.tested), _share(row.reference), _spread(row))
        if row.verdict != "by design"
    )

    def draw(chosen: Sequence[str], measure: _Measure, style: str, label: str, **look: Any) -> None:
        points = [
            (measure(row), i) for i, row in enumerate(rows) if not chosen or row.verdict in chosen
        ]
        x, y = _inside([x for x, _ in points], low, high), [i for _, i in points]
        if points:
            axes.plot(x, y, style, label=label, linestyle="none", clip_on=False, **look)

    here = report.tested.device
    label = "limit: a single, correct rounding may reach 1"
    axes.axvline(1.0, color="black", linestyle="--", linewidth=1.0, label=label)
    label = f"{report.reference.device}, worst element"
    draw((), lambda j: _share(j.reference), "s", label, color=_GREY, fillstyle="none")
    label = f"{here}, worst element"
    draw(_RIGHT, lambda j: _share(j.tested), "o", label, color=_BLUE, markersize=5)
    draw((), _spread, "^", f"{here}, whole result (spread)", color=_GREEN, markersize=5)
    label = "beyond the limit by design, harmless"
    draw(("by design",), lambda j: _share(j.tested), "o", label, color=_BLUE, fillstyle="none")
    draw(("wrong",), _worst, "X", "WRONG", color=_RED, markersize=9, zorder=4)
    wrong = [i for i, row in enumerate(rows) if row.verdict == "wrong"]
    names = [f"{name_of(row)}: {row.output}" for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8.5, parse_math=False)
    for i in wrong:
        axes.get_yticklabels()[i].set(color=_RED, fontweight="bold")
    axes.set(
        xscale="log",
        xlim=(low, high),
        ylim=(max(len(rows), 1) - 0.5, -0.5),
        xlabel="largest error / what rounding explains  (left edge: no error)",
    )
    axes.set_title(_title(report), parse_math=False)
    axes.grid(alpha=0.3)
    _as_they_are(figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False))
    return figure


def error_by_iteration(report: Report) -> Figure:
    """Show the errors of a step at the iterations that were looked at, and the free run.

    Parameters
    ----------
    report : Report
        The comparison.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(figsize=(8, 6.4), layout="constrained")
    above, below = figure.subplots(2, 1)
    figure.suptitle(_title(report), fontsize=11, parse_math=False)
    _draw_steps(above, report)
    if report.free_run is None:
        below.text(0.5, 0.5, "there was no free run", ha="center", transform=below.transAxes)
        below.set_axis_off()
    else:
        _draw_free_run(below, report.free_run)
    return figure


def _draw_steps(axes: Any, report: Report) -> None:
    """Draw the largest error of each step that was taken in lockstep."""
    steps: dict[int, list[Judgement]] = {}
    for judgement in report.judgements:
        if judgement.iteration is not None and judgement.case == TRAINING_DATA:
            steps.setdefault(judgement.iteration, []).append(judgement)
    iterations = sorted(steps)
    here = report.tested.device
    series: tuple[tuple[str, str, str, _Measure], ...] = (
        (
            f"{report.reference.device}, sums and products",
            "s-",
            _GREY,
            lambda j: _share(j.reference) if j.inner > 1 else None,
        ),
        (
            f"{here}, sums and products",
            "o-",
            _BLUE,
            lambda j: _share(j.tested) if j.inner > 1 else None,
        ),
        (f"{here}, the errors as a whole (spread)", "^-", _GREEN, _spread),
        (
            f"{here}, single roundings and functions",
            "v-",
            _PURPLE,
            lambda j: _share(j.tested) if j.inner == 1 else None,
        ),
    )
    curves = [
        [_largest(measure(judgement) for judgement in steps[i]) for i in iterations]
        for *_, measure in series
    ]
    low, high = _limits(x for curve in curves for x in curve)
    axes.axhline(1.0, color="black", linestyle="--", linewidth=1.0, label="limit of rounding")
    for (label, style, colour, _), curve in zip(series, curves, strict=True):
        axes.plot(iterations, _inside(curve, low, high), style, color=colour, label=label)
    axes.set(
        yscale="log",
        ylim=(low, high),
        xlabel="iteration whose step both sides took from the same numbers",
        ylabel="largest error /\nwhat rounding explains",
    )
    _finish(axes)


def _draw_free_run(axes: Any, run: FreeRun) -> None:
    """Draw how far the cost curves are apart."""
    shown = [(i, d) for i, d in zip(run.iterations, run.differences, strict=True) if d > 0]
    explained = [(i, e) for i, e in zip(run.iterations, run.explained, strict=True) if e > 0]
    for points, style, colour, label in (
        (explained, "--", _GREY, "what a step's rounding errors can grow to"),
        (shown, "o-", _BLUE, "difference of the costs"),
    ):
        x, y = zip(*points, strict=True) if points else ((), ())
        axes.plot(x, y, style, color=colour, label=label, markersize=4)
    if not shown:
        axes.text(0.5, 0.5, "the costs never differ", ha="center", transform=axes.transAxes)
    if shown or explained:
        axes.set_yscale("log")
    axes.set(
        xlabel="iteration of the free run",
        ylabel="|difference of the costs|\n(cross-entropy, nats)",
    )
    _finish(axes)


def _finish(axes: Any) -> None:
    """Give a panel the style of the others."""
    _as_they_are(axes.legend(fontsize=8, framealpha=0.85, edgecolor="none"))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _as_they_are(legend: Any) -> None:
    """Show texts as they are; signs of a formula in a device's name are none."""
    for text in legend.get_texts():
        text.set_parse_math(False)


def _title(report: Report) -> str:
    """Say what was compared."""
    dtype = report.setup.settings.get("dtype", "")
    return f"{report.tested.device} against {report.reference.device}, {dtype}: {report.outcome}"


def _share(errors: Errors | None) -> float | None:
    """Largest error in bounds."""
    return None if errors is None else errors.max_bounds


def _spread(judgement: Judgement) -> float | None:
    """Spread as a share of its limit."""
    errors, limit = judgement.tested, judgement.spread_limit
    return None if errors is None or errors.spread is None or not limit else errors.spread / limit


def _largest(values: Iterable[float | None]) -> float | None:
    """Largest of those that are there."""
    return max((value for value in values if value is not None), default=None)


def _worst(judgement: Judgement) -> float | None:
    """What makes a result wrong: its worst element or its spread; no result at all is infinity."""
    return _largest((_share(judgement.tested), _spread(judgement))) or math.inf


def _order(judgement: Judgement) -> tuple[bool, float]:
    """Sort what is wrong before the rest, and what is nearest to its limit before what is far."""
    wrong = judgement.verdict == "wrong"
    largest = _largest((_share(judgement.tested), _spread(judgement)))
    if not largest or math.isnan(largest):
        largest = math.inf if wrong else 0.0
    return not wrong, -min(largest, _FARTHEST)


def _limits(values: Iterable[float | None]) -> tuple[float, float]:
    """Choose an axis around all values that a logarithm has, and around 1."""
    usable = [x for x in values if x is not None and 0 < x < _FARTHEST]
    low, high = max(min([*usable, 0.1]), _NEAREST), max([*usable, 1.0])
    return 10.0 ** math.floor(math.log10(low) - 0.3), 10.0 ** (math.log10(high) + 0.5)


def _inside(values: Sequence[float | None], low: float, high: float) -> list[float]:
    """Put 0 and infinity on the edges; missing values are not drawn."""
    return [math.nan if x is None or math.isnan(x) else min(max(x, low), high) for x in values]
