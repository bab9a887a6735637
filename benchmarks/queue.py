"""dpnp beside NumPy on one processor: a step, its products alone, and what a call costs.

    python -m benchmarks.queue

Needs dpnp and a device; see docs/backends.md. A device is given work by calls that return before
it is done, so every time ends with a wait for the device. All take turns in one process.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import cores
from benchmarks.results import FOLDER, envelope, spread, write
from portable_dnn import choose_device, initialize_parameters_deep, place
from portable_dnn.arrays.contract import Array
from portable_dnn.arrays.devices import Device
from portable_dnn.arrays.registry import first_failure, get_backend
from portable_dnn.arrays.repeat import OneByOne
from portable_dnn.training.batches import Batch
from portable_dnn.training.layer_forms import enter, ones_for
from portable_dnn.training.settings import Settings
from portable_dnn.training.step import Bound, State, forms_for, step_of

__all__ = ["main"]

NAME = "queue"
SMALL = ((12288, 20, 7, 5, 1), 209)
WIDE = ((12288, 1024, 256, 64, 1), 1000)
Run = Callable[[int], None]


def main() -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.queue", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--dtypes", nargs="+", default=["float64", "float32"])
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the result")
    options = parser.parse_args()
    failure = first_failure(get_backend("dpnp"))
    if failure is not None:
        sys.stderr.write(f"dpnp cannot run here: {failure.detail}\n")
        return 1
    rows, memory = [], []
    for dtype in options.dtypes:
        rows += measure("published", SMALL, dtype, options.rounds, steps=40)
        rows += measure("wide", WIDE, dtype, options.rounds, steps=3)
        memory += measure_memory((WIDE[0][1], WIDE[1]), dtype, options.rounds)
    for row in (*rows, *memory):
        sys.stdout.write(f"{row}\n")
    settings = {
        "rounds": options.rounds,
        "threads": cores(),
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", "unset"),
    }
    versions = get_backend("dpnp").versions() | get_backend("numpy").versions()
    result = envelope(NAME, settings, versions, rows, []) | {"memory": memory}
    sys.stdout.write(f"written: {write(result, options.out)}\n")
    return 0


def measure(
    network: str, of: tuple[tuple[int, ...], int], dtype: str, rounds: int, *, steps: int
) -> list[dict[str, Any]]:
    """Measure both libraries in turn; in milliseconds a step.

    `products` are the step's matrix products alone, and `rest` is what a step takes beyond them.
    """
    (dims, m), names = of, ("numpy", "dpnp")
    devices = {name: choose_device(name) for name in names}
    runs: dict[tuple[str, str], Run] = {}
    for name, device in devices.items():
        runs[name, "step"] = _steps(dims, m, dtype, device)
        runs[name, "products"] = _products(dims, m, dtype, device)
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for run in runs.values():
        run(2)
    for _ in range(rounds):
        for key, run in runs.items():
            began = time.perf_counter()
            run(steps)
            times[key].append((time.perf_counter() - began) / steps * 1e3)
    rows: list[dict[str, Any]] = []
    for name in names:
        step, products = (times[name, what] for what in ("step", "products"))
        rest = [a - b for a, b in zip(step, products, strict=True)]
        found = {"step": step, "products": products, "rest": rest}
        row = {"network": network, "library": name, "dtype": dtype}
        rows.append(row | {f"{what}_ms": spread(values) for what, values in found.items()})
    theirs, ours = rows[0], rows[1]
    ours["step_beyond_ms"] = median(times["dpnp", "step"]) - median(times["numpy", "step"])
    ours["products_beyond_ms"] = median(times["dpnp", "products"]) - median(
        times["numpy", "products"]
    )
    return [theirs, ours]


def measure_memory(shape: tuple[int, int], dtype: str, rounds: int) -> list[dict[str, Any]]:
    """Measure a product of elements into new memory, and into memory that is there already."""
    rows = []
    for name in ("numpy", "dpnp"):
        device = choose_device(name)
        xp, host = device.backend.namespace(), np.random.RandomState(3).rand(*shape).astype(dtype)
        x, there = place(host, device), place(host, device)
        runs = {
            "new": _waiting(lambda n, x=x: x * x, device),
            "there": _waiting(lambda n, x=x, o=there, f=xp.multiply: f(x, x, out=o), device),
        }
        times: dict[str, list[float]] = {what: [] for what in runs}
        for what, run in (*runs.items(), *list(runs.items()) * rounds):
            began, faults = time.perf_counter(), _faults()
            run(1)
            times[what].append((time.perf_counter() - began) * 1e3)
            times.setdefault(f"{what} faults", []).append(_faults() - faults)
        row = {"shape": list(shape), "library": name, "dtype": dtype}
        for what in runs:
            row[f"{what}_ms"] = spread(times[what][1:])
            row[f"{what}_page_faults"] = median(times[f"{what} faults"][1:])
        rows.append(row)
    return rows


def _faults() -> int:
    """Count the pages that the process was given when it first wrote to them."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _steps(dims: tuple[int, ...], m: int, dtype: str, device: Device) -> Run:
    """Return the step in the span of the samples."""
    xp, stream = device.backend.namespace(), np.random.RandomState(1)
    start = {k: a.astype(dtype) for k, a in initialize_parameters_deep(dims, seed=1).items()}
    X = place(stream.uniform(0, 1, (dims[0], m)).astype(dtype), device)
    Y = place(stream.randint(0, 2, (1, m)), device)
    step = step_of(Settings(layers=dims[1:-1]), forms_for(len(dims) - 1, compressed=True))
    held, inputs = enter(step.forms, place(start, device), X, xp=xp)
    targets = step.head.targets(Y, dtype=X.dtype, xp=xp)
    batch, state = Batch(inputs, targets, ones_for(X, xp=xp), m), State(held, {})
    steps = device.backend.compile(OneByOne(Bound(step, xp)))
    return _waiting(lambda n: steps(state, batch, {}, n), device)


def _products(dims: tuple[int, ...], m: int, dtype: str, device: Device) -> Run:
    """Return the matrix products of such a step, of arrays as it has them, nothing between them."""
    stream = np.random.RandomState(2)

    def made(rows: int, columns: int) -> Array:
        return place(stream.rand(rows, columns).astype(dtype), device)

    pairs = [(made(dims[1], m), made(m, m))]
    for before, units in pairwise(dims[1:]):
        W, A, dZ = made(units, before + 1), made(before + 1, m), made(units, m)
        pairs += [(W, A), (dZ, A.T), (W[:, :-1].T, dZ)]

    def run(times: int) -> None:
        for _ in range(times):
            for A, B in pairs:
                A @ B

    return _waiting(run, device)


def _waiting(run: Callable[[int], object], device: Device) -> Run:
    """Return a function that returns when the device is done."""

    def until_done(times: int) -> None:
        run(times)
        device.backend.synchronize(device.name)

    return until_done


if __name__ == "__main__":
    raise SystemExit(main())
