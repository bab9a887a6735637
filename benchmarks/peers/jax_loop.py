"""JAX with the whole training run in one jit."""

import time
from collections.abc import Callable
from typing import Any

from benchmarks.peers.jax_step import keep_64_bits, make_step, to_host, to_jax
from benchmarks.peers.peer import Outcome, Peer
from benchmarks.problem import Problem

__all__ = ["PEER", "prepare"]


def prepare(problem: Problem) -> Callable[[], Outcome]:
    """Make the run; see `Peer`."""
    import jax

    keep_64_bits(problem)

    def run() -> Outcome:
        X, Y, parameters = to_jax(problem)
        step = make_step(problem)

        def train(parameters: Any, X: Any, Y: Any) -> Any:
            def body(carry: Any, _: None) -> Any:
                cost, after = step(carry, X, Y)
                return after, cost

            return jax.lax.scan(body, parameters, length=problem.iterations)

        compiled = jax.jit(train).lower(parameters, X, Y).compile()
        loop_began = time.perf_counter()
        trained, costs = jax.block_until_ready(compiled(parameters, X, Y))
        loop_seconds = time.perf_counter() - loop_began
        recorded = [float(cost) for cost in costs[:: problem.record_every]]
        return Outcome(to_host(trained), recorded, loop_seconds, problem.iterations)

    return run


PEER = Peer(
    "jax-loop", "JAX, whole loop in a jit", prepare, ("jax", "jax.numpy"), ("jax", "jaxlib")
)
