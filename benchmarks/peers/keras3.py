"""Keras 3: train_on_batch with plain SGD, on JAX and on PyTorch.

Told to compute in float64, Keras still gives a first cost that differs in the ninth digit, so not
all of it is float64; it is judged as a float32 run is.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.peers.peer import Outcome, Peer
from benchmarks.problem import Problem

__all__ = ["PEERS", "prepare"]


def prepare(problem: Problem, *, backend: str) -> Callable[[], Outcome]:
    """Make the run; see `Peer`.

    Parameters
    ----------
    problem : Problem
        The run.
    backend : {"jax", "torch"}
        What Keras runs on; it must be set in the environment before Keras is imported.
    """
    import keras

    if backend == "jax" and problem.dtype == "float64":
        import jax

        jax.config.update("jax_enable_x64", True)
    keras.config.set_floatx(problem.dtype)
    keras.config.set_dtype_policy(problem.dtype)  # else what imports have cached stays

    def run() -> Outcome:
        hidden = [keras.layers.Dense(units, activation="relu") for units in problem.dims[1:-1]]
        model = keras.Sequential(
            [keras.Input((problem.dims[0],)), *hidden, keras.layers.Dense(problem.dims[-1])]
        )
        start = problem.parameters
        for layer, dense in enumerate(model.layers, start=1):
            dense.set_weights([start[f"W{layer}"].T, start[f"b{layer}"].ravel()])
        model.compile(
            optimizer=keras.optimizers.SGD(problem.learning_rate),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
        )
        X, Y = problem.X.T, problem.Y.T
        costs, loop_began = [], 0.0
        for i in range(problem.iterations):
            cost = model.train_on_batch(X, Y)
            if i % problem.record_every == 0:
                costs.append(float(cost))
            if i == 0:
                loop_began = time.perf_counter()
        loop_seconds = time.perf_counter() - loop_began
        parameters = {}
        for layer, dense in enumerate(model.layers, start=1):
            W, b = dense.get_weights()
            parameters[f"W{layer}"] = np.asarray(W).T
            parameters[f"b{layer}"] = np.asarray(b).reshape(-1, 1)
        return Outcome(parameters, costs, loop_seconds, problem.iterations - 1)

    return run


PEERS = tuple(
    Peer(
        f"keras-{backend}",
        f"Keras 3 on {title}",
        partial(prepare, backend=backend),
        (backend, "keras"),
        ("keras", backend),
        exact=False,
        environment={"KERAS_BACKEND": backend},
    )
    for backend, title in (("jax", "JAX"), ("torch", "PyTorch"))
)
