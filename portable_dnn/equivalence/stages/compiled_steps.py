"""The compiled step as a run calls it: once, again, many times, and several steps in one call."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from portable_dnn.arrays.contract import Array, HostArray, Measurements, Stretch
from portable_dnn.arrays.devices import Device
from portable_dnn.network.activations import Activation
from portable_dnn.training import span
from portable_dnn.training.first_layer import WEIGHTS, FirstLayer, Held, hold
from portable_dnn.training.step import make_step

__all__ = [
    "HOLDS",
    "LENGTHS",
    "SPANNED",
    "Stepper",
    "Steps",
    "Taken",
    "compile_steps",
    "ways_to_hold",
]

SPANNED = "in the span"
"""The way that needs K."""

HOLDS: dict[str, tuple[FirstLayer, Callable[..., Held]]] = {
    "plain": (WEIGHTS, lambda X, parameters, xp: hold(X, parameters, xp=xp)),
    SPANNED: (span.SPAN, lambda X, parameters, xp: span.hold(X, parameters, xp=xp)),
}
"""The ways to hold layer 1, by their names for people."""

LENGTHS = (13, 10, 100)
"""Steps in one call, in the next and in the last.

Odd and even, since buffers are often exchanged each step; and as many as `train` takes between two
records. Those before the last, taken one by one, are more calls than libraries spend on warming
up: PyTorch's examples of graphs make 3, and 11 for several cards.
"""


def ways_to_hold(n_x: int, m: int, compress: str) -> tuple[str, ...]:
    """List how a run may hold layer 1.

    Parameters
    ----------
    n_x, m : int
        Features and samples.
    compress : {"auto", "on", "off"}
        As for `span.choose`: unless it is asked for, the span is taken for wide inputs only, since
        K has m² elements.

    Returns
    -------
    tuple of str
        Of `HOLDS`.
    """
    spanned = m < n_x or compress == "on"
    return tuple(how for how in HOLDS if spanned or how != SPANNED)


class Steps(NamedTuple):
    """A device's compiled steps.

    Attributes
    ----------
    device : Device
        Where.
    compiled : dict of (str, bool) to callable
        By the way to hold layer 1, and whether the step measures itself.
    """

    device: Device
    compiled: dict[tuple[str, bool], Stretch]


def compile_steps(
    device: Device, activations: Sequence[Activation], rate: float, ways: Sequence[str]
) -> Steps:
    """Compile the steps of a run.

    Parameters
    ----------
    device : Device
        Where.
    activations : sequence of Activation
        Those of the hidden layers.
    rate : float
        α.
    ways : sequence of str
        To hold layer 1, of `HOLDS`.

    Returns
    -------
    Steps
    """
    xp = device.backend.namespace()
    return Steps(
        device,
        {
            (how, measured): device.backend.compile(
                make_step(activations, rate, measured=measured, xp=xp, first=HOLDS[how][0])
            )
            for how in ways
            for measured in (False, True)
        },
    )


class Taken(NamedTuple):
    """What steps came to, on the host.

    Attributes
    ----------
    parameters : dict of str to numpy.ndarray
        After the last step.
    cost : numpy.ndarray or None
        Before it, if it measured itself.
    """

    parameters: dict[str, HostArray]
    cost: HostArray | None


class Stepper:
    """Takes steps on one side, always from the same parameters.

    Parameters
    ----------
    steps : Steps
        The side's.
    how : str
        A way to hold layer 1, of `HOLDS`.
    X, Y : numpy.ndarray
        Input (n_x, m) and labels (1, m), in the dtype of the run.
    parameters : mapping of str to numpy.ndarray
        Where to start.
    """

    def __init__(
        self,
        steps: Steps,
        how: str,
        X: HostArray,
        Y: HostArray,
        parameters: Mapping[str, HostArray],
    ) -> None:
        backend, name = steps.device.backend, steps.device.name
        x, y = (backend.from_host(array.copy(), name) for array in (X, Y))
        placed = {key: backend.from_host(array.copy(), name) for key, array in parameters.items()}
        self._steps, self._how, self._names = steps, how, tuple(parameters)
        with np.errstate(all="ignore"):
            self._held = HOLDS[how][1](x, placed, backend.namespace())
            self._signs = 1.0 - 2.0 * y

    def two(self) -> tuple[Taken, Taken]:
        """Take two steps, the second one measuring itself."""
        _, state = self._take(self._held.state, measured=False)
        measurements, later = self._take(state, measured=True)
        return self._taken(state), self._taken(later, measurements)

    def one_by_one(self) -> Taken:
        """Take `LENGTHS` steps, each in its own call, and one that measures itself.

        After each but those of the last length, a step that measures itself is taken for nothing
        but to have been called.
        """
        state = self._held.state
        for _ in range(sum(LENGTHS[:-1])):
            _, state = self._take(state, measured=False)
            self._take(state, measured=True)
        for _ in range(LENGTHS[-1]):
            _, state = self._take(state, measured=False)
        measurements, after = self._take(state, measured=True)
        return self._taken(after, measurements)

    def stretches(self) -> Taken:
        """Take `LENGTHS` steps in as many calls as there are lengths, and one as above."""
        state = self._held.state
        for length in LENGTHS:
            _, state = self._take(state, measured=False, times=length)
        measurements, after = self._take(state, measured=True)
        return self._taken(after, measurements)

    def _take(
        self, state: dict[str, Array], *, measured: bool, times: int = 1
    ) -> tuple[Measurements, dict[str, Array]]:
        """Call a compiled step, as a run does."""
        step = self._steps.compiled[self._how, measured]
        with np.errstate(all="ignore"):
            return step(state, self._held.data, self._signs, times)

    def _taken(self, state: dict[str, Array], measurements: Measurements | None = None) -> Taken:
        """Fetch a state."""
        backend = self._steps.device.backend
        with np.errstate(all="ignore"):
            found = self._held.parameters_of(state)
        fetched = {key: np.array(backend.to_host(found[key])) for key in self._names}
        return Taken(
            fetched,
            None if measurements is None else np.asarray(backend.to_host(measurements["cost"])),
        )
