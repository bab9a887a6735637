"""Each failure that a user of CuPy can meet, simulated: what is said of it, and what is offered."""

import ctypes
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from portable_dnn.arrays.devices import choose_device, device_of, place, to_host
from portable_dnn.arrays.registry import first_failure, get_backend, owner_of
from portable_dnn.errors import DeviceError

RUNGS = [
    "cupy-import",
    "cupy-packages",
    "cuda-driver",
    "cuda-device",
    "cuda-allocation",
    "cuda-kernel",
    "cuda-matmul",
    "cuda-memory",
]

CUDA12 = 'python -m pip install "portable-dnn[cuda12]"'
CUDA13 = 'python -m pip install "portable-dnn[cuda13]"'
UPDATE = "update the NVIDIA driver: https://www.nvidia.com/drivers"
NO_DRIVER = "if there is an NVIDIA card, install its driver: https://www.nvidia.com/drivers"
LOOK = "look at the card with nvidia-smi, or use the CPU: --device cpu"
END = "end a process that nvidia-smi lists, or use the CPU: --device cpu"
NOUVEAU = "install the NVIDIA driver in nouveau's place: https://www.nvidia.com/drivers"

MIB = 2**20


def climb():
    return list(get_backend("cupy").checks())


def assert_fails(rung, detail, remedy):
    """The ladder ends here, and whoever asks for a device hears the same."""
    climbed = climb()
    assert [check.name for check in climbed] == RUNGS[: RUNGS.index(rung) + 1]
    assert all(check.status != "failed" for check in climbed[:-1])
    last = climbed[-1]
    assert (last.status, last.detail, last.remedy) == ("failed", detail, remedy)
    assert "\n" not in detail + remedy
    assert not detail.endswith(".")
    assert first_failure(get_backend("cupy")) == last

    for request in ("cuda", "cuda:0", "cupy"):
        with pytest.raises(DeviceError) as caught:
            choose_device(request)
        assert str(caught.value) == (
            f"cannot use device {request!r}: {detail}; to fix it: {remedy}"
        )
    automatic = choose_device("auto")
    assert str(automatic) == "numpy:cpu"
    assert f"no usable CUDA GPU: {detail};" in automatic.why


# --- cupy-import ---


@pytest.mark.parametrize(
    ("driver", "detail", "remedy"),
    [
        (0, "CuPy is not installed, and no NVIDIA driver was found", NO_DRIVER),
        (
            11040,
            "CuPy is not installed, and the NVIDIA driver supports CUDA 11.4, which is older than "
            "the CUDA 12.0 that CuPy needs",
            UPDATE,
        ),
        (12000, "CuPy is not installed; the NVIDIA driver supports CUDA 12.0", CUDA12),
        (12080, "CuPy is not installed; the NVIDIA driver supports CUDA 12.8", CUDA12),
        (13000, "CuPy is not installed; the NVIDIA driver supports CUDA 13.0", CUDA13),
        (13020, "CuPy is not installed; the NVIDIA driver supports CUDA 13.2", CUDA13),
    ],
)
def test_cupy_is_not_installed(world, driver, detail, remedy):
    world.driver(driver)
    assert_fails("cupy-import", detail, remedy)


def test_a_driver_that_does_not_answer_is_none(world):
    world.driver(13000, status=999)
    assert_fails("cupy-import", "CuPy is not installed, and no NVIDIA driver was found", NO_DRIVER)


def test_a_library_that_is_no_driver_is_none(world, monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert_fails("cupy-import", "CuPy is not installed, and no NVIDIA driver was found", NO_DRIVER)


def test_the_driver_on_windows(world, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    world.driver(12040)  # which asserts the name of the library
    assert climb()[0].remedy == CUDA12


def test_cuda_does_not_exist_on_macos(world, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert_fails(
        "cupy-import",
        "CuPy is not installed, and CUDA does not exist on macOS",
        "use the CPU, which needs nothing more: --device cpu",
    )


# CuPy's own banner, with the reason at its end and as its cause.
BANNER = '''
try:
    raise ImportError("libcudart.so.12: cannot open shared object file: No such file or directory")
except ImportError as exc:
    raise ImportError("""
================================================================
Failed to import CuPy.

If you installed CuPy via wheels (cupy-cudaXXX or cupy-rocm-X-X), make sure that the package ...

Original error:
  ImportError: libcudart.so.12: cannot open shared object file: No such file or directory
================================================================
""") from exc
'''


@pytest.mark.parametrize(
    ("source", "packages", "driver", "detail", "remedy"),
    [
        pytest.param(
            BANNER,
            ("cupy-cuda12x",),
            13000,
            "the CUDA library libcudart.so.12 was not found",
            CUDA12,
            id="libcudart",
        ),
        pytest.param(
            BANNER,
            ("cupy",),
            13000,
            "the CUDA library libcudart.so.12 was not found",
            f"python -m pip uninstall --yes cupy && {CUDA13}",
            id="libcudart, built from source",
        ),
        pytest.param(
            BANNER,
            ("cupy",),
            0,
            "the CUDA library libcudart.so.12 was not found",
            "install CuPy with its [ctk] extra, which brings the library",
            id="libcudart, no driver",
        ),
        pytest.param(
            "raise ImportError('libcuda.so.1: cannot open shared object file: No such file or "
            "directory')",
            ("cupy-cuda12x",),
            0,
            "no NVIDIA driver was found",
            NO_DRIVER,
            id="libcuda, before version 13",
        ),
        pytest.param(
            BANNER.replace("libcudart.so.12: cannot open shared object file", "symbol x").replace(
                ": No such file or directory", ""
            ),
            ("cupy-cuda12x",),
            12000,
            "CuPy is installed but cannot be imported: symbol x",
            'python -m pip install --force-reinstall "cupy-cuda12x[ctk]"',
            id="the reason under CuPy's banner",
        ),
        pytest.param(
            "raise OSError('[WinError 193] %1 is not a valid Win32 application')",
            ("cupy-cuda12x",),
            12000,
            "CuPy is installed but cannot be imported: [WinError 193] %1 is not a valid Win32 "
            "application",
            'python -m pip install --force-reinstall "cupy-cuda12x[ctk]"',
            id="OSError",
        ),
        pytest.param(
            "raise ValueError('numpy.dtype size changed.\\nExpected 96')",
            ("cupy-cuda11x",),
            12000,
            "CuPy is installed but cannot be imported: numpy.dtype size changed",
            f"python -m pip uninstall --yes cupy-cuda11x && {CUDA12}",
            id="ValueError",
        ),
        pytest.param(
            "raise AssertionError",
            ("cupy",),
            0,
            "CuPy is installed but cannot be imported: AssertionError",
            "reinstall CuPy, or use the CPU: --device cpu",
            id="an error without words",
        ),
        pytest.param(
            "import a_module_that_cupy_needs",
            ("cupy-cuda13x",),
            13000,
            "CuPy is installed but cannot be imported: No module named 'a_module_that_cupy_needs'",
            'python -m pip install --force-reinstall "cupy-cuda13x[ctk]"',
            id="a dependency is missing",
        ),
        pytest.param(
            "",
            ("cupy-cuda13x",),
            13000,
            "CuPy is installed but cannot be imported: module 'cupy' has no attribute "
            "'__version__'",
            'python -m pip install --force-reinstall "cupy-cuda13x[ctk]"',
            id="an empty folder",
        ),
        pytest.param(
            "raise ImportError('undefined symbol: x')",
            ("cupy-cuda12x", "cupy-cuda13x"),
            13000,
            "CuPy cannot be imported (undefined symbol: x), and cupy-cuda12x, cupy-cuda13x are "
            "installed over each other",
            "python -m pip uninstall --yes cupy-cuda12x cupy-cuda13x",
            id="packages over each other",
        ),
    ],
)
def test_cupy_does_not_import(world, source, packages, driver, detail, remedy):
    world.driver(driver)
    world.broken_cupy(source, *packages)
    if source:
        assert_fails("cupy-import", detail, remedy)
    else:  # an empty module stays imported
        assert (climb()[-1].detail, climb()[-1].remedy) == (detail, remedy)


def test_what_cupy_warns_of_at_its_import_is_told_and_stops_nothing(world):
    world.broken_cupy(
        "import warnings\n"
        "warnings.warn('CUDA path could not be detected. Set CUDA_PATH.')\n"
        "warnings.warn('''\n----\n\n  CuPy may not function correctly because multiple CuPy "
        "packages are installed\n''')\n"
        "__version__ = '14.2.0'\n"
    )
    check = next(iter(get_backend("cupy").checks()))
    assert (check.name, check.status) == ("cupy-import", "warning")
    assert check.detail == "CuPy 14.2.0 warns: CUDA path could not be detected. Set CUDA_PATH"


# --- cupy-packages ---


def test_packages_side_by_side_are_a_warning(world):
    world.cupy(world.Machine(), "cupy-cuda11x", "cupy-cuda12x")
    climbed = climb()
    assert [c.name for c in climbed] == RUNGS
    assert (climbed[1].status, climbed[1].detail, climbed[1].remedy) == (
        "warning",
        "several CuPy packages are installed over each other: cupy-cuda11x, cupy-cuda12x",
        "python -m pip uninstall --yes cupy-cuda11x cupy-cuda12x",
    )
    assert str(choose_device("auto")) == "cupy:cuda:0"


# --- cuda-driver ---


def test_there_is_no_driver_in_a_container(world):
    world.cupy(world.Machine(driver=0))
    world.container()
    assert_fails(
        "cuda-driver",
        "no NVIDIA driver was found in this container",
        "start the container with the card passed on (docker run --gpus all, podman run --device "
        "nvidia.com/gpu=all), or use the CPU, which needs nothing more: --device cpu",
    )


@pytest.mark.parametrize("installed", [True, False])
def test_the_driver_of_wsl_belongs_to_windows(world, installed):
    world.wsl()
    world.container()  # Docker in WSL gets its driver from there too
    if installed:
        world.cupy(world.Machine(driver=0))
    *_, last = climb()
    assert last.detail.endswith(
        "no NVIDIA driver was found in this WSL, which takes the driver of Windows"
    )
    assert last.remedy.startswith("install the NVIDIA driver in Windows, none in here")


def test_wsl_is_known_by_its_environment_too(world, monkeypatch):
    monkeypatch.setenv("WSL_DISTRO_NAME", "Debian")
    assert "of Windows" in climb()[-1].detail


@pytest.mark.parametrize("mark", ["folder", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"])
def test_apptainer_passes_the_card_on_with_a_switch(world, monkeypatch, mark):
    if mark == "folder":
        world.apptainer()
    else:
        monkeypatch.setenv(mark, "/images/job.sif")
    last = climb()[-1]
    assert last.detail.endswith("no NVIDIA driver was found in this Apptainer container")
    assert "apptainer exec --nv" in last.remedy


def test_there_is_no_driver(world):
    world.cupy(world.Machine(driver=0))
    assert_fails("cuda-driver", "no NVIDIA driver was found", NO_DRIVER)


def test_there_is_the_nouveau_driver_only(world):
    world.cupy(world.Machine(driver=0))
    world.nouveau()
    assert_fails(
        "cuda-driver",
        "no NVIDIA driver was found: the nouveau driver, which has no CUDA, holds the card",
        NOUVEAU,
    )


@pytest.mark.parametrize(
    ("driver", "runtime", "package", "remedy"),
    [
        (
            12040,
            13000,
            "cupy-cuda13x",
            f"python -m pip uninstall --yes cupy-cuda13x && {CUDA12}",
        ),
        (11040, 12090, "cupy-cuda12x", UPDATE),
        (11040, 13000, "cupy-cuda13x", UPDATE),
    ],
)
def test_the_driver_is_older_than_the_runtime(world, driver, runtime, package, remedy):
    world.cupy(world.Machine(driver=driver, runtime=runtime), package)
    assert_fails(
        "cuda-driver",
        f"the NVIDIA driver supports CUDA {driver // 1000}.{driver % 1000 // 10}, which is older "
        f"than CuPy's CUDA {runtime // 1000}.{runtime % 1000 // 10}",
        remedy,
    )


def test_a_newer_driver_and_an_older_one_of_the_same_cuda_are_fine(world):
    for driver in (13020, 12020):
        world.cupy(world.Machine(driver=driver, runtime=12090))
        assert first_failure(get_backend("cupy")) is None


# --- cuda-device ---


@pytest.mark.parametrize("visible", ["", "-1", "7"])
def test_the_cards_are_hidden(world, monkeypatch, visible):
    world.cupy(world.Machine(cards=0))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert_fails(
        "cuda-device",
        f"the NVIDIA driver shows no card; CUDA_VISIBLE_DEVICES is {visible!r}, which may hide it",
        "unset CUDA_VISIBLE_DEVICES, or give it the number of a card that nvidia-smi lists",
    )


def test_there_is_no_card(world):
    world.cupy(world.Machine(cards=0))
    assert_fails(
        "cuda-device",
        "the NVIDIA driver shows no card; CUDA_VISIBLE_DEVICES is not set",
        "look with nvidia-smi whether the card is switched on",
    )


def test_a_count_of_zero_is_no_card_either(world, monkeypatch):
    world.cupy(world.Machine())
    monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "getDeviceCount", lambda: 0)
    assert_fails(
        "cuda-device",
        "the NVIDIA driver shows no card; CUDA_VISIBLE_DEVICES is not set",
        "look with nvidia-smi whether the card is switched on",
    )


def test_nouveau_holds_the_card(world):
    world.cupy(world.Machine(cards=0))
    world.nouveau()
    assert_fails(
        "cuda-device",
        "the NVIDIA driver shows no card: the nouveau driver, which has no CUDA, is loaded",
        NOUVEAU,
    )


# --- the rungs that compute ---


class Case(NamedTuple):
    """A rung, what fails there with which error, and what is said; and the machine."""

    rung: str
    operation: str
    error: Callable[[Any], Exception]
    detail: str
    remedy: str
    machine: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    package: str = "cupy-cuda12x"


def status(number):
    return lambda errors: errors.CUDARuntimeError(number)


def text(kind, words, cause=None):
    def make(errors):
        error = kind(words)
        error.__cause__ = cause
        return error

    return make


def build(words):
    return lambda errors: errors.CompileException(words, "", "", ())


def memory(errors):
    return errors.OutOfMemoryError(512, 0)


def missing(library):
    return lambda errors: errors.not_found(library)


def missing_at_import(library):
    def make(errors):
        error = ImportError(str(errors.not_found(library)))
        error.__cause__ = errors.not_found(library)
        return error

    return make


UNKNOWN = "cudaErrorLaunchFailure: unspecified launch failure"
BUSY = "cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy or unavailable"
NOT_OPENED = "cannot open shared object file: No such file or directory"
FULL = {"free": 20 * MIB, "total": 24 * 2**30}
TOO_LITTLE = (
    "the card's free memory (0.0 GiB of 24.0 GiB) is too little for even a small array; the rest "
    "is taken"
)
NO_HEADER = "the CUDA header vector_types.h, which every kernel needs, was not found"
HEADER = build(
    '/x/cuda_fp16.h(129): catastrophic error: cannot open source file "vector_types.h"\n'
    '  #include "vector_types.h"\n                           ^\n\n'
    '1 catastrophic error detected in the compilation of "/tmp/1.cubin.cu".\n'
)
NO_KERNELS = (
    "CUDA {} builds no kernels for this card, whose compute capability is {}: it knows {} and newer"
)
NEW_CARD = ", but perhaps not cards as new as this"
DRIVER_13 = {"driver": 13000, "runtime": 13000, "nvrtc": (13, 0)}

# What NVIDIA's states of a machine are cured by.
CURES = {
    3: "spawn",
    34: "LD_LIBRARY_PATH",
    802: "systemctl start nvidia-fabricmanager",
    803: "restart the machine",
    804: "cuda-compat",
    999: "modprobe nvidia_uvm",
}


@pytest.mark.parametrize("number", CURES)
@pytest.mark.parametrize("operation", ["count", "use"])
def test_states_with_one_cure(world, number, operation):
    machine = world.cupy(world.Machine())
    machine.failures[operation] = lambda: world.errors.CUDARuntimeError(number)
    last = climb()[-1]
    assert last.status == "failed"
    assert CURES[number] in last.remedy
    assert "cudaError" not in last.detail


@pytest.mark.parametrize("named", [None, "/var/cache/kernels"])
def test_kernels_that_cannot_be_kept(world, monkeypatch, named):
    """CuPy makes its folder when it is imported, or fills it at the first kernel."""
    monkeypatch.delenv("CUPY_CACHE_DIR", raising=False)
    if named:
        monkeypatch.setenv("CUPY_CACHE_DIR", named)
    machine = world.cupy(world.Machine())
    machine.failures["kernel"] = lambda: OSError(30, "Read-only file system", "/root/.cupy/x")
    last = climb()[-1]
    assert last.name == "cuda-kernel"
    assert f"may not write its compiled kernels to {named or '/root/.cupy/x'}" in last.detail
    assert last.remedy.startswith("export CUPY_CACHE_DIR=")
    world.broken_cupy("raise PermissionError(13, 'Permission denied', '/nonexistent/.cupy')")
    last = climb()[-1]
    assert last.name == "cupy-import"
    assert "CUPY_CACHE_DIR" in last.remedy


CASES = {
    "unknown at the count": Case(
        "cuda-device", "count", status(719), f"counting the cards failed: {UNKNOWN}", LOOK
    ),
    "unknown at the name": Case(
        "cuda-device", "properties", status(719), f"counting the cards failed: {UNKNOWN}", LOOK
    ),
    "in exclusive use": Case(
        "cuda-allocation",
        "use",
        status(46),
        f"copying a small array to the card failed: {BUSY}",
        LOOK,
    ),
    "memory full, CuPy's error": Case(
        "cuda-allocation", "allocation", memory, TOO_LITTLE, END, FULL
    ),
    "memory full, CUDA's error": Case("cuda-allocation", "use", status(2), TOO_LITTLE, END, FULL),
    "an error without a number": Case(
        "cuda-allocation",
        "asnumpy",
        text(ValueError, "odd.\nmore"),
        "copying a small array to the card failed: odd",
        LOOK,
    ),
    "NVRTC missing, version 14": Case(
        "cuda-kernel",
        "kernel",
        missing("libnvrtc.so.13 or libnvrtc.so.12"),
        "the CUDA library libnvrtc.so.13 or libnvrtc.so.12 was not found",
        CUDA12,
    ),
    "NVRTC missing, version 13": Case(
        "cuda-kernel",
        "kernel",
        text(
            RuntimeError,
            f"CuPy failed to load libnvrtc.so.12: OSError: libnvrtc.so.12: {NOT_OPENED}",
            OSError(f"libnvrtc.so.12: {NOT_OPENED}"),
        ),
        "the CUDA library libnvrtc.so.12 was not found",
        CUDA12,
    ),
    "NVRTC missing, Windows": Case(
        "cuda-kernel",
        "kernel",
        text(
            RuntimeError,
            "CuPy failed to load nvrtc64_120_0.dll: FileNotFoundError: Could not find module "
            "'nvrtc64_120_0.dll' (or one of its dependencies). Try using the full path with "
            "constructor syntax.",
        ),
        "the CUDA library nvrtc64_120_0.dll was not found",
        CUDA13,
        DRIVER_13,
        "cupy-cuda13x",
    ),
    "NVRTC unfit, not missing": Case(
        "cuda-kernel",
        "kernel",
        text(OSError, "/l/libnvrtc.so.12: undefined symbol: x"),
        "running a small kernel failed: /l/libnvrtc.so.12: undefined symbol: x",
        LOOK,
    ),
    "headers missing, CUDA 12": Case(
        "cuda-kernel",
        "kernel",
        HEADER,
        NO_HEADER,
        'python -m pip install "nvidia-cuda-runtime-cu12==12.4.*"',
        {"nvrtc": (12, 4)},
    ),
    "headers missing, CUDA 13": Case(
        "cuda-kernel",
        "kernel",
        HEADER,
        NO_HEADER,
        'python -m pip install "nvidia-cuda-runtime==13.0.*"',
        DRIVER_13,
        "cupy-cuda13x",
    ),
    "headers missing, version unknown": Case(
        "cuda-kernel", "kernel", HEADER, NO_HEADER, CUDA12, {"nvrtc": None}
    ),
    "Pascal and CUDA 13": Case(
        "cuda-kernel",
        "kernel",
        build("nvrtc: error: invalid value for --gpu-architecture (-arch)"),
        NO_KERNELS.format("13.0", "6.1", "7.5"),
        f"python -m pip uninstall --yes cupy-cuda13x && {CUDA12}",
        DRIVER_13 | {"capability": (6, 1)},
        "cupy-cuda13x",
    ),
    "Kepler": Case(
        "cuda-kernel",
        "kernel",
        status(209),
        NO_KERNELS.format("12.9", "3.5", "5.0"),
        "use the CPU, for the card is too old: --device cpu",
        {"capability": (3, 5)},
    ),
    "a new card and CUDA 12": Case(
        "cuda-kernel",
        "kernel",
        status(209),
        NO_KERNELS.format("12.9", "15.0", "5.0") + NEW_CARD,
        f"python -m pip uninstall --yes cupy-cuda12x && {CUDA13}",
        {"capability": (15, 0)},
    ),
    "a new card and CUDA 13": Case(
        "cuda-kernel",
        "kernel",
        text(RuntimeError, "CUDA_ERROR_NO_BINARY_FOR_GPU: no"),
        NO_KERNELS.format("13.0", "15.0", "7.5") + NEW_CARD,
        'python -m pip install --upgrade "cupy-cuda13x[ctk]"',
        DRIVER_13 | {"capability": (15, 0), "nvrtc": None},
        "cupy-cuda13x",
    ),
    "memory full at the kernel": Case("cuda-kernel", "kernel", memory, TOO_LITTLE, END, FULL),
    "cuBLAS missing, version 14": Case(
        "cuda-matmul",
        "matmul",
        missing_at_import("libcublasLt.so.13 or libcublasLt.so.12"),
        "the CUDA library libcublasLt.so.13 or libcublasLt.so.12 was not found",
        CUDA12,
    ),
    "cuBLAS missing, version 13": Case(
        "cuda-matmul",
        "matmul",
        text(ImportError, f"libcublas.so.12: {NOT_OPENED}"),
        "the CUDA library libcublas.so.12 was not found",
        CUDA12,
    ),
    "cuBLAS fails": Case(
        "cuda-matmul",
        "matmul",
        text(RuntimeError, "CUBLAS_STATUS_NOT_INITIALIZED"),
        "a small matrix product failed: CUBLAS_STATUS_NOT_INITIALIZED",
        LOOK,
    ),
    "unknown at the memory": Case(
        "cuda-memory", "memory", status(719), f"asking for the free memory failed: {UNKNOWN}", LOOK
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_error_in_a_rung(world, case):
    failures = {case.operation: lambda: case.error(world.errors)}
    world.cupy(world.Machine(**case.machine, failures=failures), case.package)
    assert_fails(case.rung, case.detail, case.remedy)


@pytest.mark.parametrize(
    ("operation", "rung", "what"),
    [
        ("allocation", "cuda-allocation", "a small array"),
        ("kernel", "cuda-kernel", "a small kernel"),
        ("matmul", "cuda-matmul", "a small matrix product"),
    ],
)
def test_wrong_numbers(world, operation, rung, what):
    world.cupy(world.Machine(wrong=operation))
    assert_fails(
        rung,
        f"{what} came back with wrong numbers",
        "restart the machine and look at the card with nvidia-smi, or use the CPU: --device cpu",
    )


def test_an_explanation_that_fails_leaves_the_librarys_words(world, monkeypatch):
    machine = world.Machine(failures={"kernel": lambda: world.errors.CUDARuntimeError(209)})
    world.cupy(machine)
    answers = iter([12090])  # for the driver's rung; the explanation's question finds none
    monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "runtimeGetVersion", answers.__next__)
    assert climb()[-1].detail == (
        "running a small kernel failed: cudaErrorNoKernelImageForDevice: no kernel image is "
        "available for execution on the device"
    )


# --- cuda-memory ---


def test_another_process_has_taken_nearly_all_memory(world):
    world.cupy(world.Machine(free=20 * MIB, total=24 * 2**30))
    assert_fails(
        "cuda-memory",
        "the card's free memory (0.0 GiB of 24.0 GiB) is too little for a training; the rest is "
        "taken",
        END,
    )


def test_little_free_memory_is_a_warning(world):
    world.cupy(world.Machine(free=300 * MIB, total=24 * 2**30))
    climbed = climb()
    assert (climbed[-1].name, climbed[-1].status) == ("cuda-memory", "warning")
    assert "(0.3 GiB of 24.0 GiB) is too little for a large training" in climbed[-1].detail
    assert climbed[-1].remedy == END
    assert str(choose_device("auto")) == "cupy:cuda:0"


def test_memory_that_this_process_holds_is_not_missing(world, monkeypatch):
    machine = world.cupy(world.Machine(free=MIB, total=24 * 2**30))
    machine.cached_blocks = 2 * 2**30 // 512
    assert climb()[-1].status == "ok"


# --- a machine where all is well ---


def test_all_is_well(world, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    world.cupy(world.Machine())
    climbed = climb()
    assert {c.status for c in climbed} == {"ok"}
    assert {c.remedy for c in climbed} == {""}
    assert [(c.name, c.detail) for c in climbed] == list(
        zip(
            RUNGS,
            [
                "CuPy 14.2.0",
                "cupy-cuda12x",
                "driver for CUDA 13.0, CuPy for 12.9",
                "2 cards, the first NVIDIA Pretend with compute capability 9.0; "
                "CUDA_VISIBLE_DEVICES is '0,1'",
                "a small array came back right",
                "a small kernel came back right",
                "a small matrix product came back right",
                "130.0 GiB of 139.0 GiB free",
            ],
            strict=True,
        )
    )


def test_one_card_is_not_many(world):
    world.cupy(world.Machine(cards=1))
    assert climb()[3].detail == "1 card, the first NVIDIA Pretend with compute capability 9.0"


def test_a_package_without_metadata_is_told(world):
    world.cupy(world.Machine())
    world.packages()
    assert climb()[1].detail == "CuPy without package metadata"
    assert climb()[1].status == "ok"


def test_devices_are_chosen(world):
    world.cupy(world.Machine())
    automatic = choose_device("auto")
    assert str(automatic) == "cupy:cuda:0"
    assert automatic.why == "a usable CUDA GPU was found"
    for request, device in {
        "cuda": "cupy:cuda:0",
        "cupy": "cupy:cuda:0",
        "cuda:1": "cupy:cuda:1",
        "cupy:cuda:1": "cupy:cuda:1",
    }.items():
        assert str(choose_device(request)) == device
    with pytest.raises(DeviceError, match=r"no device 'cuda:5'.* has cuda:0, cuda:1 here"):
        choose_device("cuda:5")


def test_nothing_is_tried_before_it_is_asked_for(world):
    machine = world.cupy(world.Machine())
    checks = get_backend("cupy").checks()
    for _ in RUNGS[:4]:
        next(checks)
    assert machine.entered == []
    assert next(checks).name == "cuda-allocation"
    assert machine.entered


@pytest.mark.parametrize("operation", ["", "kernel", "matmul", "memory"])
def test_nothing_is_left_behind(world, operation):
    machine = world.cupy(world.Machine())
    if operation:
        machine.failures[operation] = lambda: world.errors.CUDARuntimeError(999)
    machine.current = 1
    for check in get_backend("cupy").checks():
        assert machine.current == 1, check
    assert set(machine.entered) == {0}, "only the first card is touched"
    machine.failures.clear()
    assert (machine.used_blocks, machine.cached_blocks) == (0, 0)


def test_nothing_is_left_behind_by_a_climb_that_is_given_up(world):
    machine = world.cupy(world.Machine())
    checks = get_backend("cupy").checks()
    while next(checks).name != "cuda-kernel":
        pass
    assert machine.cached_blocks
    checks.close()
    assert (machine.used_blocks, machine.cached_blocks) == (0, 0)


def test_memory_that_was_in_use_before_is_left_alone(world):
    machine = world.cupy(world.Machine())
    machine.cached_blocks = 10
    climb()
    assert machine.cached_blocks >= 10


def test_a_second_climb_sees_what_has_changed(world):
    machine = world.cupy(world.Machine())
    assert climb()[-1].status == "ok"
    machine.cards = 0
    assert climb()[-1].name == "cuda-device"


# --- the rest of the contract, on the pretend cards ---


def test_arrays_travel(world, random):
    machine = world.cupy(world.Machine())
    backend = get_backend("cupy")
    X = random.randn(3, 4).astype("float32")
    there = place(X, "cuda:1")
    assert device_of(there) == "cupy:cuda:1"
    assert machine.current == 0
    assert backend.owns(there)
    assert owner_of(there) is backend
    assert not backend.owns(X)
    back = to_host(there)
    assert back.dtype == X.dtype
    np.testing.assert_array_equal(back, X)
    assert place(there, "cuda:1") is there
    assert device_of(place(there, "cuda:0")) == "cupy:cuda:0"
    assert device_of(place({"W1": X}, "cuda")) == "cupy:cuda:0"


def test_memory_and_waiting_are_of_the_named_card(world):
    machine = world.cupy(world.Machine(free=5, total=7))
    backend = get_backend("cupy")
    assert backend.free_memory("cuda:1") == 5
    assert machine.entered == [1]
    backend.synchronize("cuda:1")
    assert machine.synchronized == [1]
    assert machine.current == 0


def test_a_step_is_taken_as_often_as_asked():
    backend = get_backend("cupy")
    run = backend.compile(backend.repeat(lambda state, batch, row: {"n": state["n"] + batch}))
    assert run({"n": 0}, 2, {}, 1) == {"n": 2}
    assert run({"n": 0}, 2, {}, times=5) == {"n": 10}


def test_nothing_is_owned_where_cupy_is_absent(world, monkeypatch):
    assert not get_backend("cupy").owns(np.zeros(2))
    monkeypatch.delitem(sys.modules, "cupy")
    assert not get_backend("cupy").owns(np.zeros(2))
    assert "cupy" not in sys.modules


def test_versions(world, monkeypatch):
    world.cupy(world.Machine())
    monkeypatch.delenv("CUPY_TF32", raising=False)
    monkeypatch.delenv("PORTABLE_DNN_CUPY_KERNEL", raising=False)
    monkeypatch.setenv("CUPY_ACCELERATORS", "cub,cutensor")
    assert get_backend("cupy").versions() == {
        "cupy": "14.2.0",
        "CUDA runtime": "12.9",
        "CUDA driver": "13.0",
        "NVRTC": "12.9",
        "cuBLAS": "120905",
        "card": "NVIDIA Pretend",
        "CUPY_TF32": "not set",
        "CUPY_ACCELERATORS": "cub,cutensor",
        "PORTABLE_DNN_CUPY_KERNEL": "not set",
    }


def test_versions_where_something_is_missing(world, monkeypatch):
    monkeypatch.setenv("CUPY_TF32", "1")
    versions = get_backend("cupy").versions()
    assert versions["cupy"].startswith("cannot be imported: ")
    assert versions["CUPY_TF32"] == "1"
    world.cupy(world.Machine(driver=0, nvrtc=None))
    versions = get_backend("cupy").versions()
    assert versions["CUDA driver"] == "none"
    assert versions["card"].startswith("unknown: cudaErrorInsufficientDriver")
    assert versions["NVRTC"].startswith("unknown: Failure finding")
    assert all(type(value) is str and value for value in versions.values())


def test_the_cpu_never_touches_cupy(tmp_path, python):
    """A CuPy that ends the process at its import proves that nothing imports it unasked."""
    folder = tmp_path / "trap" / "cupy"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("import os; os._exit(3)", encoding="utf-8")
    printed = python(
        "import sys, numpy as np, portable_dnn\n"
        "from portable_dnn.arrays.devices import choose_device, place, to_host\n"
        "from portable_dnn.arrays.registry import backend_names, get_backend\n"
        "[get_backend(name) for name in backend_names()]\n"
        "device = choose_device('cpu')\n"
        "print(device, to_host(place(np.ones(2), device)).sum(), 'cupy' in sys.modules)\n",
        folder.parent,
    )
    assert printed == "numpy:cpu 2.0 False\n"
