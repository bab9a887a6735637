"""The machine's floor, and our step beside it: `python -m benchmarks.floor --help`.

The floor of a compressed step is its largest product, (20, 209)(209, 209), alone; that of a plain
step are its two, (20, 12288)(12288, 209) and (20, 209)(209, 12288). The other calls of a compressed
step are timed too (see `parts`). All take turns in one process.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import cores
from benchmarks.parts import calls
from benchmarks.peers.ours import time_loop
from benchmarks.problem import published
from benchmarks.processes import core_types, run_module
from benchmarks.results import FOLDER, envelope, spread, write
from benchmarks.tables import floor_tables, print_table, terminal

__all__ = ["add_options", "main", "measure", "run"]

NAME = "floor"
SECONDS = 0.01  # of repeating a call, for one sample of its time


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--iterations", type=int, default=1000, help="of a compressed step")
    parser.add_argument("--dtypes", nargs="+", default=["float64", "float32"])
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.floor", description=__doc__)
    add_options(parser)
    parser.add_argument("--measure", action="store_true", help="measure in this process; JSON")
    options = parser.parse_args(arguments)
    if options.measure:
        rows = [row for dtype in options.dtypes for row in measure(dtype, options)]
        json.dump({"rows": rows}, sys.stdout)
        return 0
    run(options)
    return 0


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure with each of OpenBLAS's kernels; return the result as it was written."""
    console = terminal()
    arguments = [
        *("--measure", "--rounds", str(options.rounds), "--iterations", str(options.iterations)),
        *("--dtypes", *options.dtypes),
    ]
    rows = []
    for core_type in core_types():
        console.print(f"floor, OpenBLAS {core_type}")
        found = run_module(
            "benchmarks.floor", arguments, threads=options.threads, core_type=core_type
        )
        rows += [{"core_type": core_type, **row} for row in found["rows"]]
    settings = {"rounds": options.rounds, "threads": options.threads}
    result = envelope(NAME, settings, {"numpy": np.__version__}, rows)
    for title, table in floor_tables(result):
        print_table(console, title, table)
    console.print(f"written: {write(result, options.out)}")
    return result


def measure(dtype: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure products, copies and steps in turn.

    Parameters
    ----------
    dtype : {"float64", "float32"}
        What they compute in.
    options : argparse.Namespace
        Of the command line.

    Returns
    -------
    list of dict
        `rate` is operations or bytes a second; `times_floor` belongs to the steps.
    """
    random = np.random.default_rng(1)
    K, dZ1, W1, X = (
        random.standard_normal(shape).astype(dtype)
        for shape in ((209, 209), (20, 209), (20, 12288), (12288, 209))
    )
    X = np.asfortranarray(X)  # as the pictures give it
    block = np.zeros(2**25, dtype=np.uint8)
    target = np.empty_like(block)
    products: dict[str, tuple[Callable[[], object], int]] = {
        "(20, 209)(209, 209)": (partial(np.matmul, dZ1, K), 2 * 20 * 209 * 209),
        "(20, 12288)(12288, 209)": (partial(np.matmul, W1, X), 2 * 20 * 12288 * 209),
        "(20, 209)(209, 12288)": (partial(np.matmul, dZ1, X.T), 2 * 20 * 12288 * 209),
        "(209, 12288)(12288, 209), Gram": (partial(np.matmul, X.T, X), 209 * 12288 * 209),
        "copy of 32 MiB (read and written)": (partial(np.copyto, target, block), 2 * block.nbytes),
    }
    short = published(dtype, options.iterations)
    plain = replace(short, iterations=max(3, options.iterations // 50))
    parts = {f"of a compressed step: {part}": works for part, works in calls(dtype).items()}
    times: dict[str, list[float]] = {name: [] for name in [*products, *parts, *_STEPS]}
    for _ in range(options.rounds):
        for name, works in parts.items():
            times[name].append(sum(map(_time, works)))
        for name, (work, _) in products.items():
            times[name].append(_time(work))
        for name, problem, compress in zip(_STEPS, (short, plain), ("on", "off"), strict=True):
            outcome = time_loop(problem, backend="numpy", compress=compress)
            assert outcome.loop_seconds is not None
            times[name].append(outcome.loop_seconds / outcome.loop_iterations)
    names = list(products)
    floors = {
        _STEPS[0]: median(times[names[0]]),
        _STEPS[1]: median(times[names[1]]) + median(times[names[2]]),
    }
    return [
        {
            "what": name,
            "dtype": dtype,
            "seconds": spread(seconds),
            "rate": products[name][1] / median(seconds) if name in products else None,
            "times_floor": median(seconds) / floors[name] if name in floors else None,
        }
        for name, seconds in times.items()
    ]


_STEPS = ("our step, compressed", "our step, not compressed")


def _time(work: Callable[[], object]) -> float:
    """Return the seconds of one call, from as many as fill a while."""
    began = time.perf_counter()
    work()
    count = max(1, int(SECONDS / max(time.perf_counter() - began, 1e-7)))
    began = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - began) / count


if __name__ == "__main__":
    raise SystemExit(main())
