"""Checks, a session each: `nox` runs what can run here, `nox -s NAME` one of them.

A session that was asked for by name and cannot run fails and says why; plain `nox` leaves it out
and says so at its end. Tests run on all cores; `nox -s tests-numpy -- -n 0` runs them in one
process, as a debugger needs it.
"""

import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True

GPU = shutil.which("nvidia-smi") is not None and (
    subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).returncode == 0
)
NO_GPU = "tests-cupy NOT RUN: nvidia-smi finds no NVIDIA GPU, so no driver or no card is here"
DPNP_GIB = 5  # what dpnp takes, installed and on its way
NO_DPNP = (
    "tests-dpnp NOT RUN: dpnp's device for a processor is for Linux on x86-64"
    if (platform.system(), platform.machine()) != ("Linux", "x86_64")
    else f"tests-dpnp NOT RUN: dpnp needs {DPNP_GIB} GiB, and so much is not free here"
    if shutil.disk_usage(Path(__file__).parent).free < DPNP_GIB * 2**30
    else ""
)
nox.options.sessions = [
    "lint",
    "types",
    "tests-numpy",
    "tests-strict",
    "tests-torch",
    "tests-jax",
    *(() if NO_DPNP else ("tests-dpnp",)),
    "cupy-wheel",
    "packaging",
    *(("tests-cupy",) if GPU else ()),
    "not-run",
]

SHARED = "environment"
# A worker a core; each collects all tests first, so that many workers gain nothing. A file's tests
# stay together: they share fixtures, and those of tests/durability are added up by the last.
WORKERS = (
    *("-n", "logical", "--maxprocesses", "8"),
    *("--dist", "loadfile", "--no-loadscope-reorder"),
)
# Comparisons of flat pictures show the judge's behaviour, which is no library's; they take minutes
# where every shape is compiled, or every call is queued.
OF_THE_JUDGE = "--ignore=tests/equivalence/limits/test_repeated.py"
# A step on a queue takes a hundred times as long as NumPy's. Left out besides are trainings of
# thousands of steps that show the network's behaviour (test_examples), comparisons at rates
# that overflow, and one that another one contains.
REPEATED = (
    OF_THE_JUDGE,
    "--ignore=tests/test_examples.py",
    "--ignore=tests/equivalence/test_overflow.py",
    "--deselect=tests/equivalence/test_clean.py::test_a_clean_backend_is_not_flagged",
)
# What comes in; some of it is of one library.
DOOR = ("tests/arrays/test_door.py", "tests/arrays/test_any_argument.py")
ON_A_QUEUE = (
    "tests/arrays/test_generic_on_a_device.py",
    "tests/backends/test_dpnp_backend.py",
    "tests/backends/test_cupy_on_a_queue.py",
)
# The workers share the cores: a library that starts a thread a core in each only makes them wait.
ONE_THREAD = dict.fromkeys(("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def install(session: nox.Session, *packages: str) -> None:
    """Install without compiling: Python compiles what it imports, a small part of the files."""
    session.install("--no-compile", *packages)


def run_tests(session: nox.Session, *arguments: str) -> None:
    """Run pytest on all cores, in the environment of the session."""
    session.run("pytest", *WORKERS, *arguments, *session.posargs, env=ONE_THREAD)


def run_shared(session: nox.Session, program: str, *arguments: str, **environment: str) -> None:
    """Run a program of the environment that several sessions share."""
    folder = session.cache_dir.parent / SHARED / ("Scripts" if os.name == "nt" else "bin")
    path = os.pathsep.join([str(folder), os.environ.get("PATH", "")])
    session.run(
        shutil.which(program, path=str(folder)) or program,
        *arguments,
        env={"PATH": path, "VIRTUAL_ENV": str(folder.parent), **environment},
        external=True,
    )


def run_shared_tests(session: nox.Session, *arguments: str) -> None:
    """Run pytest on all cores, in the shared environment."""
    run_shared(session, "pytest", *WORKERS, *arguments, *session.posargs, **ONE_THREAD)


@nox.session(name=SHARED)
def environment(session: nox.Session) -> None:
    """What the sessions share that need no further array library; they ask for it themselves."""
    install(session, "-e", ".[dev]", "build")


@nox.session(name="tests-numpy", python=False, requires=[SHARED])
def tests_numpy(session: nox.Session) -> None:
    """All tests of the host, and those of every backend on NumPy."""
    run_shared_tests(session, "--backend", "numpy")


@nox.session(python=False, requires=[SHARED])
def coverage(session: nox.Session) -> None:
    """The same, and which lines they reach."""
    run_shared_tests(session, "--backend", "numpy", "--cov", "--cov-report", "term")


@nox.session(name="tests-strict", python=False, requires=[SHARED])
def tests_strict(session: nox.Session) -> None:
    """The tests that compute, on array-api-strict and its pretend devices."""
    run_shared_tests(session, "--backend", "strict")


@nox.session(name="tests-torch")
def tests_torch(session: nox.Session) -> None:
    """The tests that compute, on PyTorch's CPU, and those of its backend."""
    # One release, so that a machine can hold its CPU build; a range takes the newest CUDA build.
    install(session, "-e", ".[test]", "torch==2.13.0")
    run_tests(session, "--backend", "torch")
    session.run("pytest", "tests/backends/test_torch_backend.py")
    session.run("pytest", *DOOR, "-k", "torch")


@nox.session(name="tests-jax")
def tests_jax(session: nox.Session) -> None:
    """The tests that compute, on JAX's CPU, and those of its backend."""
    install(session, "-e", ".[test,jax]")
    run_tests(session, "--backend", "jax", OF_THE_JUDGE)
    session.run("pytest", "tests/backends/test_jax_backend.py")
    session.run("pytest", *DOOR, "-k", "jax")


@nox.session(name="tests-dpnp")
def tests_dpnp(session: nox.Session) -> None:
    """The tests that compute, on dpnp's queue, and what only a queue can show."""
    if NO_DPNP:
        session.error(NO_DPNP)
    install(session, "-e", ".[test,dpnp]")
    run_tests(session, "--backend", "dpnp", *REPEATED)
    session.run("pytest", *ON_A_QUEUE)


@nox.session(name="tests-cupy")
def tests_cupy(session: nox.Session) -> None:
    """The tests that compute, on CuPy; needs an NVIDIA GPU."""
    if not GPU:
        session.error(NO_GPU)
    shown = subprocess.run(["nvidia-smi"], capture_output=True, text=True, check=True).stdout
    level = re.search(r"CUDA[^:|]*Version: (\d+)", shown)
    install(session, "-e", f".[test,cuda{level.group(1) if level else '13'}]")
    session.run("portable-dnn", "doctor")
    # One process: several would share the memory of one card.
    session.run("pytest", "--backend", "cupy", *session.posargs)


@nox.session(name="cupy-wheel")
def cupy_wheel(session: nox.Session) -> None:
    """What a user without a GPU meets, with the real CuPy wheel: detection, reasons, fallback."""
    install(session, "-e", ".[test]", "cupy-cuda12x>=14")
    tests = (
        "test_cupy_ladder.py",
        "test_cupy_wheel.py",
        "test_contract.py",
        "cupy_kernel/test_source.py",
    )
    run_tests(session, *(f"tests/backends/{name}" for name in tests), "--backend", "numpy")


@nox.session(name="not-run")
def not_run(session: nox.Session) -> None:
    """Say what plain nox left out, and why."""
    session.skip("; ".join(filter(None, ("" if GPU else NO_GPU, NO_DPNP))))


@nox.session
def bench(session: nox.Session) -> None:
    """All benchmarks side by side; writes benchmarks/results and docs/performance.md."""
    session.install("-e", ".[bench]", "torch==2.13.0")  # one release, as in tests-torch
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Every reader of files and texts, ten minutes each; `nox -s fuzz -- 60 data` for less."""
    session.install("-e", ".[fuzz]")
    asked = session.posargs
    seconds = ["--seconds"] if asked and asked[0].isdigit() else []
    session.run("python", "-m", "fuzz", *seconds, *asked)


@nox.session(python=False, requires=[SHARED])
def durability(session: nox.Session) -> None:
    """A thousand kills and ten thousand damaged files; see docs/durability.md."""
    run_shared(session, "python", "-m", "tests.durability", *session.posargs)


@nox.session(python=False, requires=[SHARED])
def soak(session: nox.Session) -> None:
    """A million iterations, thrice: memory, open files, time, bits."""
    run_shared(session, "python", "-m", "tests.durability.soak", *session.posargs)


@nox.session(python=False, requires=[SHARED])
def memory(session: nox.Session) -> None:
    """What is foretold of memory against what is taken, minutes for every way through."""
    run_shared(session, "python", "-m", "tests.memory", *session.posargs)


@nox.session(python=False, requires=[SHARED])
def lint(session: nox.Session) -> None:
    """Style and likely mistakes."""
    run_shared(session, "ruff", "check")
    run_shared(session, "ruff", "format", "--check")


@nox.session(python=False, requires=[SHARED])
def types(session: nox.Session) -> None:
    """Static types, strictly."""
    run_shared(session, "mypy")


@nox.session(requires=[SHARED])
def packaging(session: nox.Session) -> None:
    """Build the wheel, install it alone in a clean environment, run the command."""
    with tempfile.TemporaryDirectory() as folder:
        # The shared environment holds what the build needs; making it has built in isolation.
        run_shared(session, "python", "-m", "build", "--no-isolation", "--outdir", folder)
        (wheel,) = Path(folder).glob("*.whl")
        install(session, str(wheel))
        with session.chdir(folder):
            session.run("portable-dnn", "devices")
            outputs = ("--out=model.h5", "--history=history.json", "--plots=pictures")
            session.run("portable-dnn", "train", "--iterations=20", *outputs)
            session.run("portable-dnn", "evaluate", "model.h5")
            session.run("portable-dnn", "predict", "model.h5", "pictures")
            # A comparison of the built-in pictures takes a minute; these are smaller.
            for name in ("classes/one", "classes/other"):
                shutil.copytree("pictures", name)
            session.run("portable-dnn", "data", "import", "classes", "--size=8", "--out=small.h5")
            compared = ("--data=small.h5", "--backend=numpy", "--iterations=5")
            session.run("portable-dnn", "compare", *compared)
