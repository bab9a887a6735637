"""The kernel's source compiles for cards, and its body runs clean under the sanitizers."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from portable_dnn_cupy.kernel import layout, recognize
from portable_dnn_cupy.kernel.layout import Card, Network
from portable_dnn_cupy.kernel.recognize import Hidden
from portable_dnn_cupy.kernel.source import options, source

ROOT = Path(__file__).parents[3]

# Compute capability, dtype, and shared memory enough for all or for nothing.
TARGETS = [
    (80, "float32", 163), (80, "float64", 0), (90, "float32", 227), (90, "float64", 227)
]  # fmt: skip


def planned_options(capability, dtype, shared):
    """The options for the published shape."""
    network = Network((20, 7, 5, 1), 209, (Hidden("relu", 0.0),) * 3, 0.0075, dtype)
    return options(layout.plan(network, Card(capability >= 90, shared * 1024)), dtype)


@pytest.mark.parametrize(("capability", "dtype", "shared"), TARGETS)
def test_nvcc_compiles_it(tmp_path, capability, dtype, shared):
    """To machine code, by CUDA's compiler; without a card."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc is not on the PATH, so the kernel cannot be compiled with it")
    (tmp_path / "kernel.cu").write_text(source())
    flags = planned_options(capability, dtype, shared)
    done = subprocess.run(
        [
            *(nvcc, "-cubin", f"-arch=sm_{capability}", "-Werror=all-warnings", "-Xptxas=-v"),
            *(*flags, "-o", "kernel.cubin", "kernel.cu"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "kernel.cubin").stat().st_size > 0
    # As many registers as a block of this many threads has, and none spilt.
    assert "0 bytes spill stores, 0 bytes spill loads" in done.stderr
    registers = int(re.search(r"Used (\d+) registers", done.stderr).group(1))
    assert registers * layout.MAX_THREADS <= 65536


@pytest.mark.parametrize(("capability", "dtype", "shared"), TARGETS)
def test_nvrtc_compiles_it(capability, dtype, shared):
    """As CuPy does on a card: without any header."""
    if importlib.util.find_spec("cupy") is None:
        pytest.skip("CuPy is not installed, which brings the interface to NVRTC")
    nvrtc = pytest.importorskip(
        "cupy.cuda", reason="CuPy does not import here", exc_type=Exception
    ).nvrtc
    try:
        nvrtc.getVersion()
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed: {str(error).splitlines()[0]}")
    program = nvrtc.createProgram(source(), "kernel.cu", (), ())
    flags = (f"-arch=sm_{capability}", *planned_options(capability, dtype, shared))
    try:
        nvrtc.compileProgram(program, flags)
        assert nvrtc.getCUBIN(program)
    finally:
        nvrtc.destroyProgram(program)


# What is built of the kernel, with which sanitizers, and what of `test_kernel.py` it runs.
SANITIZED = {
    # The body in memories of exactly the planned sizes: nothing is read or written beyond.
    "address,undefined": ("host.cpp", ("libasan.so", "libubsan.so"), "a_launch_is_a_step"),
    # The kernel itself with a block of real threads: none reads what another may be writing.
    "thread": ("threads.cpp", ("libtsan.so",), "one_block_is_a_step"),
}


@pytest.mark.parametrize("sanitizers", SANITIZED)
def test_the_sanitizers_find_nothing(sanitizers):
    compiler = shutil.which("g++")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no g++ on Linux is here, whose sanitizers can be loaded into Python")
    host, names, chosen = SANITIZED[sanitizers]
    asked = [(compiler, f"-print-file-name={name}") for name in names]
    libraries = [subprocess.check_output(command, text=True).strip() for command in asked]
    if not all(map(os.path.isabs, libraries)):
        pytest.skip(f"g++ has no {' and '.join(names)} here")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen),
            "tests/backends/cupy_kernel/test_kernel.py",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={
            **os.environ,
            "LD_PRELOAD": ":".join(libraries),
            "ASAN_OPTIONS": "detect_leaks=0",  # Python's own
            "TSAN_OPTIONS": "halt_on_error=1",
            "PORTABLE_DNN_TEST_HOST": host,
            "PORTABLE_DNN_TEST_HOST_FLAGS": (
                f"-std=c++20 -g -fsanitize={sanitizers} -fno-sanitize-recover=undefined"
            ),
        },
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert " passed" in done.stdout


def test_both_sides_have_the_same_constants():
    """The kernel's, and those that its launches are planned with."""
    body = (Path(layout.__file__).parent / "body.h").read_text()
    constants = dict(re.findall(r"constexpr int (\w+) = (\d+);", body))
    assert constants == {
        "LAYERS": str(recognize.MAX_LAYERS),
        "CHUNK": str(layout._CHUNK),
        "ROWS": str(layout._ROWS),
        "COLUMNS": str(layout._COLUMNS),
    }
    numbered = re.search(r"enum \{ ([A-Z_, ]+) \}", body).group(1).lower().split(", ")
    assert [Hidden(name, 0.0).number for name in numbered] == list(range(4))
