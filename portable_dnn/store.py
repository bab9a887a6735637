"""The model file: self-describing HDF5, always host arrays, never code.

Root attributes: `format`, `format_version`, `layer_dims`, `hidden`, `dtype`, `class_names`,
`image_shape`, `pixel_scale` and `provenance` (JSON). Group `parameters`: `W1, b1 … WL, bL`.
A file written on a GPU holds nothing of the GPU, so it loads where CuPy is not installed.
"""

import json
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from portable_dnn.activations import hidden_activations
from portable_dnn.arrays import dtype_name
from portable_dnn.backend import HostArray
from portable_dnn.class_names import check_class_names
from portable_dnn.devices import Device, place, to_host
from portable_dnn.errors import (
    DataError,
    OutputError,
    SettingError,
    ShapeError,
    UnsavedError,
)
from portable_dnn.hdf5 import check_memory, open_array, opened, read_array, write_hdf5
from portable_dnn.model import Model
from portable_dnn.pixels import PIXEL_SCALE
from portable_dnn.shapes import check_parameters

__all__ = ["FORMAT_VERSION", "load_model", "save_model", "save_model_somewhere"]

FORMAT = "portable_dnn model"
FORMAT_VERSION = 1


def save_model(model: Model, path: str | Path) -> None:
    """Write a model to a file, whole or not at all.

    Parameters
    ----------
    model : Model
        With parameters on any device.
    path : str or Path
        The file to create or replace.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    parameters = to_host(model.parameters)

    def fill(file: h5py.File) -> None:
        file.attrs["format"] = _fixed([FORMAT])[0]
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["layer_dims"] = np.array(model.layer_dims, dtype=np.int64)
        file.attrs["hidden"] = _fixed(model.hidden)
        file.attrs["dtype"] = _fixed([model.dtype])[0]
        file.attrs["class_names"] = _fixed(model.class_names)
        file.attrs["image_shape"] = np.array(model.image_shape, dtype=np.int64)
        file.attrs["pixel_scale"] = PIXEL_SCALE
        file.attrs["provenance"] = _fixed([json.dumps(dict(model.provenance))])[0]
        group = file.create_group("parameters")
        for name, array in parameters.items():
            group.create_dataset(name, data=array, track_times=False)

    write_hdf5(path, fill)


def save_model_somewhere(model: Model, path: str | Path) -> None:
    """Write a model to a file, or, so that it is not lost, into the folder for temporary files.

    Parameters
    ----------
    model : Model
        With parameters on any device.
    path : str or Path
        Where it should be.

    Raises
    ------
    UnsavedError
        If it could not be written to `path`; the message says where it is.
    """
    try:
        save_model(model, path)
    except OutputError as error:
        folder = Path(tempfile.gettempdir())
        fallback = folder / f"{Path(path).stem[:100]}-{uuid.uuid4().hex[:8]}.h5"
        try:
            save_model(model, fallback)
        except OutputError as second:
            raise UnsavedError(f"{error}; nor is the model anywhere else: {second}") from second
        raise UnsavedError(f"{error}; the model was saved to {fallback} instead") from error


def load_model(path: str | Path, device: Device | str = "cpu") -> Model:
    """Read a model from a file.

    Parameters
    ----------
    path : str or Path
        A file that `save_model` wrote, on any machine.
    device : Device or str
        Where to put the parameters.

    Returns
    -------
    Model

    Raises
    ------
    DataError
        If the file is not a model, is from a newer version, is damaged, or holds arrays that are
        not a network.
    DeviceError
        If the device cannot be used.
    """
    path = Path(path)
    with opened(path, "a model file") as file:
        _check_format(file, path)
        parameters = _parameters(file, path)
        described = {name: _attribute(file, name, path) for name in _DESCRIPTION}
    return _model(described, place(parameters, device), path)


def _fixed(texts: Sequence[str]) -> Any:
    """Turn texts into UTF-8 of fixed length.

    Not HDF5's strings of variable length: reading them from a damaged file can keep the HDF5
    library busy for ever.
    """
    encoded = [text.encode() for text in texts]
    width = max(map(len, encoded), default=1)
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", width))


_DESCRIPTION = (
    "layer_dims",
    "hidden",
    "dtype",
    "class_names",
    "image_shape",
    "pixel_scale",
    "provenance",
)


def _check_format(file: h5py.File, path: Path) -> None:
    """Refuse what is not a model, or is a newer one."""
    if "format" not in file.attrs or not _is(_attribute(file, "format", path), FORMAT):
        keys = ", ".join(sorted(file)[:8]) or "nothing"
        raise DataError(
            f"{path} is HDF5 but not a model of portable_dnn (it holds {keys}); "
            "'portable-dnn train --out' writes one"
        )
    version = _attribute(file, "format_version", path)
    if not isinstance(version, np.integer | int) or version < 1:
        raise DataError(f"{path}: format_version is {version}; a whole number from 1 is right")
    if version > FORMAT_VERSION:
        raise DataError(
            f"{path} has format version {version}, newer than version {FORMAT_VERSION} that this "
            "portable_dnn reads: upgrade portable_dnn"
        )


def _attribute(file: h5py.File, name: str, path: Path) -> Any:
    """Read a root attribute: a number, a string or a flat array of these."""
    if name not in file.attrs:
        raise DataError(f"{path} lacks the attribute {name}; it is damaged or not a model")
    kind = file.attrs.get_id(name).get_type()
    known = kind.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING)
    if not known or (isinstance(kind, h5py.h5t.TypeStringID) and kind.is_variable_str()):
        raise DataError(f"{path}: the attribute {name} holds neither numbers nor plain text")
    value = file.attrs[name]
    return _text(value) if isinstance(value, bytes) else value


def _parameters(file: h5py.File, path: Path) -> dict[str, HostArray]:
    """Check the declared shapes of the parameters, then read them."""
    link = file.get("parameters", getlink=True)
    if not (isinstance(link, h5py.HardLink) and isinstance(file["parameters"], h5py.Group)):
        raise DataError(f"{path} lacks the group parameters; it is damaged or not a model")
    group = file["parameters"]
    arrays = {name: open_array(group, name, path) for name in group}
    for name, array in arrays.items():
        if array.shape is None or array.dtype not in (np.dtype("f4"), np.dtype("f8")):
            raise DataError(f"{path}: {name} has dtype {array.dtype}; float32 or float64 is right")
    try:
        dims = check_parameters(arrays)
    except ShapeError as error:
        raise DataError(f"{path}: {error}") from error
    check_memory(arrays.values(), path)
    names = [f"{kind}{layer}" for layer in range(1, len(dims)) for kind in "Wb"]
    parameters = {name: read_array(arrays[name]) for name in names}
    for name, values in parameters.items():
        if values.dtype != parameters["W1"].dtype:
            raise DataError(
                f"{path}: {name} is {values.dtype} but W1 is {parameters['W1'].dtype}; "
                "all must have one dtype"
            )
        if not np.isfinite(values).all():
            raise DataError(f"{path}: {name} holds NaN or infinity")
    return parameters


def _model(described: Mapping[str, Any], parameters: Mapping[str, Any], path: Path) -> Model:
    """Check the description against the parameters and put both together."""
    dims = check_parameters(parameters)
    image_shape = _whole_numbers(described["image_shape"])
    hidden = _texts(described["hidden"])
    class_names = _texts(described["class_names"])
    wrong = ""
    if _whole_numbers(described["layer_dims"]) != dims:
        wrong = f"layer_dims is {described['layer_dims']}, but the parameters are those of {dims}"
    elif len(image_shape) != 3 or min(image_shape) < 1 or _product(image_shape) != dims[0]:
        wrong = f"image_shape is {described['image_shape']}, but W1 takes {dims[0]} features"
    elif dims[-1] != 1 or len(class_names) != 2:
        wrong = f"{dims[-1]} outputs for {len(class_names)} class names; 1 for 2 would be right"
    elif not _is(described["pixel_scale"], PIXEL_SCALE):
        wrong = f"pixel_scale is {described['pixel_scale']}; {PIXEL_SCALE} would be right"
    elif not _is(described["dtype"], dtype_name(parameters["W1"])):
        wrong = f"dtype is {described['dtype']}, but W1 is {dtype_name(parameters['W1'])}"
    if wrong:
        raise DataError(f"{path}: {wrong}")
    try:
        names = tuple(g.name for g in hidden_activations(hidden, len(dims) - 2))
        check_class_names(class_names)
    except (SettingError, DataError) as error:
        raise DataError(f"{path}: {error}") from error
    provenance = _provenance(described["provenance"], path)
    height, width, channels = image_shape
    first, second = class_names
    return Model(parameters, names, (first, second), (height, width, channels), provenance)


def _provenance(text: Any, path: Path) -> dict[str, Any]:
    """Read the JSON that tells how the model came about."""
    try:
        provenance = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: provenance is not JSON: {error}") from error
    if not isinstance(provenance, dict):
        raise DataError(f"{path}: provenance is not a JSON object")
    return provenance


def _is(value: Any, expected: object) -> bool:
    """Whether an attribute is that one value; NumPy would compare an array entry by entry."""
    return np.ndim(value) == 0 and bool(value == expected)


def _whole_numbers(value: Any) -> tuple[int, ...]:
    """Read a flat array of integers; anything else is empty, which fits nothing."""
    array = np.asarray(value)
    return tuple(map(int, array)) if array.ndim == 1 and array.dtype.kind in "iu" else ()


def _texts(value: Any) -> tuple[str, ...]:
    """Read a flat array of texts; anything else is empty."""
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind != "S":
        return ()
    return tuple(map(_text, array))


def _text(value: bytes) -> str:
    """Decode UTF-8, with a sign in the place of what is not."""
    return value.decode(errors="replace")


def _product(sizes: tuple[int, ...]) -> int:
    """Multiply in Python's integers, which do not overflow."""
    height, width, channels = sizes
    return height * width * channels
