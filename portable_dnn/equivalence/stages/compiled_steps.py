"""The compiled step as a run calls it: once, again, many times, and several steps in one call."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from portable_dnn.arrays.contract import Array, HostArray
from portable_dnn.arrays.devices import Device
from portable_dnn.equivalence.stages.free_run import Task
from portable_dnn.training.batches import Batch, FullBatch
from portable_dnn.training.layer_forms import enter, leave, ones_for
from portable_dnn.training.loop import CompiledSteps, compile_steps
from portable_dnn.training.settings import Settings
from portable_dnn.training.step import State, TrainingStep, forms_for, step_of

__all__ = ["LENGTHS", "SPANNED", "SideSteps", "Stepper", "Taken", "steps_of"]

PLAIN, SPANNED = "plain", "in the span"
"""The ways to hold layer 1, by their names for people; the second needs K."""

LENGTHS = (13, 10, 100)
"""Steps in one call, in the next and in the last.

Odd and even, since buffers are often exchanged each step; and as many as `train` takes between two
records. Those before the last, taken one by one, are more calls than libraries spend on warming
up: PyTorch's examples of graphs make 3, and 11 for several cards.
"""


def steps_of(settings: Settings, n_x: int, m: int) -> dict[str, TrainingStep]:
    """Return the steps that a run with some settings may take, by the way to hold layer 1.

    Parameters
    ----------
    settings : Settings
        What decides the run. Unless `compress` asks for it, the span is taken for wide inputs only,
        since K has m² elements.
    n_x, m : int
        Features and samples.

    Returns
    -------
    dict of str to TrainingStep
    """
    ways = {PLAIN: False, SPANNED: True}
    if m >= n_x and settings.compress != "on":
        del ways[SPANNED]
    layers = len(settings.layers) + 1
    return {
        how: step_of(settings, forms_for(layers, compressed=compressed))
        for how, compressed in ways.items()
    }


class Taken(NamedTuple):
    """What steps came to, on the host.

    Attributes
    ----------
    parameters : dict of str to numpy.ndarray
        After the last step.
    cost : numpy.ndarray or None
        Before it, if it was measured.
    """

    parameters: dict[str, HostArray]
    cost: HostArray | None


class SideSteps:
    """A step compiled on one side, with the data that it is given there.

    Parameters
    ----------
    device : Device
        The side.
    step : TrainingStep
        What is compiled there, once.
    task : Task
        The data, and parameters for which there is a state.
    """

    def __init__(self, device: Device, step: TrainingStep, task: Task) -> None:
        xp = device.backend.namespace()
        self.device, self.forms = device, step.forms
        self.X = self.placed(task.X)
        with np.errstate(all="ignore"):
            start = {name: self.placed(array) for name, array in task.start.items()}
            inputs = enter(step.forms, start, self.X, xp=xp).inputs
            targets = step.head.targets(self.placed(task.Y), dtype=self.X.dtype, xp=xp)
            batch = Batch(inputs, targets, ones_for(self.X, xp=xp), task.X.shape[1])
        self.compiled: CompiledSteps = compile_steps(step, FullBatch(batch), device)

    def placed(self, array: HostArray) -> Array:
        """Put a copy of an array on the device."""
        return self.device.backend.from_host(array.copy(), self.device.name)


class Stepper:
    """Takes steps on one side, always from the same parameters.

    Parameters
    ----------
    side : SideSteps
        What takes them.
    parameters : mapping of str to numpy.ndarray
        Where to start.
    """

    def __init__(self, side: SideSteps, parameters: Mapping[str, HostArray]) -> None:
        self._side, self._steps = side, side.compiled
        self._start = {name: side.placed(array) for name, array in parameters.items()}
        xp = side.device.backend.namespace()
        with np.errstate(all="ignore"):
            held = enter(side.forms, self._start, side.X, xp=xp).parameters
            self._state = State(held, self._steps.step.optimizer.init(held, xp=xp))

    def two(self) -> tuple[Taken, Taken]:
        """Take two steps, and measure before the second."""
        state = self._advance(self._state, 0, 1)
        return self._taken(state), self._measured_step(state, 1)

    def one_by_one(self) -> Taken:
        """Take `LENGTHS` steps, each in its own call, and one more after a measurement.

        Between those but the ones of the last length, the state is measured for nothing but to
        have been called.
        """
        state, most, last = self._state, sum(LENGTHS[:-1]), sum(LENGTHS)
        for done in range(last):
            state = self._advance(state, done, 1)
            if done < most:
                self._measure(state)
        return self._measured_step(state, last)

    def in_long_calls(self) -> Taken:
        """Take `LENGTHS` steps in as many calls as there are lengths, and one as above."""
        state, done = self._state, 0
        for length in LENGTHS:
            state = self._advance(state, done, length)
            done += length
        return self._measured_step(state, done)

    def _measured_step(self, state: State, done: int) -> Taken:
        """Measure, and take a step."""
        cost = self._measure(state)
        return self._taken(self._advance(state, done, 1), cost)

    def _advance(self, state: State, done: int, times: int) -> State:
        """Call the compiled step, as a run does."""
        with np.errstate(all="ignore"):
            return self._steps.advance(state, done, times)

    def _measure(self, state: State) -> HostArray:
        """Measure a state, as a run does."""
        with np.errstate(all="ignore"):
            cost = self._steps.measure(state)["cost"]
        return np.asarray(self._steps.device.backend.to_host(cost))

    def _taken(self, state: State, cost: HostArray | None = None) -> Taken:
        """Fetch a state."""
        side, backend = self._side, self._side.device.backend
        xp = backend.namespace()
        with np.errstate(all="ignore"):
            found = leave(side.forms, state.parameters, self._start, side.X, xp=xp)
        return Taken({n: np.array(backend.to_host(found[n])) for n in self._start}, cost)
