"""The backend of toyarray. The library is imported in the functions, when it is asked for."""

import sys
from collections.abc import Iterator

import numpy as np

from portable_dnn.backend import Array, Check, HostArray, Namespace, Step, Stretch
from portable_dnn.stretch import one_by_one

name = "toy"


def checks() -> Iterator[Check]:
    """Climb the ladder: the library is there, and its products are right."""
    try:
        import toyarray
    except ImportError as error:
        reason = f"toyarray cannot be imported ({error})"
        yield Check("toy-import", "failed", reason, "python -m pip install toyarray")
        return
    yield Check("toy-import", "ok", f"toyarray {toyarray.__version__}")
    probe = np.arange(6.0).reshape(2, 3)  # small whole numbers: exact in any order
    product = toyarray.asarray(probe) @ toyarray.asarray(probe.T)
    if np.array_equal(product.values, probe @ probe.T):
        yield Check("toy-matmul", "ok", "a small matrix product came back right")
    else:
        reason = "a small matrix product came back with wrong numbers"
        yield Check("toy-matmul", "failed", reason, "install another version of toyarray")


def devices() -> tuple[str, ...]:
    """Return the devices of this machine, the default one first."""
    return ("cpu",)


def free_memory(device: str) -> int | None:
    """Not known; a run is then not refused for its size."""
    return None


def synchronize(device: str) -> None:
    """Return at once: toyarray has finished when it returns."""


def namespace() -> Namespace:
    """Return the array-API namespace."""
    import toyarray

    return toyarray


def owns(array: object) -> bool:
    """Whether an array is one of toyarray, without importing it."""
    kind = getattr(sys.modules.get("toyarray"), "Array", None)
    return kind is not None and isinstance(array, kind)


def device_of(array: Array) -> str:
    """Name the device of an array as `devices` does."""
    return str(array.device)


def from_host(array: HostArray, device: str) -> Array:
    """Copy a NumPy array to a device, dtype and shape kept."""
    import toyarray

    return toyarray.asarray(np.array(array), device=device)


def to_host(array: Array) -> HostArray:
    """Copy an array to NumPy, dtype and shape kept."""
    return np.array(array.values)


def compile(step: Step) -> Stretch:
    """Return a loop over the step; a library with a compiler returns one program of it."""
    return one_by_one(step)


def versions() -> dict[str, str]:
    """Return what may change the numbers."""
    import toyarray

    return {"toyarray": toyarray.__version__, "numpy": np.__version__}
