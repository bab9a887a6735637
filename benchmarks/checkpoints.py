"""What checkpoints cost beside the published run: `python -m benchmarks.checkpoints --help`.

Side by side in one process, in turn, every other round backwards; ratios are formed within a round.
A run is placing, training and evaluating; what is still to be written is waited for afterwards.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.problem import data_files
from benchmarks.results import FOLDER, envelope, spread, write
from benchmarks.tables import checkpoint_tables, print_table, terminal
from portable_dnn.arrays.devices import choose_device
from portable_dnn.arrays.registry import get_backend
from portable_dnn.arrays.versions import versions
from portable_dnn.checkpoints.intervals import Every
from portable_dnn.checkpoints.writer import CheckpointWriter
from portable_dnn.data import builtin_dataset, read_dataset
from portable_dnn.data.dataset import DataSet
from portable_dnn.files.atomic import replace_bytes
from portable_dnn.results.experiment import describe_run, draw_start, run
from portable_dnn.training.settings import Settings

__all__ = ["add_options", "main", "measure"]

NAME = "checkpoints"
BASE = "without"
SHARED_MEMORY = Path("/dev/shm")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--iterations", type=int, default=2500)
    parser.add_argument("--every", type=int, default=100, help="iterations between checkpoints")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; else a temporary one")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.checkpoints", description=__doc__)
    add_options(parser)
    measure(parser.parse_args(arguments))
    return 0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure and print; return the result as it was written."""
    console = terminal()
    files = data_files()
    data = read_dataset(*files) if files else builtin_dataset()
    settings = Settings(iterations=options.iterations)
    with tempfile.TemporaryDirectory(dir=options.folder) as disk:
        places: dict[str, Path | None] = {BASE: None, "disk": Path(disk)}
        with tempfile.TemporaryDirectory(
            dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else disk
        ) as memory:
            if SHARED_MEMORY.is_dir():
                places["memory"] = Path(memory)
            samples: dict[str, list[dict[str, float]]] = {name: [] for name in places}
            for number in range(-1, options.rounds):
                order = list(places) if number % 2 else list(places)[::-1]
                for name in order:
                    sample = _run(data, settings, options.every, places[name])
                    if number >= 0:  # the first round only fills caches
                        samples[name].append(sample)
            flushes = {name: _flush(folder) for name, folder in places.items() if folder}
    result = envelope(
        NAME,
        {
            "rounds": options.rounds,
            "iterations": options.iterations,
            "every": options.every,
            "source": "the course's pictures" if files else "the built-in pictures",
            "threads": os.environ.get("OPENBLAS_NUM_THREADS", "unset"),
        },
        versions(get_backend("numpy")),
        [_row(name, runs, samples[BASE], flushes.get(name)) for name, runs in samples.items()],
    )
    for title, table in checkpoint_tables(result):
        print_table(console, title, table)
    console.print(f"written: {write(result, options.out)}")
    return result


def _run(data: DataSet, settings: Settings, every: int, folder: Path | None) -> dict[str, float]:
    """Run once, with checkpoints in a folder or without."""
    device = choose_device("cpu")
    start = draw_start(data, settings)
    before = _clocks()
    if folder is None:
        run(data, settings, device, start=start)
        return {**_since(before), "waited": 0.0, "written": 0.0}
    described = describe_run(data, settings, device)
    written: list[object] = []
    writer = CheckpointWriter(
        folder / "model.h5",
        described,
        every=Every(iterations=every),
        iterations=settings.iterations,
        warn=_fail,
        written=written.append,
    )
    run(
        data,
        settings,
        device,
        start=start,
        callback=writer.look,
        callback_seconds=60.0,
        stop_every=every,
        described=described,
    )
    sample = _since(before)
    began = _clocks()
    writer.finish()
    rest = _since(began)
    sample["cpu_seconds"] += rest["cpu_seconds"]
    return {**sample, "waited": rest["seconds"], "written": float(len(written))}


def _fail(sentence: str) -> None:
    """Measure nothing where checkpoints cannot be written."""
    raise RuntimeError(sentence)


def _clocks() -> tuple[float, float]:
    """Read the wall's clock and that of this process's threads together."""
    return time.perf_counter(), time.process_time()


def _since(before: tuple[float, float]) -> dict[str, float]:
    """Return what has passed on both."""
    wall, work = _clocks()
    return {"seconds": wall - before[0], "cpu_seconds": work - before[1]}


def _flush(folder: Path) -> float:
    """Return the median seconds to put 84 KB safely into a folder."""
    content = os.urandom(84_000)

    def write_once() -> float:
        began = time.perf_counter()
        replace_bytes(folder / "probe", content, folder / ".probe")
        return time.perf_counter() - began

    return spread([write_once() for _ in range(41)])["median"]


def _row(
    name: str,
    runs: Sequence[dict[str, float]],
    base: Sequence[dict[str, float]],
    flush: float | None,
) -> dict[str, Any]:
    """Summarize a place; ratios are formed round by round."""

    def ratios(key: str) -> dict[str, float]:
        return spread([a[key] / b[key] for a, b in zip(runs, base, strict=True)])

    def pick(key: str) -> dict[str, float]:
        return spread([run[key] for run in runs])

    return {
        "place": name,
        "seconds": pick("seconds"),
        "cpu_seconds": pick("cpu_seconds"),
        "waited": pick("waited"),
        "written": pick("written"),
        "ratio": ratios("seconds"),
        "cpu_ratio": ratios("cpu_seconds"),
        "write_seconds": flush,
    }


if __name__ == "__main__":
    raise SystemExit(main())
