"""Checks, a session each: `nox` runs what can run here, `nox -s NAME` one of them.

A session that was asked for by name and cannot run fails and says why; plain `nox` leaves it out
and says so at its end.
"""

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
nox.options.sessions = [
    "lint",
    "types",
    "tests-numpy",
    "tests-strict",
    "tests-torch",
    "tests-jax",
    "cupy-wheel",
    "packaging",
    "tests-cupy" if GPU else "not-run",
]


@nox.session(name="tests-numpy")
def tests_numpy(session: nox.Session) -> None:
    """All tests of the host, and those of every backend on NumPy."""
    session.install("-e", ".[test]")
    session.run("pytest", "--backend", "numpy", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """The same, and which lines they reach."""
    session.install("-e", ".[test]")
    session.run("pytest", "--backend", "numpy", "--cov", "--cov-report", "term", *session.posargs)


@nox.session(name="tests-strict")
def tests_strict(session: nox.Session) -> None:
    """The tests that compute, on array-api-strict and its pretend devices."""
    session.install("-e", ".[test]")
    session.run("pytest", "--backend", "strict", *session.posargs)


@nox.session(name="tests-torch")
def tests_torch(session: nox.Session) -> None:
    """The tests that compute, on PyTorch's CPU, and those of its backend."""
    # One release, so that a machine can hold its CPU build; a range takes the newest CUDA build.
    session.install("-e", ".[test]", "torch==2.13.0")
    session.run("pytest", "--backend", "torch", *session.posargs)
    session.run("pytest", "tests/backends/test_torch_backend.py")


@nox.session(name="tests-jax")
def tests_jax(session: nox.Session) -> None:
    """The tests that compute, on JAX's CPU, and those of its backend."""
    session.install("-e", ".[test,jax]")
    session.run("pytest", "--backend", "jax", *session.posargs)
    session.run("pytest", "tests/backends/test_jax_backend.py")


@nox.session(name="tests-cupy")
def tests_cupy(session: nox.Session) -> None:
    """The tests that compute, on CuPy; needs an NVIDIA GPU."""
    if not GPU:
        session.error(NO_GPU)
    shown = subprocess.run(["nvidia-smi"], capture_output=True, text=True, check=True).stdout
    level = re.search(r"CUDA[^:|]*Version: (\d+)", shown)
    session.install("-e", f".[test,cuda{level.group(1) if level else '13'}]")
    session.run("portable-dnn", "doctor")
    session.run("pytest", "--backend", "cupy", *session.posargs)


@nox.session(name="cupy-wheel")
def cupy_wheel(session: nox.Session) -> None:
    """What a user without a GPU meets, with the real CuPy wheel: detection, reasons, fallback."""
    session.install("-e", ".[test]", "cupy-cuda12x>=14")
    tests = (
        "test_cupy_ladder.py",
        "test_cupy_wheel.py",
        "test_contract.py",
        "cupy_kernel/test_source.py",
    )
    session.run(
        "pytest",
        *(f"tests/backends/{name}" for name in tests),
        *("--backend", "numpy"),
        *session.posargs,
    )


@nox.session(name="not-run")
def not_run(session: nox.Session) -> None:
    """Say what plain nox left out, and why."""
    session.skip(NO_GPU if not GPU else "nothing was left out")


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


@nox.session
def durability(session: nox.Session) -> None:
    """A thousand kills and ten thousand damaged files; see docs/durability.md."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.durability", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """A million iterations, thrice: memory, open files, time, bits."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.durability.soak", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and likely mistakes."""
    session.install("ruff>=0.9")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Static types, strictly."""
    session.install("-e", ".[test]", "mypy>=1.15")  # the plug-in for pytest is typed too
    session.run("mypy")


@nox.session
def packaging(session: nox.Session) -> None:
    """Build the wheel, install it alone in a clean environment, run the command."""
    session.install("build")
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--outdir", folder, silent=True)
        (wheel,) = Path(folder).glob("*.whl")
        session.install(str(wheel))
        with session.chdir(folder):
            session.run("portable-dnn", "devices")
            outputs = ("--out=model.h5", "--history=history.json", "--plots=pictures")
            session.run("portable-dnn", "train", "--iterations=20", *outputs)
            session.run("portable-dnn", "evaluate", "model.h5")
            session.run("portable-dnn", "predict", "model.h5", "pictures")
            session.run("portable-dnn", "compare", "--backend=numpy", "--iterations=5")
