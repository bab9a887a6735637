"""What runs take in this process, at most, beside what was foretold.

Usage: `python -m tests.memory.peaks DEVICE DTYPE KIND …`; prints JSON, a list of [kind, foretold,
of that for the library itself, peak]. Each kind makes another part of the sum in
`portable_dnn.training.run_memory` the largest, at sizes where the arrays are most of it. Arrays of
less than 32 MiB come from a heap that glibc does not always give back, so most are larger.
"""

import ctypes
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import forget_peak, peak, resident
from portable_dnn import initialize_parameters_deep
from portable_dnn.arrays.devices import Device, choose_device, place
from portable_dnn.arrays.holding import holding_of
from portable_dnn.checkpoints import writer
from portable_dnn.checkpoints.intervals import Every
from portable_dnn.cli import main as main_command
from portable_dnn.data import write_dataset
from portable_dnn.data.dataset import DataSet, ImageSet
from portable_dnn.equivalence import compare
from portable_dnn.equivalence.memory import comparison_bytes
from portable_dnn.models.model import Model, classify
from portable_dnn.network.pieces import piece_bytes, with_library
from portable_dnn.network.pixels import flatten_images
from portable_dnn.results.evaluation import evaluate
from portable_dnn.results.experiment import describe_run, planned, run
from portable_dnn.training.settings import Settings

RUNS: dict[str, tuple[int, int, dict[str, Any]]] = {
    # kind: pictures, their side, settings
    "input": (1500, 64, {"layers": (5,), "iterations": 2, "compress": "off"}),
    "float pictures": (1500, 64, {"layers": (5,), "iterations": 2, "compress": "off"}),
    "wide layer": (3, 54, {"layers": (1024,), "iterations": 6, "compress": "off"}),
    "deep": (3, 8, {"layers": (3000, 3000), "iterations": 6, "compress": "off"}),
    "units": (9000, 4, {"layers": (1000,), "iterations": 2, "compress": "off"}),
    "tanh": (
        15000,
        4,
        {"layers": (1000,), "iterations": 2, "compress": "off", "hidden": ("tanh",)},
    ),
    **{
        f"many layers, {name}": (
            10000,
            4,
            {"layers": (100,) * 30, "iterations": 8, "compress": "off", "hidden": (name,)},
        )
        for name in ("relu", "leaky_relu", "tanh", "sigmoid")
    },
    "narrow layers": (300000, 4, {"layers": (5,) * 30, "iterations": 3, "compress": "off"}),
    "span": (3000, 32, {"layers": (5,), "iterations": 2, "compress": "on"}),
    "span, wide layer": (3, 54, {"layers": (1024,), "iterations": 6, "compress": "on"}),
    "checkpoints": (3, 54, {"layers": (1024,), "iterations": 7, "compress": "off"}),
}
USES = ("predict", "evaluate")
SWEEP = "sweep"
COMPARISONS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "compare, input": (600, 32, (20, 7, 5)),
    "compare, wide layer": (20, 32, (300,)),
}
KINDS = (*RUNS, *USES, SWEEP, *COMPARISONS)


def main() -> None:
    """Measure what is named."""
    name, dtype, *kinds = sys.argv[1:]
    device = choose_device(name)
    own = with_library(0, holding_of(device))
    measured = ((kind, *_measured(kind, dtype, device)) for kind in kinds)
    found = [(kind, told, own, peak) for kind, told, peak in measured]
    sys.stdout.write(json.dumps(found))


def _measured(kind: str, dtype: str, device: Device) -> tuple[int, int]:
    """Return the bytes that were foretold, and those that it took."""
    if kind in RUNS:
        count, side, chosen = RUNS[kind]
        settings = Settings(**{**chosen, "dtype": dtype})
        data = _pictures(count, side, dtype, floats=kind == "float pictures")
        _use(_pictures(min(count, 1500), 8, dtype), settings, device)
        kept = kind == "checkpoints"
        _, size = planned(data, settings, device, checkpoints=kept)
        work = _with_checkpoints if kept else _run
        return size.bytes, _peak_of(lambda: work(data, settings, device))
    if kind in USES:
        _use(_pictures(1000, 8, dtype), Settings(layers=(20,), iterations=2, dtype=dtype), device)
        dims, part = (12288, 20, 1), _pictures(1000, 64, dtype).train
        assert part is not None
        start = place(initialize_parameters_deep(dims, dtype=dtype), device)
        model = Model(start, ("relu",), ("a", "b"), (64, 64, 3))
        use = classify if kind == "predict" else lambda images, model: evaluate(part, model)
        holding = holding_of(device)
        told = with_library(piece_bytes(dims, 1000, dtype, holding), holding)
        return told, _peak_of(lambda: use(part.images, model))
    if kind == SWEEP:
        return _swept(dtype, device)
    count, side, layers = COMPARISONS[kind]
    part = _pictures(count, side, dtype).train
    assert part is not None
    X, Y = flatten_images(part.images), part.labels.reshape(1, -1)
    settings = Settings(layers=layers, iterations=12, dtype=dtype)
    compiled = not holding_of(device).in_place
    told = comparison_bytes(settings.layer_dims(X.shape[0]), count, compiled=compiled)
    return told, _peak_of(lambda: compare(device, X, Y, settings=settings))


def _pictures(count: int, side: int, dtype: str, *, floats: bool = False) -> DataSet:
    """Make pictures: bytes, or floats of the other dtype."""
    images: Any = np.random.RandomState(3).randint(0, 256, (count, side, side, 3), np.uint8)
    if floats:
        images = (images / 255).astype("float32" if dtype == "float64" else "float64")
    return DataSet(ImageSet(images, np.arange(count) % 2), None, ("a", "b"), "made")


def _run(data: DataSet, settings: Settings, device: Device) -> None:
    """Train while somebody looks on now and then, for whom a state is kept."""
    run(data, settings, device, callback=lambda p: None, callback_seconds=60.0, stop_every=3)


def _use(data: DataSet, settings: Settings, device: Device) -> None:
    """Do the same with small pictures: what a library loads and compiles once is there after it."""
    assert data.train is not None
    evaluate(data.train, run(data, settings, device, stop_every=3).model)


def _swept(dtype: str, device: Device) -> tuple[int, int]:
    """Do three runs of the command, each better than the one before: of those the best is kept."""
    data = _pictures(3, 54, dtype)
    rates = (1e-4, 2e-4, 3e-4)
    grid = [Settings((1024,), learning_rate=r, iterations=6, dtype=dtype) for r in rates]
    told = max(planned(data, one, device, beside=grid)[1].bytes for one in grid)
    options = [option for rate in rates for option in ("--learning-rate", str(rate))]
    options += [
        "--layers",
        "1024",
        "--iterations",
        "6",
        "--dtype",
        dtype,
        "--device",
        str(device),
        "-q",
    ]

    def sweep(file: Path, count: int, side: int) -> None:
        write_dataset(_pictures(count, side, dtype), file)
        sys.argv[1:] = ["sweep", str(file), *options, "--out", str(file.with_suffix(".model.h5"))]
        with redirect_stdout(sys.stderr), suppress(SystemExit):
            main_command()

    with tempfile.TemporaryDirectory() as folder:
        sweep(Path(folder) / "small.h5", 3, 8)  # what is loaded and compiled once is there after it
        return told, _peak_of(lambda: sweep(Path(folder) / "data.h5", 3, 54))


def _with_checkpoints(data: DataSet, settings: Settings, device: Device) -> None:
    """Train with checkpoints, on a disk so slow that as many wait as may."""
    replace_bytes = writer.replace_bytes

    def slowly(path: Path, content: bytes | memoryview, temporary: Path) -> None:
        time.sleep(1.0)

    with tempfile.TemporaryDirectory() as folder:
        kept = writer.CheckpointWriter(
            Path(folder) / "m.h5",
            describe_run(data, settings, device),
            every=Every(iterations=1),
            iterations=settings.iterations,
            warn=sys.stderr.write,
        )
        writer.replace_bytes = slowly
        try:
            run(data, settings, device, callback=kept.look, stop_every=1)
            kept.finish()
        finally:
            writer.replace_bytes = replace_bytes


def _peak_of(work: Callable[[], object]) -> int:
    """Return how many bytes more than before a piece of work took."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = resident()
    if not forget_peak():
        raise SystemExit("the peak cannot be set back here")
    work()
    return peak() - before


if __name__ == "__main__":
    main()
