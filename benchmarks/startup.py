"""What a start costs: `python -m benchmarks.startup --help`.

Whole processes, in turn, medians; files are in the system's cache, so "cold" means a new process.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.problem import data_files
from benchmarks.results import FOLDER, envelope, spread, write
from benchmarks.tables import print_table, startup_tables, terminal
from portable_dnn.arrays.registry import get_backend
from portable_dnn.arrays.versions import versions

__all__ = ["add_options", "commands", "main", "run"]

NAME = "startup"
BASE = "numpy"
ROOT = Path(__file__).resolve().parents[1]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--iterations", type=int, default=2500, help="of the training run")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.startup", description=__doc__)
    add_options(parser)
    run(parser.parse_args(arguments))
    return 0


def commands(iterations: int, scratch: Path) -> dict[str, tuple[str, list[str]]]:
    """List the commands by name, each with its title and arguments of Python.

    Parameters
    ----------
    iterations : int
        Of the training run.
    scratch : Path
        A folder for the model.

    Returns
    -------
    dict of str to (title, arguments)
    """
    files = data_files()
    data = [str(files[0]), "--test", str(files[1])] if files else []
    what = "on the course's pictures" if files else "on the built-in pictures, drawn first"
    train = ["-m", "portable_dnn", "train", *data, "--device", "cpu"]
    train += ["--iterations", str(iterations)]
    return {
        "python": ("Python alone", ["-c", "pass"]),
        BASE: ("import numpy", ["-c", "import numpy"]),
        "import": ("import portable_dnn", ["-c", "import portable_dnn"]),
        "help": ("portable-dnn --help", ["-m", "portable_dnn", "--help"]),
        "train": (f"portable-dnn train {what}", train),
        "train-save": (
            "the same with --out",
            [*train, "--out", str(scratch / "model.h5")],
        ),
    }


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure and print; return the result as it was written."""
    console = terminal()
    with tempfile.TemporaryDirectory() as folder:
        listed = commands(options.iterations, Path(folder))
        times: dict[str, list[float]] = {name: [] for name in listed}
        for number in range(-1, options.rounds):
            for name, (_, arguments) in listed.items():
                seconds = _time(arguments)
                if number >= 0:  # the first round only fills caches
                    times[name].append(seconds)
    result = envelope(
        NAME,
        {
            "rounds": options.rounds,
            "iterations": options.iterations,
            "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE", "unset"),
        },
        versions(get_backend("numpy")),
        _rows(listed, times),
    )
    for title, table in startup_tables(result):
        print_table(console, title, table)
    console.print(f"written: {write(result, options.out)}")
    return result


def _rows(
    listed: Mapping[str, tuple[str, list[str]]], times: Mapping[str, Sequence[float]]
) -> list[dict[str, Any]]:
    """Summarize; the share beyond Python and NumPy is formed round by round."""
    return [
        {
            "command": name,
            "title": title,
            "seconds": spread(times[name]),
            "beyond": spread([a - b for a, b in zip(times[name], times[BASE], strict=True)]),
        }
        for name, (title, _) in listed.items()
    ]


def _time(arguments: Sequence[str]) -> float:
    """Return the seconds from before the start of a process to after its end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
