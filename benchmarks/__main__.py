"""All benchmarks of this machine: `python -m benchmarks`, from a checkout.

Writes benchmarks/results/NAME.json and .png, and puts the tables into docs/performance.md. Each
benchmark also runs alone, with options of its own: `python -m benchmarks.published --help`.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import checkpoints, docs, floor, gpu, growth, published, startup
from benchmarks.results import FOLDER
from portable_dnn.arrays.registry import first_failure, get_backend

__all__ = ["main"]

Parts = dict[
    str,
    tuple[
        Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], dict[str, Any]]
    ],
]
PARTS: Parts = {
    "startup": (startup.add_options, startup.run),
    "floor": (floor.add_options, floor.run),
    "published": (published.add_options, published.run),
    "growth": (growth.add_options, growth.run),
    "checkpoints": (checkpoints.add_options, checkpoints.measure),
    "gpu": (gpu.add_options, gpu.run),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that can run here; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--rounds", type=int, help="of each benchmark, instead of its own number")
    parser.add_argument("--iterations", type=int, help="of each run, for a trial")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the results")
    parser.add_argument("--docs-only", action="store_true", help="put the results into the page")
    options = parser.parse_args(arguments)
    if not options.docs_only:
        for name in options.only:
            _run(name, options)
    # A trial elsewhere leaves the page alone.
    if options.out.resolve() == FOLDER:
        docs.update()
    return 0


def _run(name: str, options: argparse.Namespace) -> None:
    """Run one benchmark with its own defaults but for what was given."""
    if name == "gpu" and (failure := first_failure(get_backend("cupy"))):
        Console().print(f"gpu is not run: {failure.detail}")
        return
    add_options, run = PARTS[name]
    parser = argparse.ArgumentParser()
    add_options(parser)
    own = parser.parse_args([])
    for key in ("rounds", "iterations", "out"):
        if getattr(options, key) is not None:
            setattr(own, key, getattr(options, key))
    run(own)


if __name__ == "__main__":
    raise SystemExit(main())
