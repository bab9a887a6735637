"""Running steps one after the other, and finding where a run went wrong."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from portable_dnn.arrays.contract import Array, Measurements, Stretch

__all__ = ["Steps", "first_not_finite", "iterate", "measure_once"]


class Steps(NamedTuple):
    """A training step in both its forms, and what it is given every time.

    Attributes
    ----------
    measured : Stretch
        The step that also measures the cost and the diagnostics.
    plain : Stretch
        The same step without.
    data : object
        `Held.data`.
    signs : array
        Labels as 1 − 2Y, (n_L, m), in the dtype of the run.
    """

    measured: Stretch
    plain: Stretch
    data: Any
    signs: Array


def iterate(
    steps: Steps,
    state: dict[str, Array],
    num_iterations: int,
    measure_every: int,
    look_every: float | None = None,
    *,
    begin: int = 0,
    stop_every: int | None = None,
    synchronize: Callable[[], object] | None = None,
) -> Iterator[tuple[int, Measurements, dict[str, Array]]]:
    """Run a step again and again.

    Parameters
    ----------
    steps : Steps
        What to run.
    state : dict of str to array
        Where to start.
    num_iterations : int
        How often, those before `begin` included.
    measure_every : int
        Iterations 0, `measure_every`, 2 · `measure_every` … are measured.
    look_every : float, optional
        How often to yield between measured iterations: about every so many seconds, 0 for after
        each; not at all by default. The numbers do not depend on it.
    begin : int
        How many iterations `state` has behind it.
    stop_every : int, optional
        Yield after `stop_every`, 2 · `stop_every` … iterations as well.
    synchronize : callable, optional
        Waits until the steps are done, so that what is timed is not only their start. Asked where
        time decides how often to yield.

    Yields
    ------
    iteration : int
        The last that was done, from 0.
    measurements : dict of str to array
        Of the parameters before its update; empty where nothing was measured.
    state : dict of str to array
        After its update. Whoever has seen enough stops asking.
    """
    done, stride = begin, 1
    while done < num_iterations:
        step, times, began = steps.measured, 1, time.perf_counter()
        if done % measure_every:
            to_next = measure_every - done % measure_every
            times = min(
                to_next, num_iterations - done, stride if look_every is not None else to_next
            )
            step = steps.plain
        if stop_every is not None:
            times = min(times, stop_every - done % stop_every)
        measurements, state = _take(step, state, steps, times)
        done += times
        if look_every and synchronize is not None:
            synchronize()
        yield done - 1, measurements, state
        stride = _next_stride(stride, time.perf_counter() - began, look_every or 0.0)


def _next_stride(stride: int, seconds: float, wanted: float) -> int:
    """Choose how many steps to take before looking again."""
    if seconds < wanted / 2:
        return 2 * stride
    return max(1, stride // 2) if seconds > wanted else stride


def measure_once(steps: Steps, state: dict[str, Array]) -> Measurements:
    """Measure parameters without going on from them.

    Parameters
    ----------
    steps : Steps
        What was run.
    state : dict of str to array
        Where it stands.

    Returns
    -------
    dict of str to array
        As a measured step gives them.
    """
    return _take(steps.measured, state, steps, 1)[0]


def _take(
    step: Stretch, state: dict[str, Array], steps: Steps, times: int
) -> tuple[Measurements, dict[str, Array]]:
    """Take some steps."""
    # What NumPy would warn of on the way to a cost that is not finite, the error says better.
    with np.errstate(over="ignore", invalid="ignore"):
        return step(state, steps.data, steps.signs, times)


def first_not_finite(
    steps: Steps, state: dict[str, Array], first: int, last: int
) -> tuple[int, float]:
    """Repeat a part of a run, measuring every iteration, to find the first that went wrong.

    Runs are deterministic, so looking again is cheaper than looking every time.

    Parameters
    ----------
    steps : Steps
        What was run.
    state : dict of str to array
        The last that is known to be good.
    first, last : int
        The iteration it belongs to, and the one that was found to be wrong.

    Returns
    -------
    iteration : int
        The first whose cost is not a finite number; `last` if it does not show itself again.
    cost : float
        That cost.
    """
    cost = math.nan
    for iteration in range(first, last + 1):
        measurements, state = _take(steps.measured, state, steps, 1)
        cost = float(measurements["cost"])
        if not math.isfinite(cost):
            return iteration, cost
    return last, math.nan
