"""Any library that follows the array API standard and has no plug-in.

The mathematics needs only the standard. What a plug-in would add (checks, free memory, a compiler)
has an empty answer here.
"""

from collections.abc import Iterator

import array_api_compat
import numpy as np

from portable_dnn.arrays.contract import (
    CONTRACT,
    Array,
    Check,
    Function,
    HostArray,
    Namespace,
    Step,
)
from portable_dnn.arrays.repeat import OneByOne

__all__ = ["GenericBackend"]

_HOST = 1
"""kDLCPU, the number of the host's memory in DLPack."""


class GenericBackend:
    """The contract of a backend, answered from an array alone; see `contract.Backend`.

    Parameters
    ----------
    array : array
        One of the library's arrays.
    """

    contract = CONTRACT

    def __init__(self, array: Array) -> None:
        self._xp = array_api_compat.array_namespace(array)
        self._devices = {str(array_api_compat.device(array)): array_api_compat.device(array)}
        self.name = str(self._xp.__name__).removeprefix("array_api_compat.").partition(".")[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GenericBackend) and self._xp is other._xp

    def __hash__(self) -> int:
        return hash(self.name)

    def checks(self) -> Iterator[Check]:
        """Its array is proof enough."""
        yield Check(f"{self.name}-array", "ok", f"an array of {self.name} is there")

    def devices(self) -> tuple[str, ...]:
        """Return the device of its array."""
        return tuple(self._devices)

    def free_memory(self, device: str) -> int | None:
        """Not known."""
        return None

    def synchronize(self, device: str) -> None:
        """Not known how: the standard has no such function."""

    def namespace(self) -> Namespace:
        """Return the array-API namespace."""
        return self._xp

    def owns(self, array: object) -> bool:
        """Whether an array has the same namespace."""
        return (
            array_api_compat.is_array_api_obj(array)
            and array_api_compat.array_namespace(array) is self._xp
        )

    def device_of(self, array: Array) -> str:
        """Name the device of an array as the library prints it."""
        return str(array_api_compat.device(array))

    def from_host(self, array: HostArray, device: str) -> Array:
        """Copy a NumPy array to the device of its array."""
        return self._xp.asarray(array, device=self._devices[device], copy=True)

    def to_host(self, array: Array) -> HostArray:
        """Copy an array to NumPy through DLPack, the standard's way between libraries.

        Memory that is not the host's has to be asked for as the host's. Libraries whose memory is
        need not know the question yet, which came with version 1.0 of DLPack.
        """
        if array.__dlpack_device__()[0] == _HOST:
            return np.array(np.from_dlpack(array))
        return np.from_dlpack(array, device="cpu")

    def repeat(self, step: Step) -> OneByOne:
        """Return a loop over the step."""
        return OneByOne(step)

    def compile(self, function: Function) -> Function:
        """Return the function itself."""
        return function

    def versions(self) -> dict[str, str]:
        """Return the library's version, if it tells."""
        return {self.name: str(getattr(self._xp, "__version__", "unknown"))}
