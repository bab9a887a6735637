"""The NumPy backend: the reference, on the CPU, always there."""

from collections.abc import Iterator

import array_api_compat.numpy as xp
import numpy as np

from portable_dnn.arrays.contract import (
    CONTRACT,
    Array,
    Check,
    Function,
    HostArray,
    Namespace,
    RepeatedStep,
    Step,
)
from portable_dnn.arrays.repeat import OneByOne
from portable_dnn.machine.memory import free_host_memory

name = "numpy"
contract = CONTRACT


def checks() -> Iterator[Check]:
    """Climb the ladder: NumPy is a dependency, so one rung."""
    yield Check("numpy-import", "ok", f"NumPy {np.__version__}")


def devices() -> tuple[str, ...]:
    """Return the one device there is."""
    return ("cpu",)


def free_memory(device: str) -> int | None:
    """Memory that this process can have without swapping, in bytes."""
    return free_host_memory()


def synchronize(device: str) -> None:
    """Return at once: NumPy has finished when it returns."""


def namespace() -> Namespace:
    """Return the array-API namespace."""
    return xp


def owns(array: object) -> bool:
    """Whether an array is a NumPy array, or a scalar such as its reductions give."""
    return isinstance(array, np.ndarray | np.generic)


def device_of(array: Array) -> str:
    """Name the device of an array."""
    return "cpu"


def from_host(array: HostArray, device: str) -> Array:
    """Return the array itself: it is where it should be."""
    return array


def to_host(array: Array) -> HostArray:
    """Return the array itself."""
    return np.asarray(array)


def repeat(step: Step) -> RepeatedStep:
    """Return a loop over the step."""
    return OneByOne(step)


def compile(function: Function) -> Function:
    """Return the function itself: the library runs what is written."""
    return function


def versions() -> dict[str, str]:
    """Return NumPy's version and the BLAS it was built with, which decides the last bits."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"numpy": np.__version__, "numpy BLAS": f"{blas['name']} {blas['version']}"}
