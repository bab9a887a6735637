"""The strict backend: array-api-strict, which has the standard's functions and nothing else.

It proves that the network uses only the standard, and its pretend devices, which refuse to be
mixed, stand in for a machine with several GPUs. It computes with NumPy underneath.
"""

from collections.abc import Iterator, Mapping

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
from portable_dnn.machine.installation import install_command
from portable_dnn.machine.memory import free_host_memory

name = "strict"
contract = CONTRACT

_DEFAULT_DEVICE = "CPU_DEVICE"  # the library's own name for it


def checks() -> Iterator[Check]:
    """Climb the ladder: the library is pure Python, so it runs once it imports."""
    try:
        import array_api_strict
    except ImportError as error:
        yield Check(
            "strict-import",
            "failed",
            f"array-api-strict cannot be imported ({error})",
            install_command("strict"),
        )
    else:
        yield Check("strict-import", "ok", f"array-api-strict {array_api_strict.__version__}")


def devices() -> tuple[str, ...]:
    """Return the pretend devices that can hold float64, the default one first."""
    return ("cpu", "device1", "device2")


def free_memory(device: str) -> int | None:
    """Memory of the host in bytes, where every pretend device lives."""
    return free_host_memory()


def synchronize(device: str) -> None:
    """Return at once: NumPy underneath has finished when it returns."""


def namespace() -> Namespace:
    """Return the array-API namespace."""
    import array_api_strict

    return array_api_strict


def owns(array: object) -> bool:
    """Whether an array is one of array-api-strict."""
    return type(array).__module__.partition(".")[0] == "array_api_strict"


def device_of(array: Array) -> str:
    """Name the device of an array."""
    device = str(array.device).removeprefix("array_api_strict.Device('").removesuffix("')")
    return "cpu" if device == _DEFAULT_DEVICE else device


def from_host(array: HostArray, device: str) -> Array:
    """Copy a NumPy array to a device."""
    import array_api_strict

    target = array_api_strict.Device(_DEFAULT_DEVICE if device == "cpu" else device)
    return array_api_strict.asarray(array, device=target, copy=True)


def to_host(array: Array) -> HostArray:
    """Copy an array to NumPy; a pretend device hands it to the CPU first, as a real one must."""
    import array_api_strict

    return np.asarray(array.to_device(array_api_strict.Device(_DEFAULT_DEVICE)))


def repeat(step: Step) -> RepeatedStep:
    """Return a loop over the step."""
    return OneByOne(step)


def compile(function: Function) -> Function:
    """Return the function itself: the library runs what is written."""
    return function


def accuracy(device: str, dtype: str) -> Mapping[str, float | bool | str]:
    """Return what NumPy, which is underneath, documents."""
    source = "NumPy release notes 1.17 and 1.22; the C library elsewhere, at most 2 (glibc manual)"
    return {"exp": 4.0, "log": 4.0, "log1p": 4.0, "tanh": 4.0, "divide": 0.5, "source": source}


def versions() -> dict[str, str]:
    """Return the versions of the library and of the NumPy underneath."""
    import array_api_strict

    return {"array-api-strict": array_api_strict.__version__, "numpy": np.__version__}
