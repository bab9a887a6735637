"""Pictures of the results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["draw_growth", "draw_published"]

Result = Mapping[str, Any]


def draw_published(result: Result, path: Path) -> None:
    """Draw how many times the time of ours each program takes, a panel for each dtype.

    Parameters
    ----------
    result : mapping
        Of `benchmarks.published`.
    path : Path
        The PNG to write.
    """
    threads = max((row["threads"] for row in result["rows"]), default=1)
    rows = [row for row in result["rows"] if row["threads"] == threads and row["ratios"]]
    # Bars of OpenBLAS as it chooses for itself, where both were measured.
    kernel = result["settings"]["openblas_coretype"][-1]
    rows = [row for row in rows if row["core_type"] in ("any", kernel) and kernel in row["ratios"]]
    dtypes = list(dict.fromkeys(row["dtype"] for row in rows)) or ["float64"]
    titles = list(dict.fromkeys(row["title"] for row in rows))
    figure = Figure(figsize=(6.0 * len(dtypes) + 2.0, 0.5 * len(titles) + 1.5), layout="tight")
    FigureCanvasAgg(figure)
    for column, dtype in enumerate(dtypes):
        axes = figure.add_subplot(1, len(dtypes), column + 1)
        for kind, shift, colour in (("pictures", -0.2, "#35618f"), ("compressed", 0.2, "#d9a441")):
            there = [row for row in rows if (row["dtype"], row["input"]) == (dtype, kind)]
            places = [titles.index(row["title"]) + shift for row in there]
            ratios = [row["ratios"][kernel] for row in there]
            middle = [ratio["median"] for ratio in ratios]
            errors = [
                [ratio["median"] - ratio["min"] for ratio in ratios],
                [ratio["max"] - ratio["median"] for ratio in ratios],
            ]
            label = "given the pictures" if kind == "pictures" else "given compressed input"
            axes.barh(places, middle, 0.38, xerr=errors, color=colour, label=label)
            for place, ratio in zip(places, ratios, strict=True):
                text = f" {ratio['median']:.3g}"
                axes.annotate(text, (ratio["max"], place), va="center", fontsize=8)
        axes.set_yticks(range(len(titles)), titles if column == 0 else [""] * len(titles))
        axes.set_xscale("log")
        axes.set_xlim(right=axes.get_xlim()[1] * 1.25)  # room for the figures
        axes.invert_yaxis()
        axes.set_xlabel("time / time of portable_dnn on NumPy")
        axes.set_title(f"{dtype}, threads: {threads}, OpenBLAS: {kernel}")
        axes.legend(fontsize=8, loc="lower right")
    figure.savefig(path, dpi=120)


def draw_growth(result: Result, path: Path) -> None:
    """Draw time a step and time of a whole run against the number of samples.

    Parameters
    ----------
    result : mapping
        Of `benchmarks.growth`.
    path : Path
        The PNG to write.
    """
    rows = result["rows"]
    networks = list(dict.fromkeys((row["layers"], row["dtype"]) for row in rows))
    kinds = (("step_seconds", "seconds a step"), ("run_seconds", "seconds, whole run"))
    figure = Figure(figsize=(11.0, 3.6 * max(len(networks), 1) + 1.0), layout="constrained")
    FigureCanvasAgg(figure)
    for line, (layers, dtype) in enumerate(networks):
        there = [r for r in rows if (r["layers"], r["dtype"]) == (layers, dtype)]
        sizes = sorted({row["m"] for row in there})
        for column, (quantity, label) in enumerate(kinds):
            axes = figure.add_subplot(len(networks), 2, 2 * line + column + 1)
            for title, style in zip(
                dict.fromkeys(row["title"] for row in there), _STYLES, strict=False
            ):
                curve = [(r["m"], r[quantity]) for r in there if r["title"] == title]
                axes.loglog(*zip(*curve, strict=True), **style, label=title)
            chosen = [r["m"] for r in there if r.get("would_compress")]
            if chosen:
                axes.axvline(
                    max(chosen),
                    color="grey",
                    linestyle=":",
                    label="largest measured that auto compresses",
                )
            axes.set_xticks(sizes, [f"{m:,}" for m in sizes], fontsize=8)
            axes.minorticks_off()
            axes.set_xlabel("samples")
            axes.set_ylabel(label)
            axes.set_title(f"12288-{layers}-1, {dtype}")
    if networks:
        figure.legend(
            *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3
        )
    figure.savefig(path, dpi=120)


# Okabe and Ito's colours, which all can tell apart; a marker each besides.
_STYLES = tuple(
    {"color": color, "marker": marker}
    for marker in "os^Dv*"
    for color in ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
)
