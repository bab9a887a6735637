"""From which size CuPy's kernel for stretches of steps is slower than the operations one by one.

    python -m benchmarks.crossing

Needs a CUDA GPU. Times by the card's events; the kernel's limit on the size is lifted meanwhile.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.results import FOLDER, envelope, write
from portable_dnn import initialize_parameters_deep, place
from portable_dnn.arrays.registry import first_failure, get_backend
from portable_dnn.arrays.repeat import OneByOne
from portable_dnn.training.batches import Batch
from portable_dnn.training.layer_forms import enter, ones_for
from portable_dnn.training.settings import Settings
from portable_dnn.training.step import Bound, State, forms_for, step_of
from portable_dnn_cupy.kernel import layout
from portable_dnn_cupy.kernel.launch import with_kernel

NAME = "crossing"
# Units of the layers held in the span, and samples.
SIZES = (
    ((20, 7, 5, 1), 209),
    ((64, 16, 1), 209),
    ((256, 1), 209),
    ((20, 1), 1000),
    ((64, 16, 1), 1000),
    ((20, 7, 5, 1), 2000),
    ((1000, 1), 300),
    ((256, 64, 1), 500),
    ((256, 64, 1), 1000),
)
INPUTS = 64
STEPS = 20


def main() -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.crossing", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the result")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    options = parser.parse_args()
    backend = get_backend("cupy")
    failure = first_failure(backend)
    if failure is not None:
        sys.stderr.write(f"no usable CUDA GPU: {failure.detail}\n")
        return 1
    warnings.filterwarnings("error", "CuPy's kernel", RuntimeWarning)
    rows = []
    with patch.object(layout, "_WORK", 2**60):
        for dtype in options.dtypes:
            for units, samples in SIZES:
                rows.append(measure(units, samples, dtype))
                sys.stdout.write(f"{rows[-1]}\n")
    versions = backend.versions()
    settings = {"steps": STEPS, "inputs": INPUTS, "card": versions["card"]}
    sys.stdout.write(
        f"written: {write(envelope(NAME, settings, versions, rows, []), options.out)}\n"
    )
    return 0


def measure(units: tuple[int, ...], samples: int, dtype: str) -> dict[str, Any]:
    """Measure a step of a network both ways, in microseconds."""
    xp = get_backend("cupy").namespace()
    start = initialize_parameters_deep([INPUTS, *units], seed=1)
    placed = {name: place(array.astype(dtype), "cupy") for name, array in start.items()}
    stream = np.random.RandomState(1)
    X = place(stream.uniform(0, 1, (INPUTS, samples)).astype(dtype), "cupy")
    Y = place(stream.randint(0, 2, (units[-1], samples)), "cupy")
    # So small a rate that the numbers stay what they are.
    settings = Settings(layers=units[:-1], learning_rate=1e-6)
    step = step_of(settings, forms_for(len(units), compressed=True))
    held, inputs = enter(step.forms, placed, X, xp=xp)
    targets = step.head.targets(Y, dtype=X.dtype, xp=xp)
    batch = Batch(inputs, targets, ones_for(X, xp=xp), samples)
    state, one_by_one = State(held, {}), OneByOne(Bound(step, xp))
    kernel = with_kernel(one_by_one)
    deeper = sum(n * (before + 1) for before, n in pairwise(units))
    work = units[0] * samples**2 + 3 * samples * deeper
    return {
        "units": list(units),
        "samples": samples,
        "dtype": dtype,
        "multiply_adds": work,
        "operations_us": step_time(lambda times: one_by_one(state, batch, {}, times)),
        "kernel_us": step_time(lambda times: kernel(state, batch, {}, times)),
    }


def step_time(run: Callable[[int], object]) -> float:
    """Return the time of a step within a stretch, without what a launch costs."""
    run(1)
    short, long = (median(_elapsed(run, times) for _ in range(5)) for times in (1, 1 + STEPS))
    return round((long - short) / STEPS, 1)


def _elapsed(run: Callable[[int], object], times: int) -> float:
    """Time a stretch by the card's events."""
    import cupy

    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    cupy.cuda.Device().synchronize()
    begin.record()
    run(times)
    end.record()
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(begin, end)) * 1e3


if __name__ == "__main__":
    raise SystemExit(main())
