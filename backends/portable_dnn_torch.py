"""The PyTorch backend: the CPU, and NVIDIA's graphics cards through CUDA.

PyTorch is imported only inside the functions. Its threads and its precision settings are left as
the user has them; `versions` tells them, for they change the numbers.
"""

import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

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
from portable_dnn.files.text import answers, words
from portable_dnn.machine.installation import install_command
from portable_dnn.machine.memory import free_host_memory

name = "torch"
contract = CONTRACT

# Small whole numbers: their sums and products are exact in any order.
_PROBE: HostArray = np.arange(1.0, 17.0).reshape(4, 4)


def checks() -> Iterator[Check]:
    """Climb the ladder: PyTorch imports, and multiplies on the CPU. No card is touched."""
    try:
        import torch

        version = f"PyTorch {torch.__version__}"
    except Exception as error:  # a broken installation raises ImportError, OSError and others
        absent = isinstance(error, ModuleNotFoundError) and error.name == "torch"
        reason = "is not installed" if absent else f"cannot be imported: {words(error)}"
        yield Check("torch-import", "failed", f"PyTorch {reason}", install_command("torch"))
        return
    yield Check("torch-import", "ok", version)
    try:
        probe = torch.tensor(_PROBE, device="cpu")
        right = np.array_equal((probe @ probe.T).numpy(), _PROBE @ _PROBE.T)
        reason = "came back with wrong numbers"
    except Exception as error:  # such as a NumPy that PyTorch was not built for
        right, reason = False, f"failed: {words(error)}"
    if right:
        yield Check("torch-matmul", "ok", "a small matrix product came back right")
    else:
        yield Check(
            "torch-matmul", "failed", f"a small matrix product {reason}", install_command("torch")
        )


def devices() -> tuple[str, ...]:
    """Return the CPU, and the cards that CUDA shows where it is usable."""
    import torch

    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ("cpu", *(f"cuda:{index}" for index in range(cards)))


def free_memory(device: str) -> int | None:
    """Memory in bytes: of a card what no process holds, of the host what needs no swapping."""
    import torch

    if device == "cpu":
        return free_host_memory()
    return int(torch.cuda.mem_get_info(device)[0])


def synchronize(device: str) -> None:
    """Return when a card has done everything that was started on it; the CPU always has."""
    import torch

    if device != "cpu":
        torch.cuda.synchronize(device)


def namespace() -> Namespace:
    """Return the array-API namespace."""
    import array_api_compat.torch as xp

    return xp


def owns(array: object) -> bool:
    """Whether an array is one of PyTorch."""
    kind = getattr(sys.modules.get("torch"), "Tensor", None)
    return kind is not None and isinstance(array, kind)


def refuses(array: Array) -> str:
    """Refuse tensors without numbers, of another layout, and with arithmetic of their own."""
    import torch

    kind = type(array)
    if kind not in (torch.Tensor, torch.nn.Parameter):
        own = f"a {kind.__module__}.{kind.__qualname__}, which has arithmetic of its own"
        return f"{own}; give a plain tensor, such as tensor.as_subclass(torch.Tensor)"
    if array.is_nested:
        return "a nested tensor, whose rows have different lengths; one of one shape would be right"
    if array.dtype.is_floating_point and array.dtype.itemsize == 1:
        return f"a tensor of {array.dtype}, in which PyTorch only stores; cast it first"
    if array.is_quantized:
        return "a quantized tensor; tensor.dequantize() makes a plain one of it"
    if array.device.type == "meta":
        return "a tensor on the device meta, which holds no numbers; make one on the CPU or a card"
    if array.layout != torch.strided:
        return f"a tensor of layout {array.layout}; tensor.to_dense() makes a plain one of it"
    return ""


def undisturbed() -> AbstractContextManager[object]:
    """Switch autocast off, where a process has it on: it computes in another dtype than asked."""
    torch: Any = sys.modules.get("torch")
    stack = ExitStack()
    if hasattr(torch, "is_autocast_enabled"):  # it may be half imported
        for kind in filter(torch.is_autocast_enabled, ("cpu", "cuda")):
            stack.enter_context(torch.autocast(kind, enabled=False))
    return stack


def fragments(device: str) -> bool:
    """Whether its arrays break up glibc's heap: it asks for aligned places there.

    A place that is free is only as long as the array that was in it, and an aligned one is sought
    in something longer. Arrays with pages of their own are not concerned.
    """
    of_its_own = "MALLOC_MMAP_THRESHOLD_" in os.environ or "malloc" in os.getenv("LD_PRELOAD", "")
    return device == "cpu" and platform.libc_ver()[0] == "glibc" and not of_its_own


def device_of(array: Array) -> str:
    """Name the device that an array lies on."""
    return str(array.device)


def from_host(array: HostArray, device: str) -> Array:
    """Copy a NumPy array to a device."""
    import torch

    # PyTorch would share the memory, warns of what it must not write, refuses negative strides.
    return torch.from_numpy(np.array(array, order="C")).to(device)


def to_host(array: Array) -> HostArray:
    """Copy an array to NumPy, once it is computed."""
    copy: HostArray = array.detach().to("cpu", copy=True).numpy()
    return copy


def repeat(step: Step) -> RepeatedStep:
    """Return a loop over the step."""
    return OneByOne(step)


def compile(function: Function) -> Function:
    """Return the function, recording nothing for automatic differentiation.

    A start that requires gradients would else grow a graph from iteration to iteration.
    """
    import torch

    # torch.compile does not pay: on the published shapes (PyTorch 2.13, one thread) its first call
    # took 28 s in float64 and 13 s in float32, where 2 500 iterations take 21 s and 10 s, and its
    # iterations were no faster (17.6 ms against 17.1, 6.8 against 6.3, on a busy machine). no_grad
    # and inference_mode gain nothing measurable (8.3 and 8.2 ms against 8.5, idle); inference_mode
    # would hand out tensors that automatic differentiation refuses.
    def run(*arguments: Any) -> Any:
        with torch.no_grad():
            return function(*arguments)

    return run


def accuracy(device: str, dtype: str) -> Mapping[str, float | bool | str]:
    """Return what the libraries beneath document of their functions, in ulps."""
    if device.startswith("cuda"):
        exp = 2.0 if dtype == "float32" else 1.0
        source = "CUDA C++ Programming Guide, Mathematical Functions, maximum ulp error; full range"
        return {"exp": exp, "log": 1.0, "log1p": 1.0, "tanh": 2.0, "divide": 0.5, "source": source}
    source = (
        "SLEEF's u10 functions, 1.0 (sleef.org), and Intel's VML in its high-accuracy mode, below "
        "1; the C library at the ends of arrays, at most 2 (glibc manual)"
    )
    return {"exp": 2.0, "log": 2.0, "log1p": 2.0, "tanh": 2.0, "divide": 0.5, "source": source}


def versions() -> dict[str, str]:
    """Return the versions of PyTorch and CUDA, and the settings that change the numbers.

    What cannot be found out is told in the value's place.
    """
    try:
        import torch
    except Exception as error:  # a broken installation may raise anything (see the ladder)
        return {"torch": f"cannot be imported: {words(error)}"}

    questions: dict[str, Callable[[], object]] = {
        "torch": lambda: torch.__version__,
        "torch CUDA": lambda: torch.version.cuda or "none",
        "torch card": lambda: torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "torch CPU kernels": lambda: torch.backends.cpu.get_cpu_capability(),
        "torch threads": lambda: torch.get_num_threads(),
        "torch allow_tf32": lambda: torch.backends.cuda.matmul.allow_tf32,
        "torch float32_matmul_precision": lambda: torch.get_float32_matmul_precision(),
        # PyTorch 2.9 renamed the setting; where both names were used, the older has no answer.
        "torch fp32_precision": lambda: getattr(torch.backends.cuda.matmul, "fp32_precision", "-"),
    }
    return answers(questions)
