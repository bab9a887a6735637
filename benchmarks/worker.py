"""One measurement in a process of its own: `python -m benchmarks.worker --help`.

A process of its own has the threads and the BLAS kernels it was started with, its own peak of
memory, and nothing warmed up by somebody else. It writes one JSON object to standard output.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import forget_peak, peak, resident
from benchmarks.peers import PEERS, Outcome, Peer
from benchmarks.problem import (
    LAYERS,
    Arrays,
    Problem,
    compressed,
    final_cost,
    published,
    random_pictures,
)
from portable_dnn import choose_device, place
from portable_dnn.training.compression import choose
from portable_dnn.training.optimizers import GradientDescent

__all__ = ["main", "measure", "weights_error"]

CHECKED = 50
"""Float32 runs are judged by their cost after so many iterations, before any difference grows."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one peer.

    Parameters
    ----------
    arguments : sequence of str, optional
        Of the command line.

    Returns
    -------
    int
        Exit code.
    """
    options = _options(arguments)
    peer = PEERS[options.peer]
    reason = peer.available()
    if reason:
        sys.stderr.write(reason)
        return 1
    peer.load()
    json.dump(measure(peer, options), sys.stdout)
    return 0


def measure(peer: Peer, options: argparse.Namespace) -> dict[str, Any]:
    """Measure a loaded peer.

    Parameters
    ----------
    peer : Peer
        Loaded.
    options : argparse.Namespace
        Of the command line.

    Returns
    -------
    dict
        Seconds, costs, bytes and versions.
    """
    clean = forget_peak()
    held = resident()
    if options.samples:
        layers = tuple(int(units) for units in options.layers.split("-"))
        problem = random_pictures(options.samples, layers, options.dtype, options.iterations)
    else:
        problem = published(options.dtype, options.iterations)
    if options.loop_only and peer.time_loop:
        began = time.perf_counter()
        outcome = peer.time_loop(problem)
    else:
        run = prepare(peer, problem, options.input)
        began = time.perf_counter()
        outcome = run()
    seconds = time.perf_counter() - began
    whole = time.time() - options.began if options.began else None
    most = peak() - held
    result = {
        "seconds": seconds,
        "whole_process_seconds": whole,
        "peak_bytes": most,
        "peak_without_imports": clean,
        "x_bytes": problem.X.nbytes,
        "m": problem.X.shape[1],
        "source": problem.source,
        "versions": peer.versions(),
        "costs": outcome.costs,
        "final_cost": final_cost(problem, outcome.parameters),
    }
    if options.save:
        np.savez(options.save, **outcome.parameters)
    if options.reference:
        with np.load(options.reference) as reference:
            result["weights_error"] = weights_error(outcome.parameters, reference)
    if not options.samples:
        short = replace(problem, iterations=min(CHECKED, problem.iterations))
        result["early_cost"] = final_cost(short, prepare(peer, short, options.input)().parameters)
    return result | _loop(peer, problem, outcome, seconds) | _choice(peer, problem)


def _loop(peer: Peer, problem: Problem, outcome: Outcome, seconds: float) -> dict[str, float]:
    """Time an iteration without set-up, in a second run where the first could not tell."""
    if outcome.loop_seconds is None and peer.time_loop:
        outcome = peer.time_loop(replace(problem, iterations=min(500, problem.iterations)))
    if outcome.loop_seconds is None or outcome.loop_iterations < 1:
        return {}
    a_step = outcome.loop_seconds / outcome.loop_iterations
    return {"step_seconds": a_step, "set_up_seconds": seconds - a_step * problem.iterations}


def _choice(peer: Peer, problem: Problem) -> dict[str, bool]:
    """Tell whether the library would compress a published run's 2500 iterations of this size."""
    if not peer.name.startswith("ours-"):
        return {}
    device = choose_device(peer.name.split("-")[1])
    X, parameters = place(problem.X, device), place(problem.parameters, device)
    return {"would_compress": choose("auto", GradientDescent(0.0075), X, parameters, 2500, device)}


def prepare(peer: Peer, problem: Problem, kind: str) -> Any:
    """Make a peer's run on the pictures, or on the compressed input, with the way in and out.

    Parameters
    ----------
    peer : Peer
        Loaded.
    problem : Problem
        The run.
    kind : {"pictures", "compressed"}
        What the peer is given.

    Returns
    -------
    callable
        Without arguments; returns an `Outcome`.
    """
    if kind == "pictures":
        return peer.prepare(problem)

    def run() -> Outcome:
        inner = compressed(problem)
        outcome = peer.prepare(inner.problem)()
        return replace(outcome, parameters=inner.parameters_of(outcome.parameters))

    return run


def weights_error(parameters: Arrays, reference: Any) -> float:
    """Compare trained weights with the reference's.

    Parameters
    ----------
    parameters, reference : mapping of str to ndarray
        `W1, b1 … WL, bL`.

    Returns
    -------
    float
        The largest difference, each array's as a share of its own largest entry.
    """
    return max(
        float(
            np.max(np.abs(array - reference[name])) / max(np.max(np.abs(reference[name])), 1e-300)
        )
        for name, array in parameters.items()
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.worker", description=__doc__)
    parser.add_argument("--peer", choices=tuple(PEERS), required=True)
    parser.add_argument("--input", choices=("pictures", "compressed"), default="pictures")
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64")
    parser.add_argument("--iterations", type=int, default=2500)
    parser.add_argument("--samples", type=int, default=0, help="so many random pictures")
    parser.add_argument("--layers", default="-".join(map(str, LAYERS)))
    parser.add_argument("--loop-only", action="store_true", help="watch the iterations")
    parser.add_argument("--began", type=float, default=0.0, help="when the process was started")
    parser.add_argument("--save", type=Path, help="write the trained weights (npz)")
    parser.add_argument("--reference", type=Path, help="weights to compare with (npz)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
