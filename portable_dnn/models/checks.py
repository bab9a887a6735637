"""What a model must be, from whatever kind of file it comes: a description and parameters."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.devices import backend_of
from portable_dnn.arrays.shapes import check_parameters
from portable_dnn.data.class_names import check_class_names
from portable_dnn.errors import DataError, DTypeError, OutputError, SettingError, ShapeError
from portable_dnn.files.text import shortened
from portable_dnn.models.model import Model
from portable_dnn.network.activations import hidden_activations
from portable_dnn.network.pixels import PIXEL_SCALE
from portable_dnn.setting_checks import FLOATS

__all__ = [
    "DESCRIPTION",
    "FORMAT",
    "FORMAT_VERSION",
    "check_declared",
    "check_described",
    "check_values",
    "describe",
    "put_together",
]

FORMAT = "portable_dnn model"
FORMAT_VERSION = 1
DESCRIPTION = (
    "layer_dims",
    "hidden",
    "dtype",
    "class_names",
    "image_shape",
    "pixel_scale",
    "provenance",
)
"""What a file says of a model, besides `format`, `format_version` and the parameters."""
_FLOATS = (np.dtype("f4"), np.dtype("f8"))


def describe(model: Model, path: str | Path) -> dict[str, Any]:
    """Describe a model in plain values, ready for JSON.

    Parameters
    ----------
    model : Model
        With parameters on any device.
    path : str or Path
        The file that is being written, for the message.

    Returns
    -------
    dict of str to object
        `format`, `format_version` and the names of `DESCRIPTION`.

    Raises
    ------
    OutputError
        If the provenance is no plain data.
    DTypeError
        If a parameter is no array, or not of floats.
    """
    for name, array in model.parameters.items():
        backend_of(array, name)
    layer_dims = list(model.layer_dims)
    if model.dtype not in FLOATS:
        raise DTypeError(f"W1 has dtype {model.dtype}; a model has {' or '.join(FLOATS)}")
    try:
        provenance = json.loads(json.dumps(dict(model.provenance)))
    except (TypeError, ValueError, RecursionError) as error:
        raise OutputError(
            f"cannot write {path}: the model's provenance is no plain data for JSON: {error}"
        ) from error
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "layer_dims": layer_dims,
        "hidden": list(model.hidden),
        "dtype": model.dtype,
        "class_names": list(model.class_names),
        "image_shape": list(model.image_shape),
        "pixel_scale": PIXEL_SCALE,
        "provenance": provenance,
    }


def check_declared(arrays: Mapping[str, Any], path: Path) -> list[str]:
    """Check what a file declares its parameters to be, before they are read.

    Parameters
    ----------
    arrays : mapping of str to object
        By name, with `shape`, `ndim` and `dtype`.
    path : Path
        The file's path, for the message.

    Returns
    -------
    list of str
        The names in the order of the layers: W1, b1 … WL, bL.

    Raises
    ------
    DataError
        If they are not those of a network, all of one floating dtype.
    """
    for name, array in arrays.items():
        if array.shape is None or array.dtype not in _FLOATS:
            raise DataError(f"{path}: {name} has dtype {array.dtype}; float32 or float64 is right")
    try:
        dims = check_parameters(arrays)
    except ShapeError as error:
        raise DataError(f"{path}: {error}") from error
    first = arrays["W1"].dtype
    for name, array in arrays.items():
        if array.dtype != first:
            raise DataError(
                f"{path}: {name} is {array.dtype} but W1 is {first}; all must have one dtype"
            )
    return [f"{kind}{layer}" for layer in range(1, len(dims)) for kind in "Wb"]


def check_values(parameters: Mapping[str, HostArray], path: Path) -> None:
    """Refuse parameters that are no numbers.

    Parameters
    ----------
    parameters : mapping of str to numpy.ndarray
        As read.
    path : Path
        The file's path, for the message.

    Raises
    ------
    DataError
        If one holds NaN or infinity.
    """
    for name, values in parameters.items():
        if not np.isfinite(values).all():
            raise DataError(f"{path}: {name} holds NaN or infinity")


def check_described(described: Mapping[str, Any], arrays: Mapping[str, Any], path: Path) -> None:
    """Check the description against what the parameters are declared to be, before they are read.

    Parameters
    ----------
    described : mapping of str to object
        What the file says under the names of `DESCRIPTION`: plain numbers, texts, lists and, for
        the provenance, a dict. Anything may be wrong with them.
    arrays : mapping of str to object
        Those that `check_declared` let pass.
    path : Path
        The file's path, for the message.

    Raises
    ------
    DataError
        If the two do not fit together, or a name is unknown.
    """
    dims = check_parameters(arrays)
    dtype = arrays["W1"].dtype
    image_shape = _whole_numbers(described["image_shape"])
    hidden, class_names = (_texts(described[name]) for name in ("hidden", "class_names"))
    shown = {name: shortened(value) for name, value in described.items()}
    wrong = ""
    if _whole_numbers(described["layer_dims"]) != dims:
        parameters = shortened(dims)
        wrong = f"layer_dims is {shown['layer_dims']}, but the parameters are those of {parameters}"
    elif len(image_shape) != 3 or min(image_shape) < 1 or _product(image_shape) != dims[0]:
        wrong = f"image_shape is {shown['image_shape']}, but W1 takes {dims[0]} features"
    elif dims[-1] != 1 or len(class_names) != 2:
        wrong = f"{dims[-1]} outputs for {len(class_names)} class names; 1 for 2 would be right"
    elif described["pixel_scale"] != PIXEL_SCALE:
        wrong = f"pixel_scale is {shown['pixel_scale']}; {PIXEL_SCALE} would be right"
    elif described["dtype"] != dtype.name:
        wrong = f"dtype is {shown['dtype']}, but W1 is {dtype.name}"
    elif not isinstance(described["provenance"], dict):
        wrong = "provenance is not a JSON object"
    if wrong:
        raise DataError(f"{path}: {wrong}")
    try:
        hidden_activations(hidden, len(dims) - 2)
        check_class_names(class_names)
    except (SettingError, DataError) as error:
        raise DataError(f"{path}: {error}") from error


def put_together(described: Mapping[str, Any], parameters: Mapping[str, Any]) -> Model:
    """Make a model of a description and parameters.

    Parameters
    ----------
    described : mapping of str to object
        What `check_described` let pass.
    parameters : mapping of str to array
        What the description was checked against, on any device.

    Returns
    -------
    Model
    """
    layers = len(described["layer_dims"]) - 2
    names = tuple(g.name for g in hidden_activations(described["hidden"], layers))
    height, width, channels = described["image_shape"]
    first, second = described["class_names"]
    shape = height, width, channels
    return Model(parameters, names, (first, second), shape, described["provenance"])


def _is_whole(value: Any) -> bool:
    """Whether a value is an integer; True is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _whole_numbers(value: Any) -> tuple[int, ...]:
    """Read a flat list of integers; anything else is empty, which fits nothing."""
    return tuple(value) if isinstance(value, list) and all(map(_is_whole, value)) else ()


def _texts(value: Any) -> tuple[str, ...]:
    """Read a flat list of texts; anything else is empty."""
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return tuple(value) if texts else ()


def _product(sizes: tuple[int, ...]) -> int:
    """Multiply in Python's integers, which do not overflow."""
    height, width, channels = sizes
    return height * width * channels
