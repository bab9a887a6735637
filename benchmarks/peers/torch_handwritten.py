"""PyTorch's products with forward, backward and update written by hand, nothing in excess."""

import time
from collections.abc import Callable
from typing import Any

from benchmarks.peers.peer import Outcome, Peer
from benchmarks.problem import Problem

__all__ = ["PEER", "prepare"]


def prepare(problem: Problem) -> Callable[[], Outcome]:
    """Make the run; see `Peer`."""
    return lambda: _train(problem)


def _train(problem: Problem) -> Outcome:
    """Train without automatic differentiation."""
    import torch

    with torch.no_grad():
        X, Y = torch.from_numpy(problem.X.T), torch.from_numpy(problem.Y.T)
        start, L = problem.parameters, problem.layers
        weights = [torch.from_numpy(start[f"W{i}"].copy()) for i in range(1, L + 1)]
        biases = [torch.from_numpy(start[f"b{i}"].ravel().copy()) for i in range(1, L + 1)]
        costs, loop_began = [], 0.0
        for i in range(problem.iterations):
            cost = _step(X, Y, weights, biases, problem.learning_rate, i % problem.record_every)
            if cost is not None:
                costs.append(cost)
            if i == 0:
                loop_began = time.perf_counter()
        loop_seconds = time.perf_counter() - loop_began
    parameters = {}
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True), start=1):
        parameters[f"W{layer}"], parameters[f"b{layer}"] = W.numpy(), b.numpy().reshape(-1, 1)
    return Outcome(parameters, costs, loop_seconds, problem.iterations - 1)


def _step(
    X: Any, Y: Any, weights: list[Any], biases: list[Any], rate: float, unrecorded: int
) -> float | None:
    """Update the weights in place; return the cost if it is to be recorded."""
    import torch

    outputs, A = [X], X
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        A = torch.addmm(b, A, W.T).relu_()
        outputs.append(A)
    Z = torch.addmm(biases[-1], A, weights[-1].T)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    cost = None if unrecorded else loss(Z, Y).item()
    dZ = (torch.sigmoid(Z) - Y).mul_(rate / len(X))
    for layer in range(len(weights) - 1, -1, -1):
        A_prev, W = outputs[layer], weights[layer]
        dA = dZ @ W if layer else None
        W.sub_(dZ.T @ A_prev)
        biases[layer].sub_(dZ.sum(0))
        if dA is not None:
            dZ = dA.mul_(A_prev > 0)
    return cost


PEER = Peer("torch-by-hand", "PyTorch, step by hand", prepare, ("torch",), ("torch",))
