"""Starting measurements as processes, each with its own threads and BLAS kernels."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "CORETYPE",
    "FailedRunError",
    "bound_command",
    "core_types",
    "environment",
    "run_module",
    "run_worker",
]

ROOT = Path(__file__).resolve().parents[1]
CORETYPE = "OPENBLAS_CORETYPE"
UNSET = "unset"
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


class FailedRunError(RuntimeError):
    """A measurement that did not come to its end; the message is its last line."""


def core_types() -> tuple[str, ...]:
    """Return the values of `OPENBLAS_CORETYPE` to measure with.

    Returns
    -------
    tuple of str
        Its value and "unset" where it is set in the environment, else "unset" alone.
    """
    value = os.environ.get(CORETYPE)
    return (value, UNSET) if value else (UNSET,)


def environment(threads: int, core_type: str, *, gpu: bool = False) -> dict[str, str]:
    """Make the environment of a measurement.

    Parameters
    ----------
    threads : int
        For NumPy's BLAS and PyTorch by their variables. XLA makes as many as it may use cores, so
        the process is bound to so many cores as well (see `run_module`).
    core_type : str
        OpenBLAS's kernels; "unset" leaves the choice to OpenBLAS.
    gpu : bool
        Whether CUDA is to be seen.

    Returns
    -------
    dict of str to str
    """
    variables = {**os.environ, **dict.fromkeys(_THREADS, str(threads))}
    variables.pop(CORETYPE, None)
    if core_type != UNSET:
        variables[CORETYPE] = core_type
    if gpu:
        # JAX would take three quarters of the card at once, and hide what it needs.
        variables["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    else:
        variables |= {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    return variables


def run_module(
    module: str,
    arguments: Sequence[str],
    *,
    threads: int,
    core_type: str,
    gpu: bool = False,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Run a module that writes one JSON object, bound to as many cores as it has threads.

    Parameters
    ----------
    module : str
        For `python -m`.
    arguments : sequence of str
        Of its command line.
    threads, core_type, gpu
        As for `environment`.
    timeout : float, optional
        Seconds.

    Returns
    -------
    dict

    Raises
    ------
    FailedRunError
        If it fails.
    """
    try:
        done = subprocess.run(
            bound_command(module, arguments, threads),
            cwd=ROOT,
            env=environment(threads, core_type, gpu=gpu),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FailedRunError(f"took more than {timeout:.0f} s") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"ended with exit code {done.returncode}"]
        raise FailedRunError(lines[-1])
    # A library may write to standard output too; the result is the last line.
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def bound_command(program: str, arguments: Sequence[str], threads: int) -> list[str]:
    """Make the command that runs a program on as many cores as it has threads.

    Parameters
    ----------
    program : str
        A module, as for `python -m`, or the path of a file that ends in ".py".
    arguments : sequence of str
        Of its command line.
    threads : int
        As for `environment`.

    Returns
    -------
    list of str
    """
    return [sys.executable, "-c", _BIND, str(threads), program, *arguments]


_BIND = """
import os, runpy, sys
threads, program = int(sys.argv[1]), sys.argv[2]
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
sys.argv[:] = [program, *sys.argv[3:]]
if program.endswith(".py"):
    runpy.run_path(program, run_name="__main__")
else:
    runpy.run_module(program, run_name="__main__", alter_sys=True)
"""


def run_worker(
    arguments: Sequence[str], *, threads: int, core_type: str, timeout: float | None = None
) -> dict[str, Any]:
    """Run one measurement of `benchmarks.worker`; parameters as for `run_module`."""
    began = ("--began", repr(time.time()))
    return run_module(
        "benchmarks.worker",
        (*arguments, *began),
        threads=threads,
        core_type=core_type,
        timeout=timeout,
    )
