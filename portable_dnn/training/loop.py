"""Running steps one after the other, and finding where a run went wrong."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from portable_dnn.arrays.contract import Array, Arrays, Function, Measurements, RepeatedStep
from portable_dnn.arrays.devices import Device
from portable_dnn.arrays.namespaces import dtype_name
from portable_dnn.training.batches import Batches
from portable_dnn.training.measurements import Measure
from portable_dnn.training.step import Bound, State, TrainingStep

__all__ = ["CompiledSteps", "compile_steps", "first_not_finite", "iterate"]


@dataclass(frozen=True)
class CompiledSteps:
    """A training step compiled for a device, with the data that it is given.

    Attributes
    ----------
    step : TrainingStep
        What was compiled.
    repeated : RepeatedStep
        It, several times in one call.
    measured : callable
        `(state, batch) -> measurements`.
    batches : Batches
        The data.
    device : Device
        Where.
    """

    step: TrainingStep
    repeated: RepeatedStep
    measured: Function
    batches: Batches
    device: Device

    def advance(self, state: State, iteration: int, times: int) -> State:
        """Take the steps from an iteration on.

        Parameters
        ----------
        state : State
            Where the run stands.
        iteration : int
            Number of steps taken before.
        times : int
            How many to take.

        Returns
        -------
        State
        """
        # What NumPy would warn of on the way to a cost that is not finite, the error says better.
        with np.errstate(all="ignore"):
            while times > 0:
                run = self.batches.run_from(iteration, times)
                rows = {**run.rows, **self._rates(state, iteration, run.times)}
                state = self.repeated(state, run.batch, rows, run.times)
                iteration, times = iteration + run.times, times - run.times
        return state

    def measure(self, state: State) -> Measurements:
        """Measure a state on all samples.

        Parameters
        ----------
        state : State
            Where the run stands.

        Returns
        -------
        dict of str to array
            See `Measure`.
        """
        with np.errstate(all="ignore"):
            measurements: Measurements = self.measured(state, self.batches.whole)
        return measurements

    def _rates(self, state: State, iteration: int, times: int) -> Arrays:
        """Return the optimizer's numbers for some steps, if it has any, where the run computes."""
        rates = self.step.optimizer.rates
        if not rates(iteration):
            return {}
        table = [rates(i) for i in range(iteration, iteration + times)]
        dtype = dtype_name(next(iter(state.parameters.values())))
        placed: Array = self.device.backend.from_host(np.array(table, dtype), self.device.name)
        return {"rates": placed}


def compile_steps(step: TrainingStep, batches: Batches, device: Device) -> CompiledSteps:
    """Compile a training step, and its measurements, for a device.

    Parameters
    ----------
    step : TrainingStep
        As `step_of` made it.
    batches : Batches
        The data, on the device.
    device : Device
        Where.

    Returns
    -------
    CompiledSteps
    """
    backend = device.backend
    xp = backend.namespace()
    return CompiledSteps(
        step,
        backend.compile(backend.repeat(Bound(step, xp))),
        backend.compile(Bound(Measure(step), xp)),
        batches,
        device,
    )


def iterate(
    steps: CompiledSteps,
    state: State,
    num_iterations: int,
    measure_every: int,
    look_every: float | None = None,
    *,
    begin: int = 0,
    stop_every: int | None = None,
    synchronize: Callable[[], object] | None = None,
) -> Iterator[tuple[int, Measurements, State]]:
    """Run a step again and again.

    Parameters
    ----------
    steps : CompiledSteps
        What to run.
    state : State
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
        Waits until the steps are done, so that what is timed is not only their start. Called where
        time decides how often to yield.

    Yields
    ------
    iteration : int
        The last that was done, from 0.
    measurements : dict of str to array
        Of the state before its update; empty where nothing was measured.
    state : State
        After its update. A caller that has seen enough need not ask for more.
    """
    done, stride = begin, 1
    while done < num_iterations:
        began, times = time.perf_counter(), 1
        measurements = {} if done % measure_every else steps.measure(state)
        if not measurements:
            to_next = min(measure_every - done % measure_every, num_iterations - done)
            times = to_next if look_every is None else min(to_next, stride)
        if stop_every is not None:
            times = min(times, stop_every - done % stop_every)
        state = steps.advance(state, done, times)
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


def first_not_finite(
    steps: CompiledSteps, state: State, first: int, last: int
) -> tuple[int, float]:
    """Repeat a part of a run, measuring every iteration, to find the first that went wrong.

    Runs are deterministic, so looking again is cheaper than looking every time.

    Parameters
    ----------
    steps : CompiledSteps
        What was run.
    state : State
        The last that is known to be good.
    first, last : int
        The iteration it belongs to, and the one whose cost is not finite.

    Returns
    -------
    iteration : int
        The first whose cost is not a finite number; `last` if it does not show itself again.
    cost : float
        That cost.
    """
    for iteration in range(first, last + 1):
        cost = float(steps.measure(state)["cost"])
        if not math.isfinite(cost):
            return iteration, cost
        state = steps.advance(state, iteration, 1)
    return last, math.nan
