"""What every peer is given: data, start weights and settings of a training run."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_dnn import flatten_images, initialize_parameters_deep
from portable_dnn.data import DataSet, builtin_dataset, read_dataset

__all__ = [
    "LAYERS",
    "Arrays",
    "Compressed",
    "Problem",
    "compressed",
    "data_files",
    "final_cost",
    "published",
    "random_pictures",
]

Arrays = dict[str, NDArray[Any]]
"""`W1, b1 … WL, bL` on the host."""

DATA_VARIABLE = "PORTABLE_DNN_DATA"
FEATURES = 12288
LAYERS = (20, 7, 5)
"""Hidden layers of the published run."""


@dataclass(frozen=True)
class Problem:
    """A training run: ReLU inside, one sigmoid output, full-batch gradient descent.

    Attributes
    ----------
    X : ndarray, (n_x, m)
        Input from 0 to 1. Its transpose is contiguous, a row a sample: what reshaping pictures
        gives, and what the course's program, PyTorch and scikit-learn all take without a copy.
    Y : ndarray, (1, m)
        Labels 0 and 1, in the dtype of X.
    parameters : dict of str to ndarray
        The start, `W1, b1 … WL, bL`; not to be changed.
    iterations : int
        Number of updates.
    learning_rate : float
        α.
    record_every : int
        Iterations 0, `record_every` … give their cost.
    source : str
        Where the data came from, for people.
    """

    X: NDArray[Any]
    Y: NDArray[Any]
    parameters: Arrays
    iterations: int
    learning_rate: float = 0.0075
    record_every: int = 100
    source: str = ""

    @property
    def dtype(self) -> str:
        """The dtype to compute in."""
        return self.X.dtype.name

    @property
    def layers(self) -> int:
        """Number of layers with weights."""
        return len(self.parameters) // 2

    @property
    def dims(self) -> tuple[int, ...]:
        """Sizes of the layers, `n_0 … n_L`."""
        weights = [self.parameters[f"W{layer}"] for layer in range(1, self.layers + 1)]
        return (weights[0].shape[1], *(W.shape[0] for W in weights))


def data_files() -> tuple[Path, Path] | None:
    """Find the course's files: in the folder `PORTABLE_DNN_DATA` names, else `../shared/data`.

    Returns
    -------
    tuple of Path or None
        Training and test file; None where they are not at hand.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get(DATA_VARIABLE) or beside)
    train, test = (folder / f"{part}_catvnoncat.h5" for part in ("train", "test"))
    return (train, test) if train.is_file() and test.is_file() else None


def published(dtype: str, iterations: int) -> Problem:
    """Set up the published run: 12288-20-7-5-1 on 209 pictures.

    Parameters
    ----------
    dtype : {"float64", "float32"}
        The dtype to compute in.
    iterations : int
        2500 in the course.

    Returns
    -------
    Problem
        With the course's data if they are at hand, else with pictures of the same shape.
    """
    files = data_files()
    data: DataSet = read_dataset(*files) if files else builtin_dataset()
    assert data.train is not None
    source = "the course's pictures" if files else data.source
    return _problem(data.train.images, data.train.labels, LAYERS, dtype, iterations, source)


def random_pictures(m: int, layers: Sequence[int], dtype: str, iterations: int) -> Problem:
    """Set up a run on random pictures, for its time and memory alone.

    Parameters
    ----------
    m : int
        Number of pictures, (64, 64, 3).
    layers : sequence of int
        Units of the hidden layers.
    dtype, iterations
        As for `published`.

    Returns
    -------
    Problem
    """
    random = np.random.default_rng(m)
    images = random.integers(0, 256, (m, 64, 64, 3), dtype=np.uint8)
    labels = random.integers(0, 2, m)
    # Random pictures have nothing to learn; a small rate keeps every program from diverging.
    run = _problem(images, labels, layers, dtype, iterations, f"{m} random pictures")
    return replace(run, learning_rate=1e-4)


def _problem(
    images: NDArray[np.uint8],
    labels: NDArray[Any],
    layers: Sequence[int],
    dtype: str,
    iterations: int,
    source: str,
) -> Problem:
    """Scale the pictures without a second copy, and draw the start."""
    X = np.divide(flatten_images(images), 255.0, dtype=np.dtype(dtype))
    Y = labels.reshape(1, -1).astype(dtype)
    start = initialize_parameters_deep((X.shape[0], *layers, 1), seed=1, dtype=dtype)
    return Problem(X, Y, start, iterations, source=source)


@dataclass(frozen=True)
class Compressed:
    """A run in the basis of an orthogonal factorisation X = Q R, and the way back.

    Attributes
    ----------
    problem : Problem
        The same run on R, (m, m), with V = W1 Q in the place of W1.
    """

    problem: Problem
    _Q: NDArray[Any]
    _W1: NDArray[Any]

    def parameters_of(self, trained: Arrays) -> Arrays:
        """Turn trained parameters back into those of the run on X."""
        moved = trained["W1"] - self.problem.parameters["W1"]
        return {**trained, "W1": self._W1 + moved @ self._Q.T}


def compressed(problem: Problem) -> Compressed:
    """Give any program the idea of `portable_dnn.training.span`: fewer features, the same run.

    Parameters
    ----------
    problem : Problem
        With fewer samples than features.

    Returns
    -------
    Compressed
    """
    Q, R = np.linalg.qr(problem.X)
    W1 = problem.parameters["W1"]
    parameters = {**problem.parameters, "W1": W1 @ Q}
    X = np.asfortranarray(R)  # rows of samples contiguous, as in `Problem`
    return Compressed(replace(problem, X=X, parameters=parameters), Q, W1)


def final_cost(problem: Problem, parameters: Arrays) -> float:
    """Judge what a peer gives back, all by the same formula, in float64.

    Parameters
    ----------
    problem : Problem
        The run.
    parameters : dict of str to ndarray
        Trained.

    Returns
    -------
    float
        Cross-entropy from logits, in nats.
    """
    W1 = parameters["W1"]
    # In the dtype of X: a float64 copy of a large X would be the largest array here.
    Z = (W1 @ problem.X.astype(W1.dtype, copy=False)).astype(np.float64) + parameters["b1"]
    for layer in range(2, problem.layers + 1):
        W = parameters[f"W{layer}"].astype(np.float64)
        Z = W @ np.maximum(Z, 0.0) + parameters[f"b{layer}"]
    return float(np.mean(np.logaddexp(0.0, Z) - Z * problem.Y))
