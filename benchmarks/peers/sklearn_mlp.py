"""scikit-learn's MLPClassifier: full batches, no momentum, no penalty, the same start.

The start goes in through the one method that draws it (`_init_coef`), so nothing is fitted twice.
The classifier computes its loss in every iteration; that is how it is.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.peer import Outcome, Peer
from benchmarks.problem import Problem

__all__ = ["PEER", "prepare"]


def prepare(problem: Problem) -> Callable[[], Outcome]:
    """Make the run; see `Peer`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    stamps: list[float] = []

    class Started(MLPClassifier):
        """The classifier with a start of our own."""

        def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Any, Any]:
            layer = len(self.coefs_) + 1
            W, b = problem.parameters[f"W{layer}"], problem.parameters[f"b{layer}"]
            return np.array(W.T, order="C"), b.ravel().copy()

        def _update_no_improvement_count(self, *arguments: Any) -> None:
            super()._update_no_improvement_count(*arguments)
            stamps.append(time.perf_counter())  # once an iteration, at its end

    def run() -> Outcome:
        stamps.clear()
        classifier = Started(
            hidden_layer_sizes=problem.dims[1:-1],
            activation="relu",
            solver="sgd",
            alpha=0.0,
            batch_size=problem.X.shape[1],
            learning_rate_init=problem.learning_rate,
            momentum=0.0,
            nesterovs_momentum=False,
            shuffle=False,
            max_iter=problem.iterations,
            tol=0.0,
            n_iter_no_change=problem.iterations + 1,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it stops where we want it to
            classifier.fit(problem.X.T, problem.Y.ravel().astype(np.int64))
        parameters = {}
        layers = zip(classifier.coefs_, classifier.intercepts_, strict=True)
        for layer, (W, b) in enumerate(layers, start=1):
            parameters[f"W{layer}"], parameters[f"b{layer}"] = W.T, b.reshape(-1, 1)
        costs = [float(cost) for cost in classifier.loss_curve_[:: problem.record_every]]
        return Outcome(parameters, costs, stamps[-1] - stamps[0], problem.iterations - 1)

    return run


PEER = Peer(
    "sklearn",
    "scikit-learn MLPClassifier",
    prepare,
    ("sklearn.neural_network",),
    ("scikit-learn", "scipy", "numpy"),
    openblas=True,
)
