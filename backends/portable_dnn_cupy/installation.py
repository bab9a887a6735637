"""What is installed of CuPy and CUDA, found without importing CuPy, and commands to change it."""

import ctypes
import sys
from importlib import metadata

from portable_dnn.machine.installation import install_command

# CuPy's packages all install the same folder (cupy/_environment.py names them).
_PACKAGES = (
    *("cupy", "cupy-cuda102", "cupy-cuda110", "cupy-cuda111"),
    *("cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x"),
    *("cupy-rocm-4-3", "cupy-rocm-5-0", "cupy-rocm-7-0", "cupy-rocm-7-1", "cupy-rocm-7-14"),
    "amd-cupy",
)


def dotted(version: int) -> str:
    """Write CUDA's number for a version, such as 12090, as people do: 12.9; 0 is none."""
    return "none" if not version else f"{version // 1000}.{version % 1000 // 10}"


def packages() -> list[str]:
    """Return the names of the CuPy packages that are installed side by side."""
    found = []
    for package in _PACKAGES:
        try:
            metadata.distribution(package)
        except metadata.PackageNotFoundError:
            continue
        found.append(package)
    return found


def uninstall(names: list[str]) -> str:
    """Return the command that removes packages."""
    return f"python -m pip uninstall --yes {' '.join(names)}"


def install(extra: str) -> str:
    """Return the command that brings an extra, in place of the CuPy packages of another CUDA."""
    command = install_command(extra)
    found = packages()
    if set(found) <= {f"cupy-{extra}x"}:
        return command
    return f"{uninstall(found)} && {command}"


def driver_version() -> int:
    """CUDA version that the driver supports, such as 13000, or 0; found without CuPy."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        version = ctypes.c_int(0)
        status = driver.cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return 0
    return version.value if status == 0 else 0


def extra_for_driver(driver: int) -> str | None:
    """Name the newest extra that a driver can run, or None if it is too old for all."""
    if driver >= 13000:
        return "cuda13"
    return "cuda12" if driver >= 12000 else None


def extra_of_wheel() -> str | None:
    """Name the extra whose CuPy is installed, else the one that fits the driver."""
    for extra in ("cuda13", "cuda12"):
        if f"cupy-{extra}x" in packages():
            return extra
    return extra_for_driver(driver_version())
