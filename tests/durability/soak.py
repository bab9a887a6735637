"""The soak: `python -m tests.durability.soak`, or `nox -s soak`.

A small network for 10^6 iterations, with checkpoints: memory, open files and time per iteration
over the run; the same seed twice; one and two BLAS threads. Prints JSON; ends with 1 if memory
grows by more than 5 MB after the first tenth, the 9000 records that come to the history meanwhile
among it; if files stay open, the second half is slower than the first by more than the machine's
own scatter, or the same seed gives other bits.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from benchmarks.machine import describe
from portable_dnn.arrays.devices import choose_device, to_host
from portable_dnn.checkpoints.intervals import Every
from portable_dnn.checkpoints.writer import CheckpointWriter
from portable_dnn.data import read_dataset
from portable_dnn.network.initializers import parameters_hash
from portable_dnn.results.experiment import describe_run, run
from portable_dnn.training.history import History
from portable_dnn.training.settings import Settings
from portable_dnn.training.train import Progress
from tests.durability.harness import make_data
from tests.durability.processes import ROOT, environment

POINTS = 100
ALLOWED_BYTES = 5_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.durability.soak", description=__doc__)
    parser.add_argument("--iterations", type=int, default=1_000_000)
    parser.add_argument("--worker", metavar="FOLDER", help="one run; the parent starts these")
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(_soak(Path(options.worker), options.iterations)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        make_data(Path(folder) / "data.h5")
        runs = {
            name: _start(Path(folder), options.iterations, threads)
            for name, threads in (("first", 1), ("second", 1), ("two threads", 2))
        }
    first, second, threads = runs.values()
    found = {
        "runs": {name: {k: v for k, v in r.items() if k != "hash"} for name, r in runs.items()},
        "same seed, same bits": first["hash"] == second["hash"],
        "two BLAS threads, same bits": first["hash"] == threads["hash"],
        "machine": describe(),
    }
    print(json.dumps(found, indent=1))
    good = found["same seed, same bits"] and all(_good(result) for result in (first, second))
    return 0 if good else 1


def _good(result: dict[str, Any]) -> bool:
    """Judge one run."""
    return (
        result["memory grown, bytes"] <= ALLOWED_BYTES
        and result["files opened"] == 0
        and abs(result["drift"]) <= result["scatter"]
    )


def _start(folder: Path, iterations: int, threads: int) -> dict[str, Any]:
    """Run in a process of its own."""
    command = [sys.executable, "-m", "tests.durability.soak", "--worker", str(folder)]
    done = subprocess.run(
        [*command, "--iterations", str(iterations)],
        cwd=ROOT,
        env=environment(threads),
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _soak(folder: Path, iterations: int) -> dict[str, Any]:
    """Train, looking at the process 100 times."""
    data = read_dataset(folder / "data.h5", None)
    settings = Settings(layers=(5, 3), iterations=iterations, learning_rate=0.001)
    device, process = choose_device("cpu"), psutil.Process()
    described = describe_run(data, settings, device)
    writer = CheckpointWriter(
        folder / "m.h5",
        described,
        every=Every(iterations=iterations // POINTS),
        iterations=iterations,
        warn=_fail,
    )
    memory, files, clock = [], [], []

    def look(progress: Progress) -> None:
        writer.look(progress)
        if (progress.iteration + 1) % (iterations // POINTS) == 0:
            memory.append(process.memory_info().rss)
            files.append(process.num_fds() if hasattr(process, "num_fds") else 0)
            clock.append(time.process_time())

    done = run(
        data,
        settings,
        device,
        callback=look,
        callback_seconds=60.0,
        stop_every=iterations // POINTS,
        described=described,
    )
    writer.finish()
    warm = POINTS // 10
    spans = np.diff(clock)[warm:]
    half = len(spans) // 2
    return {
        "hash": parameters_hash(to_host(done.model.parameters)),
        "final cost": done.history.final_cost,
        "memory after a tenth, bytes": memory[warm],
        "memory grown, bytes": max(memory[warm:]) - memory[warm],
        "of which history, bytes": round(_bytes(done.history) * (1 - warm / POINTS)),
        # The one that is being written may be among them.
        "files opened": min(files[-warm:]) - min(files[warm : 2 * warm]),
        "microseconds an iteration": 1e6 * median(spans) / (iterations // POINTS),
        # CPU time, medians: the second half against the first, and how far the spans scatter.
        "drift": float(np.median(spans[half:]) / np.median(spans[:half]) - 1.0),
        "scatter": float(np.std(spans) / np.mean(spans)),
    }


def _bytes(history: History) -> int:
    """Return the size of a history's records."""
    lists = (history.iteration, history.cost, history.dead_share)
    # Records share what is equal.
    parts = {id(value): value for values in lists for value in values}
    size = sum(map(sys.getsizeof, (*lists, *parts.values())))
    return size + sys.getsizeof(history.gradient_norm._values)


def _fail(sentence: str) -> None:
    raise RuntimeError(sentence)


if __name__ == "__main__":
    raise SystemExit(main())
