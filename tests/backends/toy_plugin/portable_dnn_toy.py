"""The backend of toyarray. The library is imported in the functions, when it is asked for."""

import sys
from collections.abc import Iterator

import numpy as np

from portable_dnn.arrays import contract as kinds
from portable_dnn.arrays.repeat import OneByOne

name, contract = "toy", 2


def checks() -> Iterator[kinds.Check]:
    """Climb the ladder: the library is there, and its products are right."""
    try:
        import toyarray
    except ImportError as error:
        yield kinds.Check("toy-import", "failed", str(error), "python -m pip install toyarray")
        return
    yield kinds.Check("toy-import", "ok", f"toyarray {toyarray.__version__}")
    ones = toyarray.asarray(np.ones((2, 2)))  # small whole numbers: exact in any order
    right = np.array_equal((ones @ ones).values, np.full((2, 2), 2.0))
    reason = f"a small matrix product came back {'right' if right else 'with wrong numbers'}"
    yield kinds.Check("toy-matmul", "ok" if right else "failed", reason)


def devices() -> tuple[str, ...]:
    """Return the devices of this machine, the default one first."""
    return ("cpu",)


def free_memory(device: str) -> int | None:
    """Not known; a run is then not refused for its size."""
    return None


def synchronize(device: str) -> None:
    """Return at once: toyarray has finished when it returns."""


def namespace() -> kinds.Namespace:
    """Return the array-API namespace."""
    import toyarray

    return toyarray


def owns(array: object) -> bool:
    """Whether an array is one of toyarray, without importing it."""
    return isinstance(array, getattr(sys.modules.get("toyarray"), "Array", ()))


def device_of(array: kinds.Array) -> str:
    """Name the device of an array as `devices` does."""
    return str(array.device)


def from_host(array: kinds.HostArray, device: str) -> kinds.Array:
    """Copy a NumPy array to a device, dtype and shape kept."""
    import toyarray

    return toyarray.asarray(np.array(array), device=device)


def to_host(array: kinds.Array) -> kinds.HostArray:
    """Copy an array to NumPy, dtype and shape kept."""
    return np.array(array.values)


def repeat(step: kinds.Step) -> kinds.RepeatedStep:
    """Return a loop over a step; a library with a loop on the device returns that."""
    return OneByOne(step)


def compile(function: kinds.Function) -> kinds.Function:
    """Return the function; a library with a compiler returns a program of it."""
    return function


def versions() -> dict[str, str]:
    """Return what may change the numbers."""
    import toyarray

    return {"toyarray": toyarray.__version__, "numpy": np.__version__}
