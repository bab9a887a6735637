"""A training run on a data set: data and settings in, model and history out."""

import math
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.devices import Device, place
from portable_dnn.arrays.holding import holding_of
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.arrays.versions import versions
from portable_dnn.data.dataset import DataSet, ImageSet
from portable_dnn.errors import DataError, PortableDnnWarning
from portable_dnn.machine.memory import check_fits
from portable_dnn.models.model import Model
from portable_dnn.network.initializers import initialize_parameters_deep, parameters_hash
from portable_dnn.network.pixels import are_pixels, flatten_images, scale_pixels
from portable_dnn.results.evaluation import Evaluation, evaluate
from portable_dnn.training.compression import pays
from portable_dnn.training.history import History
from portable_dnn.training.optimizers import get_optimizer
from portable_dnn.training.run import Problem
from portable_dnn.training.run_memory import (
    RunSize,
    check_room,
    explained_shortage,
    fits,
    parameter_bytes,
    slots_of,
    start_bytes,
)
from portable_dnn.training.settings import Settings
from portable_dnn.training.state import Snapshot
from portable_dnn.training.train import Progress, train_checked

__all__ = [
    "Experiment",
    "Start",
    "check_out",
    "describe_run",
    "draw_start",
    "planned",
    "run",
    "training_pictures",
]

_ROOM = 1000  # characters of versions, checksums and the final cost in a model's provenance


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


class Start(NamedTuple):
    """Start parameters as `draw_start` has drawn them, which fit their data and settings.

    Attributes
    ----------
    parameters : dict of str to numpy.ndarray
        `W1, b1 … WL, bL`.
    sha256 : str
        Their `parameters_hash`.
    """

    parameters: dict[str, HostArray]
    sha256: str


def draw_start(data: DataSet, settings: Settings) -> Start:
    """Draw the start parameters of a run.

    Parameters
    ----------
    data : DataSet
        Its pictures decide the number of input features.
    settings : Settings
        Layers, initialization, seed and dtype.

    Returns
    -------
    Start

    Raises
    ------
    DataError
        If there are no training pictures, or there is no memory for the parameters.
    """
    dims = settings.layer_dims(_features(training_pictures(data)), pixels=True)
    check_fits(start_bytes(dims, settings.dtype), "the start parameters make")
    parameters = initialize_parameters_deep(
        dims,
        method=settings.initialization,
        seed=settings.seed,
        dtype=settings.dtype,
    )
    return Start(parameters, parameters_hash(parameters))


def planned(
    data: DataSet,
    settings: Settings,
    device: Device,
    *,
    checkpoints: bool = False,
    beside: Collection[Settings] = (),
) -> tuple[Settings, RunSize]:
    """Plan a run, and refuse one that there is no memory for, before anything of it is made.

    Parameters
    ----------
    data, settings, device
        As for `run`.
    checkpoints : bool
        Whether checkpoints are written on the way.
    beside : collection of Settings
        Of runs, of which one is kept meanwhile.

    Returns
    -------
    settings : Settings
        The same; where they leave it open, it is decided whether to train in the span.
    size : RunSize
        What decides how much memory it takes.

    Raises
    ------
    DataError
        If there are no training pictures, or no memory; the message says then what would fit.
    """
    pictures = training_pictures(data)
    n_x, m = _features(pictures), len(pictures.labels)
    optimizer = get_optimizer(settings.optimizer, settings.learning_rate)
    plain = RunSize(
        settings.layer_dims(n_x, pixels=True),
        m,
        settings.dtype,
        holding=holding_of(device),
        pixels=are_pixels(pictures.images),
        cast=pictures.images.dtype not in ("uint8", settings.dtype),
        slots=slots_of(optimizer),
        checkpoints=checkpoints,
        beside=max((_kept_bytes(other, n_x) for other in beside), default=0),
        tested=0 if data.test is None else len(data.test.labels),
        temporaries=max((g.temporaries for g in settings.hidden_activations), default=1),
    )
    spanned = replace(plain, compressed=True)
    open_ = settings.compress == "auto"
    compressed = settings.compress == "on"
    if open_ and pays(n_x, m, plain.dims[1], settings.iterations, optimizer):
        compressed = fits(spanned, device) or not fits(plain, device)
    size = spanned if compressed else plain
    check_room(size, device)
    return replace(settings, compress="on" if compressed else "off"), size


def _kept_bytes(settings: Settings, n_x: int) -> int:
    """Return the bytes of a run that has ended: its parameters, and the start."""
    return 2 * parameter_bytes(settings.layer_dims(n_x, pixels=True), settings.dtype)


def _features(pictures: ImageSet) -> int:
    """Count the numbers in a picture."""
    return math.prod(pictures.images.shape[1:])


def check_out(data: DataSet, settings: Settings, out: Path) -> None:
    """Say before training that the model could not be saved.

    Parameters
    ----------
    data, settings
        As for `run`.
    out : Path
        Where the model is to be saved.

    Raises
    ------
    DataError
        If there are no training pictures.
    OutputError
        If a network of so many layers has no room in such a file.
    """
    from portable_dnn.models.store import check_savable  # it brings h5py

    pictures = training_pictures(data)
    zero = np.zeros((), settings.dtype)
    dims = settings.layer_dims(_features(pictures), pixels=True)
    parameters: dict[str, HostArray] = {}
    for layer, (n_in, n_out) in enumerate(pairwise(dims), start=1):  # shapes, and no memory
        parameters[f"W{layer}"] = np.broadcast_to(zero, (n_out, n_in))
        parameters[f"b{layer}"] = np.broadcast_to(zero, (n_out, 1))
    height, width, channels = pictures.images.shape[1:]
    provenance = {
        "settings": settings.as_dict(),
        "data": {"source": data.source},
        "rest": " " * _ROOM,
    }
    shape = height, width, channels
    check_savable(Model(parameters, settings.activations, data.class_names, shape, provenance), out)


@undisturbed
def run(
    data: DataSet,
    settings: Settings,
    device: Device,
    *,
    start: Start | None = None,
    callback: Callable[[Progress], object] | None = None,
    callback_seconds: float = 0.0,
    begin: Snapshot | None = None,
    stop_every: int | None = None,
    described: Mapping[str, Any] | None = None,
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
    start : Start, optional
        What `draw_start` gave for this data and these settings, if the caller has asked already.
    callback, callback_seconds, begin, stop_every
        As for `train`.
    described : mapping, optional
        What `describe_run` told, if the caller has asked already.

    Returns
    -------
    Experiment

    Raises
    ------
    DataError
        If there are no training pictures, the test pictures are of another size, or memory runs
        out; the message says then what would fit.
    SettingError, DivergenceError
        As for `train`.
    """
    settings.check()
    decided, size = planned(data, settings, device)
    pictures = training_pictures(data)
    images = pictures.images
    if start is None:
        start = draw_start(data, settings)
    began = time.perf_counter()
    # The reader has checked the pictures and labels, and the start is drawn for them.
    with explained_shortage(size, device):
        X, pixels = flatten_images(images), are_pixels(images)
        if not pixels:
            X = scale_pixels(X, settings.dtype)
        labels = pictures.labels.reshape(1, -1)
        placed = place({"X": X, "Y": labels, **start.parameters}, device)
        X, Y, xp = placed.pop("X"), placed.pop("Y"), device.backend.namespace()
        parameters, history = train_checked(
            Problem(X, Y, placed, pixels, xp, device, start.sha256),
            decided,
            callback=callback,
            callback_seconds=callback_seconds,
            begin=None if begin is None else _from_this_start(begin, start.sha256),
            stop_every=stop_every,
        )
        device.backend.synchronize(device.name)
        seconds = time.perf_counter() - began
    height, width, channels = images.shape[1:]
    model = Model(
        parameters,
        settings.activations,
        data.class_names,
        (height, width, channels),
        {
            **(described or describe_run(data, settings, device)),
            "start_sha256": history.start_hash,
            "final_cost": history.final_cost,
            "seconds": seconds,
        },
    )
    with explained_shortage(size, device):
        training = evaluate(pictures, model)
        test = None if data.test is None else evaluate(data.test, model)
    return Experiment(model, history, training, test, seconds, start.parameters)


def _from_this_start(begin: Snapshot, drawn: str) -> Snapshot:
    """Let a run continue where its start is drawn with other last bits."""
    if drawn == begin.history.start_hash:
        return begin
    # The settings are the same: another mathematical library has rounded a logarithm otherwise.
    warnings.warn(
        "the start parameters are drawn with other last bits here than where the run began: the "
        "numbers are equal up to rounding from here on",
        PortableDnnWarning,
        stacklevel=3,
    )
    return replace(begin, history=replace(begin.history, start_hash=drawn))


def describe_run(data: DataSet, settings: Settings, device: Device) -> dict[str, Any]:
    """Tell what decides a run, and what it is made with.

    Parameters
    ----------
    data, settings, device
        As for `run`.

    Returns
    -------
    dict of str to object
        Plain data.
    """
    return {
        "settings": settings.as_dict(),
        "data": {"source": data.source, "sha256": data.fingerprint()},
        "device": str(device),
        "versions": versions(device.backend),
    }
