"""The course's NumPy program, as the course writes it.

The derivative by the output is a quotient, the derivative by X is computed and thrown away, and the
cost is computed from the probabilities in every iteration.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.peer import Outcome, Peer
from benchmarks.problem import Arrays, Problem

__all__ = ["PEER", "prepare", "train"]

Array = NDArray[Any]
LinearCache = tuple[Array, Array, Array]


def _sigmoid(Z: Array) -> Array:
    return 1 / (1 + np.exp(-Z))


def _forward(X: Array, parameters: Arrays) -> tuple[Array, list[tuple[LinearCache, Array]]]:
    """The probabilities and `((A_prev, W, b), Z)` of each layer."""
    A, caches, L = X, [], len(parameters) // 2
    for layer in range(1, L + 1):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        Z = np.dot(W, A) + b
        caches.append(((A, W, b), Z))
        A = _sigmoid(Z) if layer == L else np.maximum(0, Z)
    return A, caches


def _cost(AL: Array, Y: Array) -> Array:
    m = Y.shape[1]
    cost = (1.0 / m) * (-np.dot(Y, np.log(AL).T) - np.dot(1 - Y, np.log(1 - AL).T))
    return np.squeeze(cost)


def _backward(
    AL: Array, Y: Array, caches: list[tuple[LinearCache, Array]], input_gradient: bool
) -> Arrays:
    """Gradients; `dA0`, which nobody uses, only if asked for."""
    L, grads = len(caches), {}
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    for layer in range(L, 0, -1):
        (A_prev, W, _), Z = caches[layer - 1]
        m = A_prev.shape[1]
        if layer == L:
            s = _sigmoid(Z)
            dZ = dA * s * (1 - s)
        else:
            dZ = np.array(dA, copy=True)
            dZ[Z <= 0] = 0
        grads[f"dW{layer}"] = 1.0 / m * np.dot(dZ, A_prev.T)
        grads[f"db{layer}"] = 1.0 / m * np.sum(dZ, axis=1, keepdims=True)
        if layer > 1 or input_gradient:
            dA = np.dot(W.T, dZ)
            grads[f"dA{layer - 1}"] = dA
    return grads


def train(problem: Problem, *, input_gradient: bool) -> Outcome:
    """Train as the course's `L_layer_model` does.

    Parameters
    ----------
    problem : Problem
        The run.
    input_gradient : bool
        Whether to compute the derivative by X, as the course does.

    Returns
    -------
    Outcome
    """
    X, Y, parameters = problem.X, problem.Y, dict(problem.parameters)
    costs, loop_began = [], 0.0
    for i in range(problem.iterations):
        AL, caches = _forward(X, parameters)
        cost = _cost(AL, Y)
        grads = _backward(AL, Y, caches, input_gradient)
        for name in parameters:
            parameters[name] = parameters[name] - problem.learning_rate * grads[f"d{name}"]
        if i % problem.record_every == 0:
            costs.append(float(cost))
        if i == 0:
            loop_began = time.perf_counter()
    return Outcome(parameters, costs, time.perf_counter() - loop_began, problem.iterations - 1)


def prepare(problem: Problem) -> Callable[[], Outcome]:
    """Make the run; see `Peer`."""
    return lambda: train(problem, input_gradient=True)


PEER = Peer("course", "the course's program", prepare, ("numpy",), ("numpy",), openblas=True)
