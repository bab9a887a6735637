"""The published run on a CUDA GPU: `python -m benchmarks.gpu --help`.

Each program runs in a process of its own, warms up, and is timed by the device's events (JAX, which
has none, by the host's clock until its result is there). Rounds go through all programs in turn.
Without a usable GPU it says so in one sentence and ends with exit code 1.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.gpu_programs import PROGRAMS
from benchmarks.machine import cores
from benchmarks.peers import course_numpy_lean
from benchmarks.problem import final_cost, published
from benchmarks.processes import FailedRunError, core_types, run_module
from benchmarks.results import FOLDER, envelope, spread, write
from benchmarks.tables import gpu_tables, print_table, terminal
from benchmarks.verdict import judge
from benchmarks.worker import CHECKED
from portable_dnn.arrays.registry import first_failure, get_backend

__all__ = ["add_options", "main", "measure", "run"]

NAME = "gpu"
OURS = "ours"
SHORT = 2  # iterations of the run whose time is taken off, to tell a step from the set-up


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5, help="in a process; the median counts")
    parser.add_argument("--iterations", type=int, default=2500)
    parser.add_argument("--programs", nargs="+", choices=tuple(PROGRAMS), default=list(PROGRAMS))
    parser.add_argument("--dtypes", nargs="+", default=["float64", "float32"])
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__)
    add_options(parser)
    parser.add_argument("--measure", choices=tuple(PROGRAMS), help="one program, here; JSON")
    options = parser.parse_args(arguments)
    if options.measure:
        return _measure_here(options)
    failure = first_failure(get_backend("cupy"))
    if failure is not None:
        remedy = f"; to fix it: {failure.remedy}" if failure.remedy else ""
        sys.stderr.write(f"no usable CUDA GPU: {failure.detail}{remedy}\n")
        return 1
    run(options)
    return 0


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all programs; return the result as it was written."""
    console = terminal()
    backend = get_backend("cupy")
    problem = published("float64", options.iterations)
    trained = course_numpy_lean.prepare(problem)()
    early = course_numpy_lean.prepare(
        replace(problem, iterations=min(CHECKED, options.iterations))
    )()
    reference = {
        "costs": [],
        "final_cost": final_cost(problem, trained.parameters),
        "early_cost": final_cost(problem, early.parameters),
    }
    samples: dict[tuple[str, str], list[dict[str, Any]]] = {
        (name, dtype): [] for dtype in options.dtypes for name in options.programs
    }
    left_out: list[dict[str, Any]] = []
    for number in range(options.rounds):
        for name, dtype in list(samples):
            console.print(f"round {number + 1} of {options.rounds}: {name}, {dtype}")
            arguments = [
                *("--measure", name, "--dtypes", dtype, "--repeats", str(options.repeats)),
                *("--iterations", str(options.iterations)),
            ]
            try:
                found = run_module(
                    "benchmarks.gpu",
                    arguments,
                    threads=cores(),
                    core_type=core_types()[-1],
                    gpu=True,
                )
                reason = judge(found, reference, dtype)
            except FailedRunError as error:
                reason = str(error)
            if reason:
                console.print(f"  left out: {reason}")
                left_out.append({"program": name, "dtype": dtype, "reason": reason})
                del samples[name, dtype]
            else:
                samples[name, dtype].append(found)
    versions = {k: v for runs in samples.values() for r in runs for k, v in r["versions"].items()}
    versions |= backend.versions()
    settings = {
        "rounds": options.rounds,
        "repeats": options.repeats,
        "iterations": options.iterations,
        "source": problem.source,
        "card": versions.get("card", "a CUDA GPU"),
    }
    result = envelope(NAME, settings, versions, _rows(samples), left_out)
    for title, table in gpu_tables(result):
        print_table(console, title, table)
    console.print(f"written: {write(result, options.out)}")
    return result


def _rows(samples: dict[tuple[str, str], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Summarize, with ratios formed within rounds."""
    rows = []
    for (name, dtype), runs in samples.items():
        ours = samples.get((OURS, dtype), [])
        paired = len(ours) == len(runs)
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(runs, ours, strict=False)]
        rows.append(
            {
                "program": name,
                "title": PROGRAMS[name].title,
                "dtype": dtype,
                "seconds": spread([run["seconds"] for run in runs]),
                "step_seconds": spread([run["step_seconds"] for run in runs]),
                "final_cost": runs[0]["final_cost"],
                "ratio": spread(ratios) if paired and ratios else None,
            }
        )
    return rows


def _measure_here(options: argparse.Namespace) -> int:
    """Measure one program in this process."""
    reason = PROGRAMS[options.measure].needs()
    if reason:
        sys.stderr.write(reason)
        return 1
    json.dump(measure(options.measure, options), sys.stdout)
    return 0


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one program.

    Parameters
    ----------
    name : str
        Of `PROGRAMS`.
    options : argparse.Namespace
        Of the command line; the first of its dtypes counts.

    Returns
    -------
    dict
        Medians over the repeats, and the costs that are judged.
    """
    program = PROGRAMS[name]
    problem = published(options.dtypes[0], options.iterations)
    run_for = program.make(problem)

    def once(iterations: int) -> tuple[float, Any]:
        return program.clock(lambda: run_for(iterations))

    for iterations in (SHORT, options.iterations):
        once(iterations)  # compiles, and fills pools of memory
    short = median(once(SHORT)[0] for _ in range(options.repeats))
    timed = [once(options.iterations) for _ in range(options.repeats)]
    seconds = median(time for time, _ in timed)
    _, early = once(min(CHECKED, options.iterations))
    return {
        "seconds": seconds,
        "step_seconds": (seconds - short) / max(options.iterations - SHORT, 1),
        "costs": [],
        "final_cost": final_cost(problem, timed[-1][1]()),
        "early_cost": final_cost(problem, early()),
        "versions": {module: str(import_module(module).__version__) for module in program.modules},
    }


if __name__ == "__main__":
    raise SystemExit(main())
