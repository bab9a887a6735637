"""Running steps one after the other, and finding where a run went wrong."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from portable_dnn.backend import Array, Measurements, Step

__all__ = ["Steps", "first_not_finite", "iterate", "measure_once"]


class Steps(NamedTuple):
    """A training step in both its forms, and what it is given every time.

    Attributes
    ----------
    measured : callable
        The step that also measures the cost and the diagnostics.
    plain : callable
        The same step without.
    X : array
        Input, (n_x, m).
    Y : array
        Labels, (n_L, m), in the dtype of X.
    """

    measured: Step
    plain: Step
    X: Array
    Y: Array


def iterate(
    steps: Steps, parameters: dict[str, Array], num_iterations: int, measure_every: int
) -> Iterator[tuple[int, Measurements, dict[str, Array]]]:
    """Run a step again and again.

    Parameters
    ----------
    steps : Steps
        What to run.
    parameters : dict of str to array
        Where to start.
    num_iterations : int
        How often.
    measure_every : int
        Iterations 0, `measure_every`, 2 · `measure_every` … are measured.

    Yields
    ------
    iteration : int
        From 0.
    measurements : dict of str to array
        Of the parameters before the update; empty where nothing was measured.
    parameters : dict of str to array
        After the update. Whoever has seen enough stops asking.
    """
    for iteration in range(num_iterations):
        step = steps.plain if iteration % measure_every else steps.measured
        measurements, parameters = _take(step, parameters, steps)
        yield iteration, measurements, parameters


def measure_once(steps: Steps, parameters: dict[str, Array]) -> Measurements:
    """Measure parameters without going on from them.

    Parameters
    ----------
    steps : Steps
        What was run.
    parameters : dict of str to array
        Where it stands.

    Returns
    -------
    dict of str to array
        As a measured step gives them.
    """
    return _take(steps.measured, parameters, steps)[0]


def _take(
    step: Step, parameters: dict[str, Array], steps: Steps
) -> tuple[Measurements, dict[str, Array]]:
    """Take one step."""
    # What NumPy would warn of on the way to a cost that is not finite, the error says better.
    with np.errstate(over="ignore", invalid="ignore"):
        return step(parameters, steps.X, steps.Y)


def first_not_finite(
    steps: Steps, parameters: dict[str, Array], first: int, last: int
) -> tuple[int, float]:
    """Repeat a part of a run, measuring every iteration, to find the first that went wrong.

    Runs are deterministic, so looking again is cheaper than looking every time.

    Parameters
    ----------
    steps : Steps
        What was run.
    parameters : dict of str to array
        The last that are known to be good.
    first, last : int
        The iteration these belong to, and the one that was found to be wrong.

    Returns
    -------
    iteration : int
        The first whose cost is not a finite number; `last` if it does not show itself again.
    cost : float
        That cost.
    """
    cost = math.nan
    for iteration in range(first, last + 1):
        measurements, parameters = _take(steps.measured, parameters, steps)
        cost = float(measurements["cost"])
        if not math.isfinite(cost):
            return iteration, cost
    return last, math.nan
