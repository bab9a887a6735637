"""The CuPy backend: NVIDIA's graphics cards through CUDA.

CuPy is imported only inside the functions, and nothing here touches a card before it is asked to.
Whether CuPy can run on this machine is found in `portable_dnn_cupy.ladder`.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping

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
from portable_dnn.files.text import answers, words
from portable_dnn_cupy.installation import dotted
from portable_dnn_cupy.ladder import climb

name = "cupy"
contract = CONTRACT

# At 0, whole stretches of steps are not taken by our own kernel (see portable_dnn_cupy.kernel).
_KERNEL = "PORTABLE_DNN_CUPY_KERNEL"

# What decides which kernels are taken, and so the last bits of a result.
_SETTINGS = ("CUPY_TF32", "CUPY_ACCELERATORS", _KERNEL)


def checks() -> Iterator[Check]:
    """Climb the ladder from "CuPy imports" to "a matrix product is right"."""
    yield from climb()


def devices() -> tuple[str, ...]:
    """Return the cards that CUDA shows, the default one first."""
    import cupy

    return tuple(f"cuda:{index}" for index in range(cupy.cuda.runtime.getDeviceCount()))


def free_memory(device: str) -> int | None:
    """Memory of a card that no process holds, in bytes."""
    import cupy

    with cupy.cuda.Device(_index(device)):
        free, _ = cupy.cuda.runtime.memGetInfo()
    return int(free)


def synchronize(device: str) -> None:
    """Return when a card has done everything that was started on it."""
    import cupy

    with cupy.cuda.Device(_index(device)) as card:
        card.synchronize()


def namespace() -> Namespace:
    """Return the array-API namespace."""
    import array_api_compat.cupy as xp

    return xp


def owns(array: object) -> bool:
    """Whether an array is one of CuPy."""
    kind = getattr(sys.modules.get("cupy"), "ndarray", None)
    return kind is not None and isinstance(array, kind)


def device_of(array: Array) -> str:
    """Name the card that an array lies on."""
    return f"cuda:{array.device.id}"


def from_host(array: HostArray, device: str) -> Array:
    """Copy a NumPy array to a card."""
    import cupy

    with cupy.cuda.Device(_index(device)):
        return cupy.asarray(array)


def to_host(array: Array) -> HostArray:
    """Copy an array to NumPy, once the card has computed it."""
    import cupy

    copy: HostArray = cupy.asnumpy(array)
    return copy


def repeat(step: Step) -> RepeatedStep:
    """Return a loop over the step: cuBLAS refuses CuPy's stream capture, so it can be no graph."""
    return OneByOne(step)


def compile(function: Function) -> Function:
    """Return the function itself, or a launch of our own kernel in its place.

    Several steps in the span are one launch, unless `PORTABLE_DNN_CUPY_KERNEL=0` is set or CuPy was
    asked for TF32 products, which the kernel does not make.
    """
    if os.environ.get(_KERNEL) == "0" or os.environ.get("CUPY_TF32", "0") != "0":
        return function
    from portable_dnn_cupy.kernel.launch import with_kernel

    return with_kernel(function)


def accuracy(device: str, dtype: str) -> Mapping[str, float | bool | str]:
    """Return what CUDA documents of its functions, in ulps, and CuPy of subnormal numbers."""
    single = dtype == "float32"
    source = (
        "CUDA C++ Programming Guide, Mathematical Functions, maximum ulp error; full range; "
        "docs.cupy.dev, cupy.nextafter: CuPy sets -ftz=true, which is for float32"
    )
    functions = {"exp": 2.0 if single else 1.0, "log": 1.0, "log1p": 1.0, "tanh": 2.0}
    return {**functions, "divide": 0.5, "flushes": single, "source": source}


def versions() -> dict[str, str]:
    """Return the versions of CuPy, CUDA and the card, and the settings that change the numbers.

    What cannot be found out, where the driver is absent for one, is told in the value's place.
    """
    settings = {setting: os.environ.get(setting, "not set") for setting in _SETTINGS}
    try:
        import cupy
    except Exception as error:  # a broken installation may raise anything (see the ladder)
        return {"cupy": f"cannot be imported: {words(error)}", **settings}

    runtime = cupy.cuda.runtime
    questions: dict[str, Callable[[], str]] = {
        "cupy": lambda: str(cupy.__version__),
        "CUDA runtime": lambda: dotted(runtime.runtimeGetVersion()),
        "CUDA driver": lambda: dotted(runtime.driverGetVersion()),
        "NVRTC": lambda: ".".join(str(part) for part in cupy.cuda.nvrtc.getVersion()),
        "cuBLAS": lambda: str(cupy.cuda.cublas.getVersion(cupy.cuda.device.get_cublas_handle())),
        "card": lambda: str(runtime.getDeviceProperties(0)["name"].decode()),
    }
    return answers(questions) | settings


def _index(device: str) -> int:
    """Return the number in `cuda:1`."""
    return int(device.removeprefix("cuda:"))
