"""The ladder from "CuPy is installed" to "it computes", cheapest rung first.

A count of devices says nothing of the compiler (NVRTC) or of cuBLAS, which are loaded at the first
kernel and the first product, and a `Device` can be made where there is none. So every rung does
the thing it tells of, as small as can be, on the first card only.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import numpy as np

from portable_dnn.arrays.contract import Check, HostArray
from portable_dnn.files.text import words
from portable_dnn_cupy.installation import dotted, packages, uninstall
from portable_dnn_cupy.remedies import (
    INSUFFICIENT_DRIVER,
    explain,
    gibibytes,
    memory_full,
    no_device,
    not_importable,
    not_installed,
)

# Below the first nothing can be done; below the second only a small network fits.
_NOTHING, _LITTLE = 32 * 2**20, 512 * 2**20

# Small whole numbers: their sums and products are exact in any order.
_PROBE: HostArray = np.arange(1.0, 17.0).reshape(4, 4)


class _Finding(NamedTuple):
    """What a rung found: a `Check` without its name."""

    status: Literal["ok", "warning", "failed"]
    detail: str
    remedy: str = ""


def climb() -> Iterator[Check]:
    """Climb the ladder and stop after the first rung that failed.

    Yields
    ------
    Check
        One rung. An error of CuPy's, whichever it is, becomes a failed check.
    """
    cupy, check = _import_cupy()
    yield check
    if check.status == "failed":
        return
    yield _packages()
    for name, doing, rung in _BEFORE_MEMORY:
        check = _try(name, doing, rung, cupy)
        yield check
        if check.status == "failed":
            return
    pool_was_empty = _pool_is_empty(cupy)
    try:
        for name, doing, rung in _WITH_MEMORY:
            check = _try(name, doing, rung, cupy)
            yield check
            if check.status == "failed":
                return
    finally:
        if pool_was_empty:  # else it is in use, and its cache is the user's
            _empty_pool(cupy)


def _try(name: str, doing: str, rung: Callable[[Any], _Finding], cupy: Any) -> Check:
    """Do what a rung says; an error is a finding too."""
    try:
        return Check(name, *rung(cupy))
    except Exception as error:  # a driver's state has no list of errors: none may pass as ours
        return Check(name, "failed", *explain(error, cupy, doing))


def _import_cupy() -> tuple[Any, Check]:
    """Import CuPy; that its package is found is no proof that it imports."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import cupy
        version = str(cupy.__version__)
    except Exception as error:  # ImportError, OSError and others have been seen
        absent = isinstance(error, ModuleNotFoundError) and error.name == "cupy"
        reason = not_installed() if absent else not_importable(error)
        return None, Check("cupy-import", "failed", *reason)
    # Packages side by side are the next rung's; whatever else CuPy warns of is told here.
    said = [
        words(warning.message)
        for warning in caught
        if isinstance(warning.message, Warning)
        and "multiple CuPy packages" not in str(warning.message)
    ]
    if said:
        return cupy, Check("cupy-import", "warning", f"CuPy {version} warns: {'; '.join(said)}")
    return cupy, Check("cupy-import", "ok", f"CuPy {version}")


def _packages() -> Check:
    """Look for several CuPy packages, which overwrite each other's files."""
    found = packages()
    if len(found) > 1:
        return Check(
            "cupy-packages",
            "warning",
            f"several CuPy packages are installed over each other: {', '.join(found)}",
            uninstall(found),
        )
    return Check("cupy-packages", "ok", found[0] if found else "CuPy without package metadata")


def _driver(cupy: Any) -> _Finding:
    """Ask for the versions, and let CUDA itself say whether they fit."""
    runtime = cupy.cuda.runtime
    try:
        runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        if error.status == INSUFFICIENT_DRIVER:
            raise
        # any other error is of the cards, which are the next rung's
    driver, own = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    return _Finding("ok", f"driver for CUDA {dotted(driver)}, CuPy for {dotted(own)}")


def _device(cupy: Any) -> _Finding:
    """Count the cards and name the first."""
    runtime = cupy.cuda.runtime
    count = runtime.getDeviceCount()
    if not count:
        return _Finding("failed", *no_device())
    card = runtime.getDeviceProperties(0)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return _Finding(
        "ok",
        f"{count} {'card' if count == 1 else 'cards'}, the first {card['name'].decode()} with "
        f"compute capability {card['major']}.{card['minor']}"
        + (f"; CUDA_VISIBLE_DEVICES is {visible!r}" if visible is not None else ""),
    )


def _allocation(cupy: Any) -> _Finding:
    """Copy an array to the card and back."""
    return _compare("a small array", _PROBE, _on_card(cupy, lambda array: array))


def _kernel(cupy: Any) -> _Finding:
    """Build and run an elementwise kernel, for which NVRTC and the headers must be there."""
    return _compare("a small kernel", _PROBE + _PROBE, _on_card(cupy, lambda a: a + a))


def _matmul(cupy: Any) -> _Finding:
    """Multiply matrices, for which cuBLAS must be there."""
    return _compare("a small matrix product", _PROBE @ _PROBE, _on_card(cupy, lambda a: a @ a))


def _on_card(cupy: Any, function: Callable[[Any], Any]) -> HostArray:
    """Apply a function to the probe on the first card, and fetch the result."""
    with cupy.cuda.Device(0):
        array = cupy.empty(_PROBE.shape, dtype=_PROBE.dtype)
        array.set(_PROBE)
        result: HostArray = cupy.asnumpy(function(array))
    return result


def _compare(what: str, expected: HostArray, got: HostArray) -> _Finding:
    """Compare a result of the card with NumPy's."""
    if np.array_equal(expected, got):
        return _Finding("ok", f"{what} came back right")
    return _Finding(
        "failed",
        f"{what} came back with wrong numbers",
        "restart the machine and look at the card with nvidia-smi, or use the CPU: --device cpu",
    )


def _memory(cupy: Any) -> _Finding:
    """Look at the free memory; what this process holds already is no other's."""
    with cupy.cuda.Device(0):
        free, total = cupy.cuda.runtime.memGetInfo()
        ours = cupy.get_default_memory_pool().total_bytes()
    if free + ours < _NOTHING:
        return _Finding("failed", *memory_full(free, total, "a training"))
    if free + ours < _LITTLE:
        return _Finding("warning", *memory_full(free, total, "a large training"))
    return _Finding("ok", f"{gibibytes(free)} of {gibibytes(total)} free")


_BEFORE_MEMORY: tuple[tuple[str, str, Callable[[Any], _Finding]], ...] = (
    ("cuda-driver", "asking the NVIDIA driver", _driver),
    ("cuda-device", "counting the cards", _device),
)
_WITH_MEMORY: tuple[tuple[str, str, Callable[[Any], _Finding]], ...] = (
    ("cuda-allocation", "copying a small array to the card", _allocation),
    ("cuda-kernel", "running a small kernel", _kernel),
    ("cuda-matmul", "a small matrix product", _matmul),
    ("cuda-memory", "asking for the free memory", _memory),
)


def _pool_is_empty(cupy: Any) -> bool:
    """Whether this process holds no memory of the first card through CuPy."""
    with suppress(Exception), cupy.cuda.Device(0):  # the next rung tells what is wrong
        return bool(cupy.get_default_memory_pool().total_bytes() == 0)
    return False


def _empty_pool(cupy: Any) -> None:
    """Give back what the rungs took."""
    with suppress(Exception), cupy.cuda.Device(0):  # the rung that failed has told why
        cupy.get_default_memory_pool().free_all_blocks()
