"""The contract between the library and an array library: all that differs from one to the next.

A backend is a module (or any object) with the members of `Backend`. It answers questions and
moves arrays; it does no mathematics. It is found through the entry-point group
`portable_dnn.backends`, under its own name, and importing it must not import the array library:
that happens in its functions, when somebody asks for that library.

`array_api_compat.array_namespace` must know the library's arrays. That is all that the mathematics
needs, so a library without a plug-in can be computed with as well (see `generic`); it only cannot
be chosen by a device string.

This is version 2 of the contract, which a backend names as `contract = 2`. Plug-ins of version 1,
whose `compile` takes a training step and returns a loop over it, are still accepted (see
`contract_1`).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy.typing as npt

__all__ = [
    "CONTRACT",
    "Array",
    "Arrays",
    "Backend",
    "Check",
    "DocumentsAccuracy",
    "Function",
    "HostArray",
    "Measurements",
    "Namespace",
    "Parameters",
    "RefusesArrays",
    "RepeatedStep",
    "Step",
    "Undisturbed",
]

CONTRACT = 2
"""The version of this contract."""

Array: TypeAlias = Any
"""An array of any library that keeps to the Python array API standard.

There is no static type that NumPy's, CuPy's and the others' arrays share.
"""

Namespace: TypeAlias = Any
"""The module with a library's array functions, as `array_api_compat` gives it."""

HostArray: TypeAlias = npt.NDArray[Any]
"""A NumPy array: what is read from files, drawn at random, shown and saved."""

Parameters: TypeAlias = Mapping[str, Array]
"""`W1, b1 … WL, bL`: W of shape (n_l, n_{l-1}), b of shape (n_l, 1)."""

Arrays: TypeAlias = dict[str, Array]
"""Arrays by name, in an order that counts."""

Measurements: TypeAlias = dict[str, Array]
"""What was measured: names to 0-d arrays, still on the device."""

Function: TypeAlias = Callable[..., Any]
"""A function without side effects. What it takes and returns is made of arrays and Python's
numbers, in dicts, tuples and named tuples; equal functions (`==`) compute the same."""

Step: TypeAlias = Callable[[Any, Any, Arrays], Any]
"""A training step, `(state, batch, row) -> state`, a `Function`.

`row` holds what differs from step to step, such as the learning rate of this step; it may be empty.
"""


class RepeatedStep(Protocol):
    """A training step that is taken several times in one call, a `Function`."""

    def __call__(self, state: Any, batch: Any, rows: Arrays, times: int) -> Any:
        """Take the step `times` times, 1 or more.

        Parameters
        ----------
        state, batch
            As the step takes them; each step but the first is given the state of the one before.
        rows : dict of str to array
            Step i is given `array[i, ...]` of each; at least `times` rows. Or empty.
        times : int
            How often.

        Returns
        -------
        state
            After the last step.
        """


@dataclass(frozen=True)
class Check:
    """One rung of the ladder from "nothing installed" to "this backend computes".

    Attributes
    ----------
    name : str
        A fixed identifier, such as `cuda-driver`, for scripts.
    status : {"ok", "warning", "failed"}
        A backend can run here if no check failed.
    detail : str
        What was found, a sentence without a full stop.
    remedy : str
        What to do about it (a command where there is one); empty if nothing is to be done.
    """

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str
    remedy: str = ""


class Backend(Protocol):
    """What the library asks of an array library."""

    @property
    def name(self) -> str:
        """The backend's name, the first part of a device string."""

    @property
    def contract(self) -> int:
        """The version of this contract that the backend keeps to."""

    def checks(self) -> Iterator[Check]:
        """Climb the ladder, cheapest rung first, and stop after the first that failed.

        Yields
        ------
        Check
            One rung. Nothing is tried before it is asked for.
        """

    def devices(self) -> tuple[str, ...]:
        """Devices of this machine, the default one first, such as `("cuda:0", "cuda:1")`."""

    def free_memory(self, device: str) -> int | None:
        """Free memory of a device in bytes, or None where it has none of its own."""

    def synchronize(self, device: str) -> None:
        """Return when everything started on a device is done, so that a run can be timed."""

    def namespace(self) -> Namespace:
        """Return the array-API namespace."""

    def owns(self, array: object) -> bool:
        """Whether an array is of this library; answered without importing it.

        This package's backends are asked first, then those of others, each in the order of
        `registry.backend_names`; the first that says yes has it.
        """

    def device_of(self, array: Array) -> str:
        """Name the device an array of this library lies on, as `devices` spells it."""

    def from_host(self, array: HostArray, device: str) -> Array:
        """Copy a NumPy array to a device, dtype and shape kept."""

    def to_host(self, array: Array) -> HostArray:
        """Copy an array of this library to a NumPy array, dtype and shape kept."""

    def repeat(self, step: Step) -> RepeatedStep:
        """Return a function that takes a step several times.

        Equal steps give equal functions. `repeat.OneByOne` will do, unless the library has a loop
        of its own that runs on the device.
        """

    def compile(self, function: Function) -> Function:
        """Return the function, or one that gives the same results faster.

        It is given pure functions of all kinds: what `repeat` returned, measurements, and others.
        Where the library can run all of a call on the device, the host is asked once a call.
        """

    def versions(self) -> dict[str, str]:
        """Versions of the library and its parts, and the settings that change its numbers."""


class DocumentsAccuracy(Protocol):
    """What a backend may have beside the members of `Backend`: what its library documents.

    `portable-dnn compare` allows a library's functions the errors that it documents, and calls
    flushed subnormal numbers "by design" where they are. A library of which nothing is known is
    allowed the largest errors of those that are, and no flushing.
    """

    @property
    def name(self) -> str:
        """The backend's name."""

    def accuracy(self, device: str, dtype: str) -> Mapping[str, float | bool | str]:
        """Tell how accurate the library's functions are on a device.

        Parameters
        ----------
        device : str
            One of `devices()`.
        dtype : {"float32", "float64"}
            In which is computed.

        Returns
        -------
        mapping of str to float, bool or str
            Of "exp", "log", "log1p", "tanh" and "divide" the largest error in ulps of the exact
            result, 0.5 or more; "flushes", whether subnormal numbers are taken for 0 and written
            as 0; "source", where this is documented. What is not known is left out.
        """


class RefusesArrays(Protocol):
    """What a backend may have beside the members of `Backend`: arrays that it cannot use."""

    def refuses(self, array: Array) -> str:
        """Say what is wrong with an array of the library, and what helps.

        Parameters
        ----------
        array : array
            One that the backend owns, such as a sparse one, or one without numbers.

        Returns
        -------
        str
            What it is, to follow "X is "; empty if it can be computed with.
        """


class Undisturbed(Protocol):
    """What a backend may have beside the members of `Backend`: settings of a process to set aside.

    Such as one by which a library refuses to copy a number to a device, or computes in another
    dtype than it is asked to. Settings for the accuracy of a dtype are none of these: they belong
    to `versions`.
    """

    def undisturbed(self) -> AbstractContextManager[object]:
        """Return a context in which the library computes whatever the process has set.

        Every public function enters it once the plug-in, or a module of the backend's name, has
        been imported. It must be quick.
        """


class Fragments(Protocol):
    """What a backend may have beside the members of `Backend`: a heap that its arrays break up."""

    def fragments(self, device: str) -> bool:
        """Tell whether the place of an array that is gone is too small for the next of its size.

        Then a run takes several times the memory of the arrays that are there at once, and its
        estimate allows for that.

        Parameters
        ----------
        device : str
            One of `devices()`.

        Returns
        -------
        bool
        """
