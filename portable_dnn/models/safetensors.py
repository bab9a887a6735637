"""A model as a safetensors file: the format for models that are passed on.

The arrays are `W1, b1 … WL, bL`. The metadata has one entry, `portable_dnn`: a JSON object with the
same names as the root attributes of the HDF5 file. One, because the library writes several in any
order, and the same model gives the same bytes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portable_dnn.arrays.contract import HostArray
from portable_dnn.errors import DataError
from portable_dnn.files.format_version import check_format_version
from portable_dnn.files.json_objects import read_object
from portable_dnn.files.safetensors import (
    TensorFile,
    check_tensors,
    opened_tensors,
    write_tensors,
)
from portable_dnn.models.checks import (
    DESCRIPTION,
    FORMAT,
    FORMAT_VERSION,
    check_declared,
    check_described,
    check_values,
)

__all__ = ["SUFFIX", "check", "read", "write"]

SUFFIX = ".safetensors"
_ENTRY = "portable_dnn"
_MOST_LISTED = 8


def write(
    path: str | Path, described: Mapping[str, Any], parameters: Mapping[str, HostArray]
) -> None:
    """Write a description and parameters; parameters and errors as for `store_hdf5.write`."""
    write_tensors(path, parameters, {_ENTRY: json.dumps(described)})


def check(
    path: str | Path, described: Mapping[str, Any], parameters: Mapping[str, HostArray]
) -> None:
    """Say what `write` would refuse, without writing; parameters and errors as for `write`."""
    check_tensors(path, parameters, {_ENTRY: json.dumps(described)})


def read(path: Path) -> tuple[dict[str, Any], dict[str, HostArray]]:
    """Read a description and parameters; what is returned and raised as for `store_hdf5.read`."""
    with opened_tensors(path, "a model file") as file:
        described = _described(file, path)
        names = check_declared(file.arrays, path)
        check_described(described, file.arrays, path)
        parameters: dict[str, HostArray] = {name: file.read(name) for name in names}
    check_values(parameters, path)
    return described, parameters


def _described(file: TensorFile, path: Path) -> dict[str, Any]:
    """Read the description and refuse what is not a model, or is a newer one."""
    text = file.metadata.get(_ENTRY)
    found = {} if text is None else read_object(text, f"{path}: the metadata {_ENTRY}")
    if found.get("format") != FORMAT:
        names = ", ".join(sorted(file.arrays)[:_MOST_LISTED]) or "nothing"
        raise DataError(
            f"{path} is a safetensors file but not a model of portable_dnn (it holds {names}); "
            "'portable-dnn train --out' writes one"
        )
    check_format_version(found.get("format_version"), FORMAT_VERSION, path)
    for name in DESCRIPTION:
        if name not in found:
            raise DataError(f"{path} lacks the entry {name}; it is damaged or not a model")
    return {name: found[name] for name in DESCRIPTION}
