"""JAX with one iteration in a jit: value_and_grad and the update."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.peer import Outcome, Peer
from benchmarks.problem import Arrays, Problem

__all__ = ["PEER", "keep_64_bits", "make_step", "prepare", "to_host", "to_jax"]


def keep_64_bits(problem: Problem) -> None:
    """Switch JAX's 64-bit numbers on where the run needs them; float32 runs as JAX comes.

    Parameters
    ----------
    problem : Problem
        The run.
    """
    import jax

    if problem.dtype == "float64":
        jax.config.update("jax_enable_x64", True)


def to_jax(problem: Problem) -> tuple[Any, Any, Any]:
    """Give JAX the run.

    Parameters
    ----------
    problem : Problem
        The run.

    Returns
    -------
    X, Y : jax.Array
        Samples in rows.
    parameters : list of (W, b)
        A pair a layer.
    """
    import jax.numpy as jnp

    start = problem.parameters
    parameters = [
        (jnp.asarray(start[f"W{layer}"]), jnp.asarray(start[f"b{layer}"].ravel()))
        for layer in range(1, problem.layers + 1)
    ]
    return jnp.asarray(problem.X.T), jnp.asarray(problem.Y.T), parameters


def to_host(parameters: Any) -> Arrays:
    """Bring `[(W, b), …]` back to `W1, b1 … WL, bL`.

    Parameters
    ----------
    parameters : list of (W, b)
        As `to_jax` makes them.

    Returns
    -------
    dict of str to ndarray
    """
    found = {}
    for layer, (W, b) in enumerate(parameters, start=1):
        found[f"W{layer}"], found[f"b{layer}"] = np.asarray(W), np.asarray(b).reshape(-1, 1)
    return found


def make_step(problem: Problem) -> Callable[[Any, Any, Any], Any]:
    """Write one iteration, to be compiled.

    Parameters
    ----------
    problem : Problem
        Gives the learning rate.

    Returns
    -------
    callable
        `(parameters, X, Y) -> (cost, parameters)`.
    """
    import jax
    import jax.numpy as jnp

    def loss_of(parameters: Any, X: Any, Y: Any) -> Any:
        A = X
        for W, b in parameters[:-1]:
            A = jax.nn.relu(A @ W.T + b)
        W, b = parameters[-1]
        Z = A @ W.T + b
        return jnp.mean(jax.nn.softplus(Z) - Y * Z)

    def step(parameters: Any, X: Any, Y: Any) -> Any:
        cost, grads = jax.value_and_grad(loss_of)(parameters, X, Y)
        rate = problem.learning_rate
        return cost, jax.tree.map(lambda p, g: p - rate * g, parameters, grads)

    return step


def prepare(problem: Problem) -> Callable[[], Outcome]:
    """Make the run; see `Peer`."""
    import jax

    keep_64_bits(problem)

    def run() -> Outcome:
        X, Y, parameters = to_jax(problem)
        step = jax.jit(make_step(problem))
        costs, loop_began = [], 0.0
        for i in range(problem.iterations):
            cost, parameters = step(parameters, X, Y)
            if i % problem.record_every == 0:
                costs.append(float(cost))
            if i == 0:
                jax.block_until_ready(parameters)
                loop_began = time.perf_counter()
        jax.block_until_ready(parameters)
        loop_seconds = time.perf_counter() - loop_began
        return Outcome(to_host(parameters), costs, loop_seconds, problem.iterations - 1)

    return run


PEER = Peer("jax-step", "JAX, step in a jit", prepare, ("jax", "jax.numpy"), ("jax", "jaxlib"))
