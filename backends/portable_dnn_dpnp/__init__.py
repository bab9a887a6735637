"""The dpnp backend: Intel's arrays on SYCL, on Intel's graphics cards and on x86 processors.

Work is queued on a device, as with CUDA, and its memory is not the host's; that holds for the
processor as well. dpnp and dpctl, which knows the devices, are imported only inside the functions.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping

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
from portable_dnn.errors import DTypeError
from portable_dnn.files.text import answers, words
from portable_dnn.machine.memory import free_host_memory
from portable_dnn_dpnp import ladder
from portable_dnn_dpnp.ladder import sycl_device

name = "dpnp"
contract = CONTRACT

# What decides which device computes and with which instructions, and so the last bits.
_SETTINGS = (ladder.DRIVERS, *ladder.HIDING, "DPCPP_CPU_NUM_CUS")


def checks() -> Iterator[Check]:
    """Climb the ladder from "dpnp imports" to "the device has float64"."""
    yield from ladder.climb()


def devices() -> tuple[str, ...]:
    """Return the devices that SYCL shows, graphics cards first."""
    return ladder.devices()


def free_memory(device: str) -> int | None:
    """Memory in bytes: the processor's is the host's; a card's, where its driver tells."""
    if device.startswith("cpu"):
        return free_host_memory()
    import dpctl.utils

    free = dpctl.utils.intel_device_info(sycl_device(device)).get("free_memory")
    return None if free is None else int(free)


def synchronize(device: str) -> None:
    """Return when the device's queue is empty."""
    import dpctl

    dpctl.get_device_cached_queue(sycl_device(device)).wait()


def namespace() -> Namespace:
    """Return the array-API namespace."""
    import dpnp

    return dpnp


def owns(array: object) -> bool:
    """Whether an array is one of dpnp."""
    kind = getattr(sys.modules.get("dpnp"), "ndarray", None)
    return kind is not None and isinstance(array, kind)


def refuses(array: Array) -> str:
    """Refuse arrays that are not on the queue of their device: dpnp mixes no queues."""
    import dpctl

    kind = array.sycl_device.device_type.name
    devices_own = (dpctl.get_device_cached_queue(sycl_device(name)) for name in devices())
    if array.sycl_queue in devices_own:
        return ""
    return (
        "an array on a SYCL queue of your own, or on a part of a device; "
        f"array.to_device({kind!r}) brings it to the queue of the whole device"
    )


def device_of(array: Array) -> str:
    """Name the device that an array lies on."""
    own = array.sycl_device
    return next(name for name in devices() if sycl_device(name) == own)


def from_host(array: HostArray, device: str) -> Array:
    """Copy a NumPy array to a device.

    Raises
    ------
    DTypeError
        If the array is float64 and the device, as many of Intel's cards, has only float32.
    """
    import dpnp

    target = sycl_device(device)
    if array.dtype == np.float64 and not target.has_aspect_fp64:
        raise DTypeError(f"dpnp:{device} has no float64; use --dtype float32, dtype='float32'")
    return dpnp.asarray(array, order="C", device=target)


def to_host(array: Array) -> HostArray:
    """Copy an array to NumPy, once the device has computed it."""
    import dpnp

    copy: HostArray = dpnp.asnumpy(array)
    return copy


def repeat(step: Step) -> RepeatedStep:
    """Return a loop over the step: SYCL's graphs cannot be had from Python."""
    return OneByOne(step)


def compile(function: Function) -> Function:
    """Return the function itself: dpnp has no compiler."""
    return function


def accuracy(device: str, dtype: str) -> Mapping[str, float | bool | str]:
    """Return what SYCL demands of a device's functions, in ulps; oneMKL's are more accurate."""
    source = (
        "SYCL 2020, section 4.17.5, with the OpenCL C 3.0 specification, Relative Error as ULPs, "
        "full profile"
    )
    divide = 2.5 if dtype == "float32" else 0.5
    return {"exp": 3.0, "log": 3.0, "log1p": 2.0, "tanh": 5.0, "divide": divide, "source": source}


def versions() -> dict[str, str]:
    """Return the versions of dpnp, dpctl and the driver, and the settings that change the numbers.

    What cannot be found out is told in the value's place.
    """
    settings = {setting: os.environ.get(setting, "not set") for setting in _SETTINGS}
    # Where a driver lies changes nothing, and is nobody else's business.
    settings[ladder.DRIVERS] = re.sub(r"[^:;]*[/\\]", "", settings[ladder.DRIVERS])
    try:
        import dpctl
        import dpnp
    except Exception as error:  # a broken installation may raise anything (see the ladder)
        return {"dpnp": f"cannot be imported: {words(error)}", **settings}

    questions: dict[str, Callable[[], object]] = {
        "dpnp": lambda: dpnp.__version__,
        "dpctl": lambda: dpctl.__version__,
        "SYCL device": lambda: sycl_device(devices()[0]).name.strip(),
        "SYCL driver": lambda: sycl_device(devices()[0]).driver_version,
    }
    return answers(questions) | settings
