"""dpnp beside NumPy on one processor: a step, its products alone, and what a call costs.

    python -m benchmarks.queue

Needs dpnp and a device; see docs/backends.md. A device is given work by calls that return before
it is done, so every time ends with a wait for the device. All take turns in one process.
"""

import argparse
import os
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
    rows = []
    for dtype in options.dtypes:
        rows += measure("published", SMALL, dtype, options.rounds, steps=40)
        rows += measure("wide", WIDE, dtype, options.rounds, steps=3)
    for row in rows:
        sys.stdout.write(f"{row}\n")
    settings = {
        "rounds": options.rounds,
        "threads": cores(),
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", "unset"),
    }
    versions = get_backend("dpnp").versions() | get_backend("numpy").versions()
    result = envelope(NAME, settings, versions, rows, [])
    sys.stdout.write(f"written: {write(result, options.out)}\n")
    return 0


def measure(
    network: str, of: tuple[tuple[int, ...], int], dtype: str, rounds: int, *, steps: int
) -> list[dict[str, Any]]:
    """Measure both libraries in turn; in milliseconds a step.

    `plain` is the step without the backend's `compile`, `products` its matrix products alone, and
    `rest` what a step takes beyond them.
    """
    (dims, m), names = of, ("numpy", "dpnp")
    devices = {name: choose_device(name) for name in names}
    runs: dict[tuple[str, str], Run] = {}
    for name, device in devices.items():
        runs[name, "step"], runs[name, "plain"] = _steps(dims, m, dtype, device)
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
        step, plain, products = (times[name, what] for what in ("step", "plain", "products"))
        rest = [a - b for a, b in zip(step, products, strict=True)]
        found = {"step": step, "plain": plain, "products": products, "rest": rest}
        row = {"network": network, "library": name, "dtype": dtype}
        rows.append(row | {f"{what}_ms": spread(values) for what, values in found.items()})
    theirs, ours = rows[0], rows[1]
    ours["step_beyond_ms"] = median(times["dpnp", "step"]) - median(times["numpy", "step"])
    ours["products_beyond_ms"] = median(times["dpnp", "products"]) - median(
        times["numpy", "products"]
    )
    return [theirs, ours]


def _steps(dims: tuple[int, ...], m: int, dtype: str, device: Device) -> tuple[Run, Run]:
    """Return the step in the span of the samples, as the backend compiles it and as it is."""
    xp, stream = device.backend.namespace(), np.random.RandomState(1)
    start = {k: a.astype(dtype) for k, a in initialize_parameters_deep(dims, seed=1).items()}
    X = place(stream.uniform(0, 1, (dims[0], m)).astype(dtype), device)
    Y = place(stream.randint(0, 2, (1, m)), device)
    step = step_of(Settings(layers=dims[1:-1]), forms_for(len(dims) - 1, compressed=True))
    held, inputs = enter(step.forms, place(start, device), X, xp=xp)
    targets = step.head.targets(Y, dtype=X.dtype, xp=xp)
    batch, state = Batch(inputs, targets, ones_for(X, xp=xp), m), State(held, {})
    plain = OneByOne(Bound(step, xp))
    compiled = device.backend.compile(plain)
    return tuple(_waiting(lambda n, f=f: f(state, batch, {}, n), device) for f in (compiled, plain))


def _products(dims: tuple[int, ...], m: int, dtype: str, device: Device) -> Run:
    """Return the matrix products of such a step, with nothing between them."""
    shapes = [((dims[1], m), (m, m))]
    for before, units in pairwise(dims[1:]):
        shapes += [
            ((units, before + 1), (before + 1, m)),
            ((units, m), (m, before + 1)),
            ((before, units), (units, m)),
        ]
    stream = np.random.RandomState(2)
    pairs = [[place(stream.rand(*s).astype(dtype), device) for s in both] for both in shapes]

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
