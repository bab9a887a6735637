"""A version of the library that waits to be told to train; `benchmarks.against` starts it.

It imports nothing of the benchmarks and only public names of `portable_dnn`, since it is run with
older versions of the library too. A line to standard input is a number of iterations; a line of
JSON comes back.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from portable_dnn import choose_device, place, to_host, train


def main() -> None:
    """Train as often as asked, until standard input ends."""
    parser = argparse.ArgumentParser(prog="against_worker", description=__doc__)
    parser.add_argument("problem", type=Path, help="X, Y and the start (npz)")
    parser.add_argument("--backend", required=True)
    parser.add_argument("--compress", choices=("on", "off"), required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--record-every", type=int, required=True)
    options = parser.parse_args()
    # What a library prints must not stand between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with np.load(options.problem) as saved:
        arrays = {name: saved[name] for name in saved.files}
    for line in sys.stdin:
        json.dump(_run(arrays, int(line), options), answers)
        answers.write("\n")
        answers.flush()


def _run(arrays: dict[str, Any], iterations: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train from arrays in memory to weights in memory, with a clock around all of it."""
    parameters = {name: array for name, array in arrays.items() if name not in ("X", "Y")}
    device = choose_device(options.backend)
    began, began_cpu = time.perf_counter(), time.process_time()
    trained = train(
        place(arrays["X"], device),
        place(arrays["Y"], device),
        place(parameters, device),
        hidden="relu",
        learning_rate=options.learning_rate,
        num_iterations=iterations,
        record_every=options.record_every,
        compress=options.compress,
    )
    weights = to_host(trained.parameters)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "costs": [float(cost) for cost in trained.history.cost],
        "final_cost": float(trained.history.final_cost),
        "finite": all(bool(np.isfinite(array).all()) for array in weights.values()),
        "files": _files(options.backend),
    }


def _files(backend: str) -> list[str]:
    """Tell which library and which backend were imported."""
    modules = [sys.modules[name] for name in ("portable_dnn", f"portable_dnn_{backend}")]
    return [str(Path(str(module.__file__)).resolve()) for module in modules]


if __name__ == "__main__":
    main()
