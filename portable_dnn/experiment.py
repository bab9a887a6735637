"""A training run on a data set: data and settings in, model and history out."""

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from portable_dnn.activations import hidden_activations
from portable_dnn.arrays import check_float_dtype
from portable_dnn.backend import Array, HostArray
from portable_dnn.data.dataset import DataSet, ImageSet, check_sizes_agree
from portable_dnn.devices import Device, location_of, place, to_host
from portable_dnn.errors import DataError
from portable_dnn.history import History
from portable_dnn.initializers import check_initialization, initialize_parameters_deep
from portable_dnn.losses import compute_cost_from_logits
from portable_dnn.memory import check_fits
from portable_dnn.model import Model, model_input
from portable_dnn.network import L_model_forward
from portable_dnn.optimizers import check_learning_rate
from portable_dnn.pixels import flatten_images, scale_pixels
from portable_dnn.randomness import check_seed
from portable_dnn.shapes import check_count, check_layer_dims
from portable_dnn.span import check_compress
from portable_dnn.training import Progress, train
from portable_dnn.versions import versions

__all__ = [
    "Evaluation",
    "Experiment",
    "Settings",
    "check_same_classes",
    "evaluate",
    "run",
    "start_parameters",
    "training_pictures",
]


@dataclass(frozen=True)
class Settings:
    """What decides a run, besides data and device; the defaults are the published run's.

    Attributes
    ----------
    layers : tuple of int
        Units of each hidden layer; input and output sizes come from the data.
    hidden : tuple of str
        Activation of all hidden layers (one name) or of each.
    initialization : str
        See `initialize_parameters_deep`.
    seed : int
        Seed of the start parameters.
    learning_rate : float
        α, above 0.
    iterations : int
        Number of updates.
    dtype : {"float64", "float32"}
        The dtype to compute in.
    compress : {"auto", "on", "off"}
        Whether to train layer 1 in the span of the pictures; see `train`.
    """

    layers: tuple[int, ...] = (20, 7, 5)
    hidden: tuple[str, ...] = ("relu",)
    initialization: str = "lecun"
    seed: int = 1
    learning_rate: float = 0.0075
    iterations: int = 2500
    dtype: str = "float64"
    compress: str = "auto"

    @property
    def activations(self) -> tuple[str, ...]:
        """Name of each hidden layer's activation."""
        hidden = self.hidden[0] if len(self.hidden) == 1 else self.hidden
        return tuple(g.name for g in hidden_activations(hidden, len(self.layers)))

    def layer_dims(self, n_x: int) -> tuple[int, ...]:
        """Return `n_0 … n_L` for `n_x` input features and one output."""
        return check_layer_dims((n_x, *self.layers, 1))

    def check(self) -> None:
        """Raise a SettingError for what is not allowed, before any data are read."""
        self.layer_dims(1)
        _ = self.activations
        check_initialization(self.initialization)
        check_seed(self.seed)
        check_count(self.iterations, "number of iterations")
        check_float_dtype(self.dtype)
        check_learning_rate(self.learning_rate)
        check_compress(self.compress)


@dataclass(frozen=True)
class Evaluation:
    """How well a model does on a set of pictures.

    Attributes
    ----------
    pictures, wrong : int
        How many there are, and how many of them it calls wrongly.
    accuracy : float
        Share of right answers, 0 to 1.
    cost : float
        Cross-entropy, in nats.
    probabilities : numpy.ndarray
        Probability of class 1 of each picture, (pictures,).
    """

    pictures: int
    wrong: int
    accuracy: float
    cost: float
    probabilities: HostArray


@dataclass(frozen=True)
class Experiment:
    """What a run gives back.

    Attributes
    ----------
    model : Model
        With parameters on the device of the run.
    history : History
        Costs and diagnostics.
    training : Evaluation
        On the training pictures.
    test : Evaluation or None
        On the test pictures, if there are any.
    seconds : float
        Wall-clock time of placing, training and the last record; reading and evaluation excluded.
    start : dict of str to numpy.ndarray
        The start parameters.
    """

    model: Model
    history: History
    training: Evaluation
    test: Evaluation | None
    seconds: float
    start: dict[str, HostArray]


def training_pictures(data: DataSet) -> ImageSet:
    """Return the pictures to train on.

    Parameters
    ----------
    data : DataSet
        A data set.

    Returns
    -------
    ImageSet

    Raises
    ------
    DataError
        If there are none.
    """
    if data.train is None:
        raise DataError(f"{data.source} has no training pictures (train_set_x, train_set_y)")
    return data.train


def start_parameters(data: DataSet, settings: Settings) -> dict[str, HostArray]:
    """Draw the start parameters of a run.

    Parameters
    ----------
    data : DataSet
        Its pictures decide the number of input features.
    settings : Settings
        Layers, initialization, seed and dtype.

    Returns
    -------
    dict of str to numpy.ndarray
        `W1, b1 … WL, bL`.

    Raises
    ------
    DataError
        If there are no training pictures, or there is no memory for the parameters.
    """
    pictures = training_pictures(data)
    _check_memory(pictures, settings)
    return initialize_parameters_deep(
        settings.layer_dims(_features(pictures)),
        method=settings.initialization,
        seed=settings.seed,
        dtype=settings.dtype,
    )


def _features(pictures: ImageSet) -> int:
    """Count the numbers in a picture."""
    return math.prod(pictures.images.shape[1:])


def _check_memory(pictures: ImageSet, settings: Settings) -> None:
    """Refuse a run whose arrays cannot fit, before any is made."""
    dims = settings.layer_dims(_features(pictures))
    weights = sum(a * b for a, b in pairwise(dims))
    inputs = dims[0] * len(pictures.labels)
    # X; start, parameters and gradients; the activations and their derivatives.
    numbers = inputs + 3 * weights + 2 * sum(dims[1:]) * len(pictures.labels)
    check_fits(numbers * (8 if settings.dtype == "float64" else 4), "this run needs arrays with")


def run(
    data: DataSet,
    settings: Settings,
    device: Device,
    *,
    start: dict[str, HostArray] | None = None,
    callback: Callable[[Progress], object] | None = None,
) -> Experiment:
    """Train a network on a data set and evaluate it.

    Parameters
    ----------
    data : DataSet
        With training pictures; test pictures are used if there are any.
    settings : Settings
        What to train.
    device : Device
        Where.
    start : dict of str to numpy.ndarray, optional
        What `start_parameters` gave, if the caller has asked already.
    callback : callable, optional
        Called with a `Progress` after every update.

    Returns
    -------
    Experiment

    Raises
    ------
    DataError
        If there are no training pictures, or the test pictures are of another size.
    SettingError, DivergenceError
        As for `train`.
    """
    settings.check()
    pictures = training_pictures(data)
    check_sizes_agree(data)
    images = pictures.images
    _check_memory(pictures, settings)
    if start is None:
        start = start_parameters(data, settings)
    began = time.perf_counter()
    X = scale_pixels(place(flatten_images(images), device), settings.dtype)
    Y = _labels(pictures, device)
    parameters, history = train(
        X,
        Y,
        place(start, device),
        hidden=settings.activations,
        learning_rate=settings.learning_rate,
        num_iterations=settings.iterations,
        compress=settings.compress,
        callback=callback,
    )
    device.backend.synchronize(device.name)
    seconds = time.perf_counter() - began
    height, width, channels = images.shape[1:]
    model = Model(
        parameters,
        settings.activations,
        data.class_names,
        (height, width, channels),
        _provenance(data, settings, device, history, seconds),
    )
    return Experiment(
        model,
        history,
        _evaluate(X, Y, model),
        None if data.test is None else evaluate(data.test, model),
        seconds,
        start,
    )


def evaluate(pictures: ImageSet, model: Model) -> Evaluation:
    """Hold a model against labelled pictures.

    Parameters
    ----------
    pictures : ImageSet
        Pictures and labels.
    model : Model
        A trained network.

    Returns
    -------
    Evaluation

    Raises
    ------
    DataError
        If the pictures are of another size than the model's.
    """
    X = model_input(pictures.images, model)
    return _evaluate(X, _labels(pictures, location_of(X)), model)


def check_same_classes(model: Model, data: DataSet) -> None:
    """Refuse data whose classes are the model's the other way round, and warn of other names.

    Parameters
    ----------
    model : Model
        A trained network.
    data : DataSet
        What it is to be held against.

    Raises
    ------
    DataError
        If class 0 of the one is class 1 of the other.

    Warns
    -----
    UserWarning
        If the names differ otherwise.
    """
    if data.class_names == model.class_names:
        return
    ours, theirs = (" and ".join(map(repr, c.class_names)) for c in (model, data))
    if data.class_names == model.class_names[::-1]:
        raise DataError(
            f"class 0 and class 1 are {ours} for the model, but {theirs} in {data.source}; the "
            "labels would mean the opposite"
        )
    warnings.warn(
        f"class 0 and class 1 are {ours} for the model, but {theirs} in {data.source}",
        UserWarning,
        stacklevel=2,
    )


def _evaluate(X: Array, Y: Array, model: Model) -> Evaluation:
    """Hold a model against input that is on its device already."""
    AL, caches = L_model_forward(X, model.parameters, model.hidden)
    probabilities = to_host(AL).ravel()
    wrong = int(((probabilities > 0.5) != to_host(Y).ravel()).sum())
    cost = float(compute_cost_from_logits(caches[-1].activation, Y))
    total = len(probabilities)
    return Evaluation(total, wrong, (total - wrong) / total, cost, probabilities)


def _labels(pictures: ImageSet, device: Device) -> Array:
    """Bring labels to a device, as a row."""
    return place(pictures.labels.reshape(1, -1), device)


def _provenance(
    data: DataSet, settings: Settings, device: Device, history: History, seconds: float
) -> dict[str, Any]:
    """Tell how a model came about, as plain data."""
    return {
        "settings": {**asdict(settings), "hidden": settings.activations},
        "data": {"source": data.source, "sha256": data.fingerprint()},
        "start_sha256": history.start_hash,
        "final_cost": history.final_cost,
        "device": str(device),
        "seconds": seconds,
        "versions": versions(device.backend),
    }
