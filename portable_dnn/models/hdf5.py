"""A model as an HDF5 file.

Root attributes: `format`, `format_version`, `layer_dims`, `hidden`, `dtype`, `class_names`,
`image_shape`, `pixel_scale` and `provenance` (JSON). Group `parameters`: `W1, b1 … WL, bL`.
"""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py

from portable_dnn.arrays.contract import HostArray
from portable_dnn.errors import DataError
from portable_dnn.files.format_version import check_format_version
from portable_dnn.files.hdf5.file import (
    check_memory,
    names_in,
    open_array,
    open_group,
    opened,
    read_array,
    read_attribute,
    write_attribute,
    write_hdf5,
)
from portable_dnn.files.json_objects import read_object
from portable_dnn.models.checks import (
    DESCRIPTION,
    FORMAT,
    FORMAT_VERSION,
    check_declared,
    check_described,
    check_values,
)

__all__ = ["check", "read", "write"]

_GROUP = "parameters"
_MOST_LISTED = 8


def write(
    path: str | Path, described: Mapping[str, Any], parameters: Mapping[str, HostArray]
) -> None:
    """Write a description and parameters, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to create or replace.
    described : mapping of str to object
        As `model_checks.describe` gave it.
    parameters : mapping of str to numpy.ndarray
        `W1, b1 … WL, bL`.

    Raises
    ------
    OutputError
        If the file cannot be written, or the description is more than an HDF5 header holds.
    """

    def fill(file: h5py.File) -> None:
        _describe(file, described, path)
        group = file.create_group(_GROUP)
        for name, array in parameters.items():
            group.create_dataset(name, data=array, track_times=False)

    write_hdf5(path, fill)


def check(
    path: str | Path, described: Mapping[str, Any], parameters: Mapping[str, HostArray]
) -> None:
    """Say what `write` would refuse, without writing; parameters and errors as for `write`."""
    with h5py.File(io.BytesIO(), "w") as file:
        _describe(file, described, path)


def _describe(file: h5py.File, described: Mapping[str, Any], path: str | Path) -> None:
    """Write the attributes."""
    for name, value in described.items():
        plain = json.dumps(value) if isinstance(value, dict) else value
        write_attribute(file, name, plain, path)


def read(path: Path) -> tuple[dict[str, Any], dict[str, HostArray]]:
    """Read a description and parameters that fit each other.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    described : dict of str to object
        Plain values under the names of `model_checks.DESCRIPTION`.
    parameters : dict of str to numpy.ndarray
        Finite.

    Raises
    ------
    DataError
        If the file is not a model, is from a newer version, or is damaged.
    """
    with opened(path, "a model file") as file:
        _check_format(file, path)
        described = {name: read_attribute(file, name, path) for name in DESCRIPTION}
        text = described["provenance"]
        if isinstance(text, str):
            described["provenance"] = read_object(text, f"{path}: provenance")
        return described, _parameters(file, described, path)


def _check_format(file: h5py.File, path: Path) -> None:
    """Refuse what is not a model, or is a newer one."""
    if "format" not in file.attrs or read_attribute(file, "format", path) != FORMAT:
        keys = ", ".join(sorted(names_in(file, path))[:_MOST_LISTED]) or "nothing"
        raise DataError(
            f"{path} is HDF5 but not a model of portable_dnn (it holds {keys}); "
            "'portable-dnn train --out' writes one"
        )
    check_format_version(read_attribute(file, "format_version", path), FORMAT_VERSION, path)


def _parameters(file: h5py.File, described: Mapping[str, Any], path: Path) -> dict[str, HostArray]:
    """Check all that is declared of the parameters, then read them."""
    if _GROUP not in names_in(file, path):
        raise DataError(f"{path} lacks the group {_GROUP}; it is damaged or not a model")
    group = open_group(file, _GROUP, path)
    arrays = {name: open_array(group, name, path) for name in names_in(group, path)}
    names = check_declared(arrays, path)
    check_described(described, arrays, path)
    check_memory(arrays.values(), path)
    parameters = {name: read_array(arrays[name]) for name in names}
    check_values(parameters, path)
    return parameters
