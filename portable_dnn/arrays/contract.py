"""The contract between the library and an array library: all that differs from one to the next.

A backend is a module (or any object) with the members of `Backend`. It answers questions and
moves arrays; it does no mathematics. It is found through the entry-point group
`portable_dnn.backends`, under its own name, and importing it must not import the array library:
that happens in its functions, when somebody asks for that library.

`array_api_compat.array_namespace` must know the library's arrays. That is all that the mathematics
needs, so a library without a plug-in can be computed with as well (see `standard`); it only cannot
be chosen by a device string.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy.typing as npt

__all__ = [
    "Array",
    "Backend",
    "Check",
    "DocumentsAccuracy",
    "HostArray",
    "Measurements",
    "Namespace",
    "Parameters",
    "Step",
    "Stretch",
]

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

Measurements: TypeAlias = dict[str, Array]
"""What a step measured: names to 0-d arrays, still on the device."""

Step: TypeAlias = Callable[[dict[str, Array], Any, Array], tuple[Measurements, dict[str, Array]]]
"""A training step, `(state, data, signs) -> (measurements, state)`, without side effects.

A dict of arrays, a named tuple of arrays and an array; what they are, `step.TrainingStep` says.
"""


class Stretch(Protocol):
    """A training step that can be taken several times at once."""

    def __call__(
        self, state: dict[str, Array], data: Any, signs: Array, times: int = 1
    ) -> tuple[Measurements, dict[str, Array]]:
        """Take the step `times` times (1 or more); the measurements are those of the last."""


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

        Backends are asked in the order of `registry.backend_names`, and the first that says yes
        has it.
        """

    def device_of(self, array: Array) -> str:
        """Name the device an array of this library lies on, as `devices` spells it."""

    def from_host(self, array: HostArray, device: str) -> Array:
        """Copy a NumPy array to a device, dtype and shape kept."""

    def to_host(self, array: Array) -> HostArray:
        """Copy an array of this library to a NumPy array, dtype and shape kept."""

    def compile(self, step: Step) -> Stretch:
        """Return a function that takes `step` as often as it is told, with the same results.

        Where the library can run all of it on the device, the host is asked once a stretch, not
        once a step; elsewhere `stretch.one_by_one` will do.
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
