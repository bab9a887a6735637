"""Time and memory against the number of samples: `python -m benchmarks.growth --help`.

Random pictures, few iterations: what is measured is a step, the set-up and the peak of memory; a
whole run is set-up + `--run` steps. Each program runs in a process of its own. What would not fit
in memory is left out and said so.
"""

import argparse
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from benchmarks.machine import cores
from benchmarks.peers import PEERS
from benchmarks.pictures import draw_growth
from benchmarks.processes import FailedRunError, core_types, run_worker
from benchmarks.results import FOLDER, envelope, write
from benchmarks.tables import growth_tables, print_table, terminal

__all__ = ["add_options", "main", "needed_bytes", "run"]

NAME = "growth"
FEATURES = 12288
DEFAULT_PEERS = (
    "ours-numpy-on",
    *(name for name in PEERS if name.startswith("ours-") and name.endswith("-off")),
    "sklearn",
    "torch-eager",
    "jax-step",
)
SHARE = 0.85  # of the free memory that a run may need


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=0, help="0: by the size of the work")
    parser.add_argument("--samples", nargs="+", type=int, default=[209, 1000, 4000, 12000, 20000])
    parser.add_argument("--layers", nargs="+", default=["20-7-5", "1024-256-64"])
    parser.add_argument("--peers", nargs="+", choices=tuple(PEERS), default=list(DEFAULT_PEERS))
    parser.add_argument("--dtypes", nargs="+", default=["float64"])
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--run", type=int, default=2500, help="steps of a whole run")
    parser.add_argument("--most", type=float, default=1e12, help="operations a case may take")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.growth", description=__doc__)
    add_options(parser)
    run(parser.parse_args(arguments))
    return 0


def needed_bytes(peer: str, m: int, layers: Sequence[int], dtype: str) -> int:
    """Estimate, generously, what a run needs.

    Parameters
    ----------
    peer : str
        Its name.
    m : int
        Samples.
    layers : sequence of int
        Hidden layers.
    dtype : str
        What it computes in.

    Returns
    -------
    int
        Bytes: pictures, X, weights with gradients, outputs with gradients; K and the product that
        is added to it in float64 and K in the dtype, for a compressed run; and for others than
        NumPy a second X.
    """
    item = np.dtype(dtype).itemsize
    sizes = (FEATURES, *layers, 1)
    weights = sum(a * b for a, b in pairwise(sizes))
    total = FEATURES * m * (1 + item) + 4 * item * weights + 6 * item * m * sum(layers)
    if peer.startswith("ours-") and not peer.endswith("-off"):
        total += (2 * 8 + item) * m * m
    if not PEERS[peer].openblas or peer == "sklearn":
        total += FEATURES * m * item
    return total


def _iterations(m: int, layers: Sequence[int]) -> int:
    """Take enough for a steady time, few where each takes seconds."""
    return int(np.clip(2e11 / _operations(m, layers), 4, 200))


def _operations(m: int, layers: Sequence[int]) -> int:
    """Count the floating-point operations of a step's two large products."""
    return 4 * FEATURES * m * layers[0]


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, print, and write JSON and picture; return the result as it was written."""
    console = terminal()
    peers = [name for name in options.peers if not PEERS[name].available()]
    left_out: list[dict[str, Any]] = [
        {"peer": name, "reason": PEERS[name].available()}
        for name in options.peers
        if name not in peers
    ]
    # OpenBLAS as it chooses for itself; what a forced choice costs is in the published run.
    core_type = core_types()[-1]
    rows, versions = [], {}
    for layers in options.layers:
        for dtype in options.dtypes:
            for m in options.samples:
                for name in peers:
                    case = {"peer": name, "layers": layers, "dtype": dtype, "m": m}
                    console.print(f"growth: {name}, 12288-{layers}-1, {dtype}, m = {m:,}")
                    try:
                        runs = _measure(case, options, core_type)
                    except FailedRunError as error:
                        console.print(f"  left out: {error}")
                        left_out.append({**case, "reason": str(error)})
                        continue
                    versions.update(runs[0]["versions"])
                    rows.append(_row(case, runs, options.run))
    settings = {
        "rounds": options.rounds,
        "threads": options.threads,
        "openblas_coretype": core_type,
        "run": options.run,
    }
    result = envelope(NAME, settings, versions, rows, left_out)
    for title, table in growth_tables(result):
        print_table(console, title, table)
    console.print(f"written: {write(result, options.out)}")
    draw_growth(result, options.out / f"{NAME}.png")
    return result


def _measure(
    case: Mapping[str, Any], options: argparse.Namespace, core_type: str
) -> list[dict[str, Any]]:
    """Run one case as often as there are rounds, if there is memory for it."""
    layers = [int(units) for units in case["layers"].split("-")]
    iterations = options.iterations or _iterations(case["m"], layers)
    operations = iterations * _operations(case["m"], layers)
    if operations > options.most:
        raise FailedRunError(
            f"takes {operations / 1e12:.1f} Tflop, and {options.most / 1e12:.1f} are allowed"
        )
    needed = needed_bytes(case["peer"], case["m"], layers, case["dtype"])
    free = int(psutil.virtual_memory().available * SHARE)
    if needed > free:
        raise FailedRunError(
            f"needs about {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB may be used"
        )
    arguments = [
        *("--peer", case["peer"], "--dtype", case["dtype"], "--layers", case["layers"]),
        *("--samples", str(case["m"]), "--loop-only"),
        *("--iterations", str(iterations)),
    ]
    return [
        run_worker(arguments, threads=options.threads, core_type=core_type, timeout=3600)
        for _ in range(options.rounds)
    ]


def _row(case: Mapping[str, Any], runs: Sequence[Mapping[str, Any]], steps: int) -> dict[str, Any]:
    """Put the runs of a case together."""
    step = median(run["step_seconds"] for run in runs)
    # What rounding leaves below nothing is nothing.
    set_up = max(0.0, median(run["set_up_seconds"] for run in runs))
    row = {
        **case,
        "title": PEERS[case["peer"]].title,
        "step_seconds": step,
        "set_up_seconds": set_up,
        "run_seconds": set_up + steps * step,
        "peak_bytes": median(run["peak_bytes"] for run in runs),
        "x_bytes": runs[0]["x_bytes"],
    }
    if "would_compress" in runs[0]:
        row["would_compress"] = runs[0]["would_compress"]
    return row


if __name__ == "__main__":
    raise SystemExit(main())
