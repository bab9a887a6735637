"""Attributes of HDF5 files: read once type and size are checked, written so that they pass."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from portable_dnn.errors import DataError, OutputError
from portable_dnn.files.hdf5.guards import check_type
from portable_dnn.machine.limits import MOST_ATTRIBUTE_BYTES
from portable_dnn.machine.memory import show_bytes

__all__ = ["read_attribute", "write_attribute"]

# HDF5 stores an attribute in a header of 64 KiB, which also holds its description.
_MOST_WRITTEN_BYTES = 64_000


def read_attribute(holder: h5py.HLObject, name: str, path: Path) -> Any:
    """Read one attribute of a file, a group or an array.

    Parameters
    ----------
    holder : h5py.File, h5py.Group or h5py.Dataset
        What has it.
    name : str
        The attribute's name.
    path : Path
        The file's path, for the message.

    Returns
    -------
    int, float, bool, str, None, or list of these
        Texts decoded from UTF-8, with a sign in the place of what is not; None where it is empty.

    Raises
    ------
    DataError
        If it is missing, holds neither numbers nor text of fixed length, or is too large.
    """
    if name not in holder.attrs:
        raise DataError(f"{path} lacks the attribute {name}; it is damaged or something else")
    declared = holder.attrs.get_id(name)
    what = f"the attribute {name}"
    check_type(declared.get_type(), what, path)
    size = declared.dtype.itemsize
    for length in declared.shape or ():
        size *= int(length)
    if size > MOST_ATTRIBUTE_BYTES:
        raise DataError(
            f"{path}: {what} declares {show_bytes(size)}; at most "
            f"{show_bytes(MOST_ATTRIBUTE_BYTES)} are read"
        )
    return _plain(holder.attrs[name])


def _plain(value: Any) -> Any:
    """Turn what h5py gives for an attribute into plain numbers, texts and lists."""
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return [_plain(item) for item in value] if isinstance(value, list) else value


def write_attribute(holder: h5py.HLObject, name: str, value: Any, path: str | Path) -> None:
    """Write one attribute, so that `read_attribute` reads it.

    Parameters
    ----------
    holder : h5py.File, h5py.Group or h5py.Dataset
        What gets it.
    name : str
        The attribute's name.
    value : number, str, sequence of str or numpy.ndarray of numbers
        Texts get a fixed length.
    path : str or Path
        The file that is being written, for the message.

    Raises
    ------
    OutputError
        If it is larger than an attribute can be.
    """
    if isinstance(value, str):
        value = _fixed_text([value])[0]
    elif isinstance(value, Sequence) and all(isinstance(item, str) for item in value):
        value = _fixed_text(value)
    size = np.asarray(value).nbytes
    if size > _MOST_WRITTEN_BYTES:
        raise OutputError(
            f"cannot write {path}: its {name} takes {size} bytes, and HDF5 holds "
            f"{_MOST_WRITTEN_BYTES} in an attribute; keep it shorter"
        )
    holder.attrs[name] = value


def _fixed_text(texts: Sequence[str]) -> NDArray[Any]:
    """Turn texts into UTF-8 of fixed length.

    Not HDF5's strings of variable length: reading them from a damaged file can keep the HDF5
    library busy without end.
    """
    encoded = [text.encode() for text in texts]
    width = max(map(len, encoded), default=0) or 1
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", width))
