"""PyTorch as its tutorials write it: nn.Sequential, BCEWithLogitsLoss, SGD."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from benchmarks.peers.peer import Outcome, Peer
from benchmarks.problem import Arrays, Problem

__all__ = ["PEER", "load_start", "make_model", "parameters_of", "prepare", "train"]


def make_model(problem: Problem, device: str = "cpu") -> Any:
    """Build the network with the start weights.

    Parameters
    ----------
    problem : Problem
        The run.
    device : str
        Where to.

    Returns
    -------
    torch.nn.Sequential
        From rows of samples to logits.
    """
    import torch

    kind = {"dtype": getattr(torch, problem.dtype), "device": device}
    modules: list[Any] = []
    for n_in, n_out in pairwise(problem.dims):
        modules += [torch.nn.Linear(n_in, n_out, **kind), torch.nn.ReLU()]
    model = torch.nn.Sequential(*modules[:-1])
    load_start(model, problem)
    return model


def load_start(model: Any, problem: Problem) -> None:
    """Set the weights of `make_model` to the start, in place."""
    import torch

    with torch.no_grad():
        for layer, linear in enumerate(model[::2], start=1):
            linear.weight.copy_(torch.from_numpy(problem.parameters[f"W{layer}"]))
            linear.bias.copy_(torch.from_numpy(problem.parameters[f"b{layer}"].ravel()))


def parameters_of(model: Any) -> Arrays:
    """Bring the weights of `make_model` to the host.

    Parameters
    ----------
    model : torch.nn.Sequential
        The network.

    Returns
    -------
    dict of str to ndarray
        `W1, b1 … WL, bL`.
    """
    parameters = {}
    for layer, linear in enumerate(model[::2], start=1):
        parameters[f"W{layer}"] = linear.weight.detach().cpu().numpy()
        parameters[f"b{layer}"] = linear.bias.detach().cpu().numpy().reshape(-1, 1)
    return parameters


def train(problem: Problem, transform: Callable[[Any], Any]) -> Outcome:
    """Train with automatic differentiation.

    Parameters
    ----------
    problem : Problem
        The run.
    transform : callable
        Applied to the function that computes the loss; such as torch.compile.

    Returns
    -------
    Outcome
    """
    import torch

    X, Y = torch.from_numpy(problem.X.T), torch.from_numpy(problem.Y.T)
    model = make_model(problem)
    criterion = torch.nn.BCEWithLogitsLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=problem.learning_rate)

    def loss_of(inputs: Any, labels: Any) -> Any:
        return criterion(model(inputs), labels)

    compute = transform(loss_of)
    costs, loop_began = [], 0.0
    for i in range(problem.iterations):
        optimizer.zero_grad()
        loss = compute(X, Y)
        loss.backward()
        optimizer.step()
        if i % problem.record_every == 0:
            costs.append(loss.item())
        if i == 0:
            loop_began = time.perf_counter()
    loop_seconds = time.perf_counter() - loop_began
    return Outcome(parameters_of(model), costs, loop_seconds, problem.iterations - 1)


def prepare(problem: Problem) -> Callable[[], Outcome]:
    """Make the run; see `Peer`."""
    return lambda: train(problem, lambda function: function)


PEER = Peer("torch-eager", "PyTorch eager", prepare, ("torch",), ("torch",))
