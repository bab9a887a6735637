"""What a failure of CuPy means to its user, and what mends it: the table behind the ladder.

Every failure becomes a `Reason`: one sentence that says what was found, and one command or
instruction. Nothing here imports CuPy.
"""

import errno
import os
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from portable_dnn.files.text import one_line, words
from portable_dnn_cupy.installation import (
    dotted,
    driver_version,
    extra_for_driver,
    extra_of_wheel,
    install,
    packages,
    uninstall,
)

DRIVERS = "https://www.nvidia.com/drivers"
INSUFFICIENT_DRIVER, NO_DEVICE = 35, 100

_OUT_OF_MEMORY, _NO_KERNEL_IMAGE = 2, 209

# The oldest compute capability that each CUDA builds kernels for (NVIDIA's release notes).
_OLDEST_CARD = {12: (5, 0), 13: (7, 5)}

_LIBRARY = re.compile(
    r"\b(?:lib)?(?:cuda|cudart|nvrtc|nvcuda|cublas|cublasLt|nvJitLink|curand|cufft|cusolver"
    r"|cusparse)[\w-]*\.(?:so[.\d]*\b|dll)",
    re.IGNORECASE,
)
_MISSING = re.compile(r"no such file|not found|failure finding|could not find|cannot find", re.I)
_HEADER = re.compile(r"cannot open source file \"([^\"]+)\"")
_ARCHITECTURE = re.compile(r"no kernel image|NO_BINARY_FOR_GPU|invalid value for --gpu-arch", re.I)

_NOUVEAU = Path("/sys/module/nouveau")
_CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))
_WSL = (Path("/dev/dxg"), Path("/usr/lib/wsl/lib"))  # the card's way in, and Windows' libraries
_APPTAINER = Path("/.singularity.d")


# Why a folder cannot be made or written to.
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR}


class Reason(NamedTuple):
    """Why a rung failed, and what to do about it."""

    detail: str
    remedy: str


_STATES = {
    3: Reason(
        "CUDA cannot be started in this process, which is a fork of one that uses it",
        "start processes with the method spawn: multiprocessing.set_start_method('spawn')",
    ),
    34: Reason(
        "the CUDA library that was found is a stub, which is for building programs only",
        "take the folders named stubs out of LD_LIBRARY_PATH",
    ),
    802: Reason(
        "the machine's cards are not yet connected with each other (NVSwitch)",
        "start the service that does it: sudo systemctl start nvidia-fabricmanager",
    ),
    803: Reason(
        "the NVIDIA driver that is running is not the one that is installed",
        "restart the machine, as after every update of the driver",
    ),
    804: Reason(
        "CUDA's forward compatibility, which this card has not, is switched on",
        "take the folder of the package cuda-compat, /usr/local/cuda/compat, out of "
        "LD_LIBRARY_PATH, or update the NVIDIA driver",
    ),
    999: Reason(
        "the NVIDIA driver does not answer, as after the machine has slept",
        "sudo modprobe --remove nvidia_uvm && sudo modprobe nvidia_uvm, or restart the machine",
    ),
}
"""By CUDA's number of an error, those with one known cure (cudaError_t, CUDA Runtime API)."""


def gibibytes(size: int) -> str:
    """Write a number of bytes in GiB."""
    return f"{size / 2**30:.1f} GiB"


def not_installed() -> Reason:
    """Explain what it takes to get CuPy."""
    if sys.platform not in ("linux", "win32"):
        system = {"darwin": "macOS"}.get(sys.platform, sys.platform)
        return Reason(
            f"CuPy is not installed, and CUDA does not exist on {system}",
            "use the CPU, which needs nothing more: --device cpu",
        )
    driver = driver_version()
    extra = extra_for_driver(driver)
    if not driver:
        found = no_driver()
        return Reason(f"CuPy is not installed, and {found.detail}", found.remedy)
    if extra is None:
        return Reason(
            f"CuPy is not installed, and the NVIDIA driver supports CUDA {dotted(driver)}, which "
            "is older than the CUDA 12.0 that CuPy needs",
            f"update the NVIDIA driver: {DRIVERS}",
        )
    return Reason(
        f"CuPy is not installed; the NVIDIA driver supports CUDA {dotted(driver)}", install(extra)
    )


def not_importable(error: Exception) -> Reason:
    """Explain why a CuPy that is installed does not import."""
    found = packages()
    if len(found) > 1:
        return Reason(
            f"CuPy cannot be imported ({words(error)}), and {', '.join(found)} are installed "
            "over each other",
            uninstall(found),
        )
    library = _missing_library(error)
    if library is not None:
        return library
    if closed := _closed_folder(error):
        return closed
    detail = f"CuPy is installed but cannot be imported: {words(error)}"
    extra = extra_of_wheel()
    if extra is None:
        return Reason(detail, "reinstall CuPy, or use the CPU: --device cpu")
    if found == [f"cupy-{extra}x"]:
        return Reason(detail, f'python -m pip install --force-reinstall "cupy-{extra}x[ctk]"')
    return Reason(detail, install(extra))


def no_driver() -> Reason:
    """Explain the absence of a driver."""
    if _NOUVEAU.exists():
        return Reason(
            "no NVIDIA driver was found: the nouveau driver, which has no CUDA, holds the card",
            f"install the NVIDIA driver in nouveau's place: {DRIVERS}",
        )
    if any(path.exists() for path in _WSL) or "WSL_DISTRO_NAME" in os.environ:
        return Reason(
            "no NVIDIA driver was found in this WSL, which takes the driver of Windows",
            "install the NVIDIA driver in Windows, none in here, and run wsl --shutdown in "
            f"Windows: {DRIVERS}",
        )
    if _APPTAINER.exists() or {"APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"} & set(os.environ):
        return Reason(
            "no NVIDIA driver was found in this Apptainer container",
            "start the container with the card passed on: apptainer exec --nv (singularity exec "
            "--nv)",
        )
    if any(mark.exists() for mark in _CONTAINER):
        return Reason(
            "no NVIDIA driver was found in this container",
            "start the container with the card passed on (docker run --gpus all, podman run "
            "--device nvidia.com/gpu=all), or use the CPU, which needs nothing more: --device cpu",
        )
    return Reason(
        "no NVIDIA driver was found", f"if there is an NVIDIA card, install its driver: {DRIVERS}"
    )


def insufficient_driver(driver: int, runtime: int) -> Reason:
    """Tell the absent driver from the old one, for which CUDA has the same error."""
    if not driver:
        return no_driver()
    extra = extra_for_driver(driver)
    wheel_too_new = extra is not None and driver // 1000 < runtime // 1000
    return Reason(
        f"the NVIDIA driver supports CUDA {dotted(driver)}, which is older than CuPy's CUDA "
        f"{dotted(runtime)}",
        install(extra) if extra and wheel_too_new else f"update the NVIDIA driver: {DRIVERS}",
    )


def no_device() -> Reason:
    """Explain why a driver shows no card."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return Reason(
            f"the NVIDIA driver shows no card; CUDA_VISIBLE_DEVICES is {visible!r}, which may "
            "hide it",
            "unset CUDA_VISIBLE_DEVICES, or give it the number of a card that nvidia-smi lists",
        )
    if _NOUVEAU.exists():
        return Reason(
            "the NVIDIA driver shows no card: the nouveau driver, which has no CUDA, is loaded",
            f"install the NVIDIA driver in nouveau's place: {DRIVERS}",
        )
    return Reason(
        "the NVIDIA driver shows no card; CUDA_VISIBLE_DEVICES is not set",
        "look with nvidia-smi whether the card is switched on",
    )


def memory_full(free: int | None, total: int | None, need: str) -> Reason:
    """Explain that a card's memory is taken."""
    amount = "" if free is None or total is None else f" ({gibibytes(free)} of {gibibytes(total)})"
    return Reason(
        f"the card's free memory{amount} is too little for {need}; the rest is taken",
        "end a process that nvidia-smi lists, or use the CPU: --device cpu",
    )


def explain(error: Exception, cupy: Any, doing: str) -> Reason:
    """Find what an error of CuPy's means.

    Parameters
    ----------
    error : Exception
        What CuPy raised.
    cupy : module
        CuPy, which is asked about versions and the card.
    doing : str
        What was tried, as the subject of "… failed".

    Returns
    -------
    Reason
        The library's own words if the error is not a known one.
    """
    known = _or_none(lambda: _known(error, cupy))
    if isinstance(known, Reason):
        return known
    return Reason(
        f"{doing} failed: {words(error)}",
        "look at the card with nvidia-smi, or use the CPU: --device cpu",
    )


def _known(error: Exception, cupy: Any) -> Reason | None:
    """Look an error up in the table of those that users have met."""
    status = getattr(error, "status", None)
    if status in _STATES:
        return _STATES[status]
    if closed := _closed_folder(error):
        return closed
    runtime = cupy.cuda.runtime
    if status == INSUFFICIENT_DRIVER:
        return insufficient_driver(runtime.driverGetVersion(), runtime.runtimeGetVersion())
    if status == NO_DEVICE:
        return no_device()
    if status == _OUT_OF_MEMORY or isinstance(error, MemoryError):
        free, total = _or_none(runtime.memGetInfo) or (None, None)
        return memory_full(free, total, "even a small array")
    library = _missing_library(error)
    if library is not None:
        return library
    text = _all_words(error)
    if header := _HEADER.search(text):
        return _missing_header(header[1], cupy)
    if status == _NO_KERNEL_IMAGE or _ARCHITECTURE.search(text):
        return _unsupported_card(cupy)
    return None


def _closed_folder(error: BaseException) -> Reason | None:
    """Name the folder that CuPy may not write its compiled kernels to, if an error is of one."""
    cause: BaseException | None = error
    while cause is not None and not (isinstance(cause, OSError) and cause.errno in _CLOSED):
        cause = cause.__cause__
    if not isinstance(cause, OSError) or cause.filename is None:
        return None
    folder = os.environ.get("CUPY_CACHE_DIR") or cause.filename or "~/.cupy/kernel_cache"
    return Reason(
        f"CuPy may not write its compiled kernels to {one_line(str(folder))}: {words(cause)}",
        "export CUPY_CACHE_DIR=$(mktemp -d), or another folder that you may write to",
    )


def _missing_library(error: Exception) -> Reason | None:
    """Name a CUDA library that was not found, if that is what an error says."""
    text = _all_words(error)
    names = list(dict.fromkeys(_LIBRARY.findall(text)))
    if not names or not _MISSING.search(text):
        return None
    if any(name.startswith(("libcuda.", "nvcuda.")) for name in names):
        return no_driver()
    extra = extra_of_wheel()
    return Reason(
        f"the CUDA library {' or '.join(names[:2])} was not found",
        install(extra) if extra else "install CuPy with its [ctk] extra, which brings the library",
    )


def _missing_header(header: str, cupy: Any) -> Reason:
    """Name the package with CUDA's headers, of the compiler's own version."""
    detail = f"the CUDA header {header}, which every kernel needs, was not found"
    version = _or_none(cupy.cuda.nvrtc.getVersion)
    if version is None:
        return Reason(detail, install(extra_of_wheel() or "cuda12"))
    major, minor = version
    suffix = "-cu12" if major == 12 else ""  # from CUDA 13 on the name is without
    return Reason(detail, f'python -m pip install "nvidia-cuda-runtime{suffix}=={major}.{minor}.*"')


def _unsupported_card(cupy: Any) -> Reason:
    """Say for which cards this CUDA builds, and which of CuPy's packages fits this one."""
    runtime = cupy.cuda.runtime
    version = runtime.runtimeGetVersion()
    major, minor = _or_none(cupy.cuda.nvrtc.getVersion) or divmod(version // 10, 100)
    properties = runtime.getDeviceProperties(0)
    card = (properties["major"], properties["minor"])
    oldest = _OLDEST_CARD.get(major, _OLDEST_CARD[12])
    detail = (
        f"CUDA {major}.{minor} builds no kernels for this card, whose compute capability is "
        f"{card[0]}.{card[1]}: it knows {oldest[0]}.{oldest[1]} and newer"
    )
    if card < _OLDEST_CARD[12]:
        return Reason(detail, "use the CPU, for the card is too old: --device cpu")
    if card < oldest:
        return Reason(detail, install("cuda12"))
    detail += ", but perhaps not cards as new as this"
    extra = extra_for_driver(runtime.driverGetVersion()) or "cuda12"
    if f"cupy-{extra}x" not in packages():
        return Reason(detail, install(extra))
    return Reason(detail, f'python -m pip install --upgrade "cupy-{extra}x[ctk]"')


def _all_words(error: BaseException) -> str:
    """Return the words of an error and of everything that caused it."""
    text = str(error)
    while error.__cause__ is not None:
        error = error.__cause__
        text += f"\n{error}"
    return text


def _or_none(question: Any) -> Any:
    """Return an answer, or None if asking fails: an explanation must not fail itself."""
    try:
        return question()
    except Exception:  # the first error is being explained; a second one adds nothing
        return None
