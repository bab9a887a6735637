"""Pictures of a run, as matplotlib figures: the cost, the mistakes, the first layer."""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import cycle, product
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from portable_dnn.arrays.contract import HostArray

__all__ = ["cost_curve", "cost_curves", "first_layer", "mislabelled"]

_HEIGHT = 4.2
_LINES = ("-", "--", ":", "-.")
_MOST_SHOWN = 24
_COLUMNS = 6
_UNIT_COLUMNS = 10
_FLAT = 0.05  # of the scale: less is not seen


def cost_curve(
    iterations: Sequence[int], costs: Sequence[float], title: str, test_cost: float | None = None
) -> Figure:
    """Draw the cost over the iterations.

    Parameters
    ----------
    iterations : sequence of int
        Numbers of updates made.
    costs : sequence of float
        The cost at each, in nats.
    title : str
        What was trained.
    test_cost : float, optional
        The cost of the test pictures after the last update: a run is not followed on them.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _cost_axes((7, _HEIGHT), title)
    label = "training pictures"
    axes.plot(iterations, costs, marker="o", markersize=3.5, linewidth=1.5, label=label)
    if test_cost is not None:
        label = f"test pictures, at the end: {test_cost:.4f}"
        axes.plot(iterations[-1], test_cost, "D", color="C1", markersize=7, label=label)
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False)
    return figure


def cost_curves(curves: Mapping[str, tuple[Sequence[int], Sequence[float]]], title: str) -> Figure:
    """Draw the costs of several runs over the iterations, one over the other.

    Parameters
    ----------
    curves : mapping of str to (sequence of int, sequence of float)
        By what sets a run apart: numbers of updates made, and the cost at each, in nats. A curve
        may be empty.
    title : str
        What the runs have in common.

    Returns
    -------
    matplotlib.figure.Figure
        With costs up to one and a half times the highest at the start: where a run diverges, the
        others are still to be seen.
    """
    height = max(_HEIGHT, 0.17 * len(curves) + 0.3)  # as the list of names needs
    figure, axes = _cost_axes((9, height), title)
    looks = product(_LINES, [f"C{n}" for n in range(10)])  # ten colours, then other lines
    for (line, colour), (name, (iterations, costs)) in zip(cycle(looks), curves.items()):
        axes.plot(
            *(iterations, costs, line),
            color=colour,
            marker="o",
            markersize=3,
            linewidth=1.5,
            label=name,
        )
    starts = [costs[0] for _, costs in curves.values() if len(costs)]
    highest = max((max(costs) for _, costs in curves.values() if len(costs)), default=1.0)
    axes.set_ylim(0.0, 1.05 * min(highest, 1.5 * max(starts, default=1.0)))
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return figure


def _cost_axes(size: tuple[float, float], title: str) -> tuple[Figure, Any]:
    """Make axes for costs over iterations, in a figure of so many inches."""
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel="iteration", ylabel="cost (cross-entropy, nats)", title=title)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def mislabelled(
    images: HostArray, labels: HostArray, probabilities: HostArray, class_names: Sequence[str]
) -> Figure:
    """Show the pictures that were called wrongly, the most certain mistakes first.

    Parameters
    ----------
    images : numpy.ndarray
        (m, height, width, 3), uint8 or floats from 0 to 1.
    labels : numpy.ndarray
        0 or 1, (m,).
    probabilities : numpy.ndarray
        Probability of class 1, (m,).
    class_names : sequence of str
        Names of class 0 and class 1.

    Returns
    -------
    matplotlib.figure.Figure
        At most 24 pictures, each with prediction and truth.
    """
    predictions = (probabilities > 0.5).astype(int)
    wrong = np.flatnonzero(predictions != labels)
    shown = wrong[np.argsort(-np.abs(probabilities[wrong] - 0.5), kind="stable")][:_MOST_SHOWN]
    aspect = images.shape[1] / images.shape[2]
    figure, grid = _grid(len(shown), 1.75, min(max(1.75 * aspect, 0.3), 5.0) + 0.4)
    title = f"{len(wrong)} of {len(labels)} test pictures mislabelled"
    if len(shown) < len(wrong):
        title += f", the {len(shown)} most certain of them"
    figure.suptitle(title, fontsize=11)
    for axes, i in zip(grid, shown, strict=False):
        axes.imshow(images[i], interpolation="nearest")
        said, true = class_names[predictions[i]], class_names[int(labels[i])]
        certain = probabilities[i] if predictions[i] else 1 - probabilities[i]
        said, true = (textwrap.shorten(name, 18, placeholder="…") for name in (said, true))
        axes.set_title(f"said {said} ({certain:.0%})\nis {true}", fontsize=8, parse_math=False)
    return figure


def first_layer(W1: HostArray, start: HostArray, image_shape: tuple[int, int, int]) -> Figure:
    """Show what each unit of the first layer looks for: its row of W1 as a picture.

    Parameters
    ----------
    W1 : numpy.ndarray
        (n_1, n_x), after training.
    start : numpy.ndarray
        The same before training. The rows are shown with it and without it, because a random start
        hides what was learned.
    image_shape : tuple of int
        (height, width, channels), with height · width · channels = n_x.

    Returns
    -------
    matplotlib.figure.Figure
        For at most 24 units the row and, below it, its change in training; grey is 0, and each
        kind of picture has one scale for all units.
    """
    shown = W1[:_MOST_SHOWN]
    change = shown - start[:_MOST_SHOWN]
    columns = min(len(shown), _UNIT_COLUMNS)
    rows = -(-len(shown) // columns)
    height = min(max(1.25 * image_shape[0] / image_shape[1], 0.3), 4.0)
    figure = Figure(
        figsize=(max(1.25 * columns, 4.5), (2 * height + 0.2) * rows + 0.75), layout="constrained"
    )
    grid = figure.subplots(2 * rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    scales = [float(np.quantile(np.abs(values), 0.999)) or 1.0 for values in (shown, change)]
    flat = np.max(np.abs(change), axis=1) < _FLAT * scales[1]
    title = "rows of W1 (above) and their change in training (below)"
    title += f"\ngrey: 0; full colour: ±{scales[0]:.2g} above, ±{scales[1]:.2g} below"
    if flat.any():
        title += "\nflat: changed by less than a twentieth of that, as where a ReLU is always off"
    figure.suptitle(title, fontsize=9)
    for kind, (values, scale) in enumerate(zip((shown, change), scales, strict=True)):
        for unit, row in enumerate(values):
            axes = grid[2 * (unit // columns) + kind, unit % columns]
            picture = np.clip(0.5 + 0.5 * row.reshape(image_shape) / scale, 0.0, 1.0)
            axes.imshow(picture.astype(np.float64), interpolation="nearest")
            if kind == 0:
                axes.set_title(f"unit {unit + 1}{' (flat)' if flat[unit] else ''}", fontsize=8)
    return figure


def _grid(count: int, width: float, height: float) -> tuple[Figure, list[Any]]:
    """Lay out a number of small pictures, in inches a picture."""
    columns = min(max(count, 3), _COLUMNS)
    rows = max(-(-count // columns), 1)
    if count == 0:
        height = 0.2
    figure = Figure(figsize=(width * columns, height * rows + 0.5), layout="constrained")
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid:
        axes.set_axis_off()
    return figure, grid
