"""A pretend CuPy on a pretend machine, to see what is said of failures that no machine here has.

It has the shapes of CuPy 14 that the backend uses, over NumPy: errors with the real ones' bases,
attributes and words (`test_cupy_wheel.py` compares them), cards, a current card, a memory pool.
"""

import ctypes
import importlib.metadata
import sys
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

import portable_dnn_cupy.remedies

GIB = 2**30


class CUDARuntimeError(RuntimeError):
    WORDS: ClassVar = {
        2: "cudaErrorMemoryAllocation: out of memory",
        35: "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime "
        "version",
        46: "cudaErrorDevicesUnavailable: CUDA-capable device(s) is/are busy or unavailable",
        100: "cudaErrorNoDevice: no CUDA-capable device is detected",
        209: "cudaErrorNoKernelImageForDevice: no kernel image is available for execution on the "
        "device",
        3: "cudaErrorInitializationError: initialization error",
        34: "cudaErrorStubLibrary: CUDA driver is a stub library",
        719: "cudaErrorLaunchFailure: unspecified launch failure",
        802: "cudaErrorSystemNotReady: system not yet initialized",
        803: "cudaErrorSystemDriverMismatch: system has unsupported display driver / cuda driver "
        "combination",
        804: "cudaErrorCompatNotSupportedOnDevice: forward compatibility was attempted on non "
        "supported HW",
        999: "cudaErrorUnknown: unknown error",
    }

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(self.WORDS[status])


class OutOfMemoryError(MemoryError):
    def __init__(self, size: int, total: int, limit: int = 0) -> None:
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes)."
        )


class CompileException(Exception):  # noqa: N818 (CuPy's name)
    def __init__(self, msg: str, source: str, name: str, options: tuple[str, ...]) -> None:
        self._msg = msg
        super().__init__()

    def __str__(self) -> str:
        return self._msg


class DynamicLibNotFoundError(RuntimeError):
    """What cuda-pathfinder raises where a library is missing."""


def not_found(library: str) -> DynamicLibNotFoundError:
    """Return the error of a missing library, as cuda-pathfinder words it."""
    return DynamicLibNotFoundError(
        f'Failure finding "{library}": No such file: {library}, No such file: {library}\n'
    )


@dataclass
class Machine:
    """The pretend machine: what is in it, what fails, and what was done to it."""

    driver: int = 13000
    runtime: int = 12090
    cards: int = 2
    capability: tuple[int, int] = (9, 0)
    free: int = 130 * GIB
    total: int = 139 * GIB
    nvrtc: tuple[int, int] | None = (12, 9)
    failures: dict[str, Callable[[], Exception]] = field(default_factory=dict)
    wrong: str = ""
    current: int = 0
    entered: list[int] = field(default_factory=list)
    synchronized: list[int] = field(default_factory=list)
    used_blocks: int = 0
    cached_blocks: int = 0

    def fail(self, operation: str) -> None:
        if operation in self.failures:
            raise self.failures[operation]()  # a new one, for an error holds on to arrays
        if self.driver // 1000 < self.runtime // 1000:
            raise CUDARuntimeError(35)
        if not self.cards:
            raise CUDARuntimeError(100)

    def module(self) -> types.ModuleType:
        """Return the pretend CuPy of this machine."""
        machine = self

        class Device:
            def __init__(self, number: int) -> None:  # as with CuPy, making one proves nothing
                self.id = number

            def __enter__(self) -> "Device":
                machine.fail("use")
                self.before, machine.current = machine.current, self.id
                machine.entered.append(self.id)
                return self

            def __exit__(self, *error: object) -> None:
                machine.current = self.before

            def synchronize(self) -> None:
                assert machine.current == self.id
                machine.synchronized.append(self.id)

        class ndarray:  # noqa: N801 (CuPy's name)
            def __init__(self, values: Any) -> None:
                machine.fail("allocation")
                self.values = np.array(values)
                self.shape = self.values.shape
                self.device = Device(machine.current)
                machine.used_blocks += 1
                weakref.finalize(self, machine.release)

            def set(self, values: Any) -> None:
                assert values.shape == self.values.shape
                assert values.dtype == self.values.dtype
                self.values[...] = values

            def __add__(self, other: "ndarray") -> "ndarray":
                machine.fail("kernel")
                return ndarray(self.values + other.values + (machine.wrong == "kernel"))

            def __matmul__(self, other: "ndarray") -> "ndarray":
                machine.fail("matmul")
                return ndarray(self.values @ other.values + (machine.wrong == "matmul"))

        class Pool:
            def total_bytes(self) -> int:
                machine.fail("pool")
                return 512 * (machine.used_blocks + machine.cached_blocks)

            def free_all_blocks(self) -> None:
                machine.fail("pool")
                machine.cached_blocks = 0

        def asnumpy(array: ndarray) -> Any:
            machine.fail("asnumpy")
            return array.values + (machine.wrong == "allocation")

        def memory() -> tuple[int, int]:
            machine.fail("memory")
            return machine.free, machine.total

        def properties(number: int) -> dict[str, Any]:
            machine.fail("properties")
            major, minor = machine.capability
            return {"name": b"NVIDIA Pretend", "major": major, "minor": minor}

        def count() -> int:
            machine.fail("count")
            return machine.cards

        def nvrtc_version() -> tuple[int, int]:
            if machine.nvrtc is None:
                raise not_found("libnvrtc.so.13 or libnvrtc.so.12")
            return machine.nvrtc

        cupy = types.ModuleType("cupy")
        cupy.__version__ = "14.2.0"
        cupy.ndarray = ndarray
        cupy.empty = lambda shape, dtype: ndarray(np.zeros(shape, dtype))
        cupy.asarray = ndarray
        cupy.asnumpy = asnumpy
        cupy.get_default_memory_pool = Pool
        cupy.cuda = types.SimpleNamespace(
            Device=Device,
            runtime=types.SimpleNamespace(
                CUDARuntimeError=CUDARuntimeError,
                driverGetVersion=lambda: machine.driver,
                runtimeGetVersion=lambda: machine.runtime,
                getDeviceCount=count,
                getDeviceProperties=properties,
                memGetInfo=memory,
            ),
            nvrtc=types.SimpleNamespace(getVersion=nvrtc_version),
            cublas=types.SimpleNamespace(getVersion=lambda handle: 120905),
            device=types.SimpleNamespace(get_cublas_handle=lambda: machine.fail("matmul")),
        )
        return cupy

    def release(self) -> None:
        self.used_blocks -= 1
        self.cached_blocks += 1


@dataclass
class World:
    """The pretend machine's software: set what is installed, and CuPy finds it so."""

    monkeypatch: pytest.MonkeyPatch
    path: Any
    Machine: type[Machine] = Machine
    errors: Any = field(
        default_factory=lambda: types.SimpleNamespace(
            CUDARuntimeError=CUDARuntimeError,
            OutOfMemoryError=OutOfMemoryError,
            CompileException=CompileException,
            not_found=not_found,
        )
    )

    def cupy(self, machine: Machine, *packages: str) -> Machine:
        """Install CuPy on a machine."""
        self.monkeypatch.setitem(sys.modules, "cupy", machine.module())
        self.packages(*(packages or ("cupy-cuda12x",)))
        self.driver(machine.driver)
        return machine

    def no_cupy(self) -> None:
        """Have no CuPy."""
        self.monkeypatch.setitem(sys.modules, "cupy", None)
        self.packages()

    def broken_cupy(self, source: str, *packages: str) -> None:
        """Install a CuPy whose `__init__.py` is this."""
        folder = self.path / "broken" / "cupy"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(source, encoding="utf-8")
        self.monkeypatch.delitem(sys.modules, "cupy", raising=False)
        self.monkeypatch.syspath_prepend(folder.parent)
        # The module must not outlive the test where its import succeeds.
        self.monkeypatch.setitem(sys.modules, "cupy", object())
        del sys.modules["cupy"]
        self.packages(*(packages or ("cupy-cuda12x",)))

    def packages(self, *names: str) -> None:
        """Have these CuPy packages and no others."""

        def distribution(name: str) -> object:
            if name in names:
                return object()
            raise importlib.metadata.PackageNotFoundError(name)

        self.monkeypatch.setattr(importlib.metadata, "distribution", distribution)

    def driver(self, version: int, status: int = 0) -> None:
        """Have a driver for this CUDA, or none for 0."""
        expected = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"

        def load(name: str, *args: object, **kwargs: object) -> object:
            assert name == expected
            if not version:
                raise OSError(f"{name}: cannot open shared object file: No such file or directory")

            def driver_get_version(pointer: Any) -> int:
                pointer._obj.value = version
                return status

            return types.SimpleNamespace(cuDriverGetVersion=driver_get_version)

        self.monkeypatch.setattr(ctypes, "CDLL", load)

    def wsl(self) -> None:
        """Be in the Linux of a Windows."""
        self.monkeypatch.setattr(portable_dnn_cupy.remedies, "_WSL", (self.path,))

    def apptainer(self) -> None:
        """Be in Apptainer, which marks its containers with a folder."""
        self.monkeypatch.setattr(portable_dnn_cupy.remedies, "_APPTAINER", self.path)

    def container(self) -> None:
        """Be in a container."""
        self.monkeypatch.setattr(portable_dnn_cupy.remedies, "_CONTAINER", (self.path,))

    def nouveau(self) -> None:
        """Have the nouveau driver loaded."""
        self.monkeypatch.setattr(portable_dnn_cupy.remedies, "_NOUVEAU", self.path)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A machine without CuPy, driver, settings or nouveau; the test installs what it needs."""
    world = World(monkeypatch, tmp_path_factory.mktemp("world"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("PORTABLE_DNN_DEVICE", raising=False)
    monkeypatch.setattr(portable_dnn_cupy.remedies, "_NOUVEAU", world.path / "absent")
    for name in ("WSL_DISTRO_NAME", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(portable_dnn_cupy.remedies, "_CONTAINER", ())
    monkeypatch.setattr(portable_dnn_cupy.remedies, "_WSL", ())
    monkeypatch.setattr(portable_dnn_cupy.remedies, "_APPTAINER", world.path / "absent")
    world.no_cupy()
    world.driver(0)
    return world


@pytest.fixture
def python(tmp_path: Any) -> Callable[..., str]:
    """Run Python code in a new process, and return what it printed."""
    import os
    import subprocess

    def run(code: str, path: Any = None) -> str:
        environment = {k: v for k, v in os.environ.items() if k != "PORTABLE_DNN_DEVICE"}
        if path is not None:
            old = environment.get("PYTHONPATH")
            environment["PYTHONPATH"] = os.pathsep.join([str(path), *([old] if old else [])])
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
