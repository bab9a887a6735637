"""The ladder from "dpnp is installed" to "a device computes in float64", cheapest rung first."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from portable_dnn.arrays.contract import Check, HostArray
from portable_dnn.files.text import words
from portable_dnn.machine.apart import how_it_ends
from portable_dnn.machine.installation import install_command

__all__ = ["DRIVERS", "HIDING", "climb", "devices", "sycl_device"]

DRIVERS = "OCL_ICD_FILENAMES"
"""Names the OpenCL drivers that are in no folder where OpenCL's loader looks."""

HIDING = ("ONEAPI_DEVICE_SELECTOR", "CL_CONFIG_CPU_TARGET_ARCH")
"""With these set, devices can be hidden; with nonsense in them, all are."""

_DRIVER = "libintelocl.so"  # the processor's, in the wheel intel-opencl-rt
_VENDORS = Path("/etc/OpenCL/vendors")

_BETTER_DRIVER = "update the device's driver, or use the CPU: --device cpu"

# In this order devices are listed.
_KINDS = ("gpu", "accelerator", "cpu")

# Small whole numbers: their sums and products are exact in any order.
_PROBE: HostArray = np.arange(1.0, 17.0, dtype=np.float32).reshape(4, 4)


def climb() -> Iterator[Check]:
    """Climb the ladder and stop after the first rung that failed.

    Yields
    ------
    Check
        One rung.
    """
    _name_the_driver()
    # SYCL aborts the process over a selector that it cannot read.
    if _set() and "dpnp" not in sys.modules:
        end = how_it_ends("import dpnp")
        if end:
            yield Check("sycl-device", "failed", f"SYCL {end}", _without_device())
            return
    try:
        import dpctl
        import dpnp

        version = f"dpnp {dpnp.__version__}, dpctl {dpctl.__version__}"
    except Exception as error:  # a broken installation raises ImportError, OSError and others
        absent = isinstance(error, ModuleNotFoundError) and error.name in ("dpnp", "dpctl")
        detail = "dpnp is not installed" if absent else f"dpnp cannot be imported: {words(error)}"
        yield Check("dpnp-import", "failed", detail, install_command("dpnp"))
        return
    yield Check("dpnp-import", "ok", version)
    try:
        names = devices()
    except Exception as error:  # a driver may raise anything
        yield Check("sycl-device", "failed", f"SYCL fails: {words(error)}", _without_device())
        return
    if not names:
        yield Check("sycl-device", "failed", "SYCL shows no device", _without_device())
        return
    first = sycl_device(names[0])
    described = f"{first.name.strip()}, driver {first.driver_version}"
    yield Check("sycl-device", "ok", f"{', '.join(names)}; the first is {described}")
    check = _multiply(first)
    yield check
    if check.status == "failed":
        return
    if first.has_aspect_fp64:
        yield Check("sycl-float64", "ok", "the device has float64")
    else:
        remedy = "use --dtype float32"
        yield Check("sycl-float64", "warning", "the device has float32, and no float64", remedy)


def devices() -> tuple[str, ...]:
    """Return the devices that SYCL shows, graphics cards first: `gpu:0`, `cpu`.

    A card that two drivers show is listed twice.
    """
    import dpctl

    counted = ((kind, dpctl.get_num_devices(device_type=kind)) for kind in _KINDS)
    found = [f"{kind}:{index}" for kind, count in counted for index in range(count)]
    return tuple("cpu" if device == "cpu:0" else device for device in found)


def sycl_device(name: str) -> Any:
    """Return dpctl's device of a name of `devices()`."""
    import dpctl

    return dpctl.SyclDevice(name if ":" in name else f"{name}:0")


def _multiply(device: Any) -> Check:
    """Multiply on a device, for which oneMKL must be there and kernels must compile."""
    import dpnp

    try:
        probe = dpnp.asarray(_PROBE, device=device)
        right = np.array_equal(dpnp.asnumpy(probe @ probe.T), _PROBE @ _PROBE.T)
        reason = "came back with wrong numbers"
    except Exception as error:  # a driver may raise anything
        right, reason = False, f"failed: {words(error)}"
    if right:
        return Check("sycl-matmul", "ok", "a small matrix product came back right")
    return Check("sycl-matmul", "failed", f"a small matrix product {reason}", _BETTER_DRIVER)


def _name_the_driver() -> None:
    """Tell OpenCL's loader of the processor's driver, before it looks: it looks once.

    The driver comes as a wheel, into a folder that no loader knows. Whoever has named drivers, has
    one from the system, or has imported dpctl before is left alone.
    """
    driver = _wheels_driver()
    if driver is None or DRIVERS in os.environ or "dpctl" in sys.modules:
        return
    systems = (path.read_text("utf-8", "replace") for path in _VENDORS.glob("*.icd"))
    if not any(_DRIVER in text for text in systems):
        os.environ[DRIVERS] = str(driver)


def _wheels_driver() -> Path | None:
    """Return the processor's driver where pip has put it."""
    paths = [Path(prefix) / "lib" / _DRIVER for prefix in (sys.prefix, sys.base_prefix)]
    return next((path for path in paths if path.is_file()), None)


def _without_device() -> str:
    """Say how SYCL gets a device."""
    if _set():
        return f"unset {', '.join(_set())}, which can hide devices"
    driver = _wheels_driver()
    if driver is None:
        return f"{install_command('dpnp')} brings the processor's driver; a card needs Intel's"
    if os.environ.get(DRIVERS) != str(driver):
        return f"export {DRIVERS}={driver}"
    return _BETTER_DRIVER


def _set() -> list[str]:
    """Name the settings that can hide devices and are set."""
    return [setting for setting in HIDING if setting in os.environ]
