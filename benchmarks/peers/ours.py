"""portable_dnn on each registered backend: as it comes, and without its compression."""

import math
import time
from collections.abc import Callable
from functools import partial

from benchmarks.peers.peer import Outcome, Peer
from benchmarks.problem import Problem
from portable_dnn import choose_device, place, to_host, train
from portable_dnn.arrays.registry import backend_names, first_failure, get_backend
from portable_dnn.training.train import Progress

__all__ = ["PEERS", "peer_of", "prepare", "time_loop"]

# The pretend devices of array-api-strict check; they are not for computing.
_LEFT_OUT = ("strict",)
_DISTRIBUTIONS = {"numpy": ("numpy",), "torch": ("torch",), "jax": ("jax", "jaxlib")}


def prepare(problem: Problem, *, backend: str, compress: str) -> Callable[[], Outcome]:
    """Make the run; see `Peer`.

    Parameters
    ----------
    problem : Problem
        The run.
    backend : str
        A name of `registry.backend_names()`.
    compress : {"auto", "on", "off"}
        As for `portable_dnn.train`.
    """
    return lambda: _run(problem, backend, compress, None)


def time_loop(problem: Problem, *, backend: str, compress: str) -> Outcome:
    """Run with a watch on the iterations; parameters as for `prepare`."""
    stamps = []
    device = choose_device(backend)

    def watch(progress: Progress) -> None:
        if progress.iteration in (0, problem.iterations - 1):
            device.backend.synchronize(device.name)
            stamps.append(time.perf_counter())

    outcome = _run(problem, backend, compress, watch)
    loop_seconds = stamps[-1] - stamps[0]
    return Outcome(outcome.parameters, outcome.costs, loop_seconds, problem.iterations - 1)


def _run(
    problem: Problem,
    backend: str,
    compress: str,
    callback: Callable[[Progress], object] | None,
) -> Outcome:
    """Place the data, train, and bring the parameters back."""
    device = choose_device(backend)
    trained = train(
        place(problem.X, device),
        place(problem.Y, device),
        place(problem.parameters, device),
        learning_rate=problem.learning_rate,
        num_iterations=problem.iterations,
        record_every=problem.record_every,
        compress=compress,
        callback=callback,
        callback_seconds=math.inf,  # after recorded iterations and at the end
    )
    return Outcome(to_host(trained.parameters), trained.history.cost, None, 0)


def _needs(backend: str) -> str:
    """Say why a backend cannot run here."""
    failure = first_failure(get_backend(backend))
    return failure.detail if failure else ""


def peer_of(backend: str, compress: str) -> Peer:
    """Make the peer of a backend.

    Parameters
    ----------
    backend, compress
        As for `prepare`.

    Returns
    -------
    Peer
        "ours-numpy" as the library comes; "ours-numpy-off" (and "-on") with the choice taken away.
    """
    settings = {"backend": backend, "compress": compress}
    words = {"auto": "", "on": ", compressed", "off": ", not compressed"}
    return Peer(
        name=f"ours-{backend}" + ("" if compress == "auto" else f"-{compress}"),
        title=f"portable_dnn, {backend}{words[compress]}",
        prepare=partial(prepare, **settings),
        modules=("portable_dnn", backend, f"portable_dnn_{backend}"),
        distributions=("portable-dnn", *_DISTRIBUTIONS.get(backend, ())),
        openblas=backend == "numpy",
        inputs=("pictures",),
        needs=partial(_needs, backend),
        time_loop=partial(time_loop, **settings),
    )


PEERS = tuple(
    peer_of(backend, compress)
    for backend in backend_names()
    if backend not in _LEFT_OUT
    for compress in ("auto", "on", "off")
)
