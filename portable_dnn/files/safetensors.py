"""Safetensors files: a header of JSON and plain bytes, checked before any array is read."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from portable_dnn.errors import DataError, OutputError
from portable_dnn.files.atomic import write_atomically
from portable_dnn.files.paths import existing_file
from portable_dnn.files.signatures import what_it_is
from portable_dnn.machine.limits import MOST_HEADER_BYTES
from portable_dnn.machine.memory import check_fits, show_bytes

__all__ = ["DeclaredTensor", "TensorFile", "check_tensors", "opened_tensors", "write_tensors"]

_DTYPES = {"F64": "float64", "F32": "float32", "I64": "int64", "U8": "uint8"}
# The length of the header, in 8 bytes, lies before it.
_PREFIX = 8


@dataclass(frozen=True)
class DeclaredTensor:
    """What a file says of one of its arrays.

    Attributes
    ----------
    shape : tuple of int
        Its shape.
    dtype : numpy.dtype
        float64, float32, int64 or uint8.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return len(self.shape)


class TensorFile:
    """An open file whose header has passed the checks.

    Parameters
    ----------
    file : safetensors.safe_open
        The library's own, which has no types.
    path : Path
        For messages.
    """

    def __init__(self, file: Any, path: Path) -> None:
        self._file = file
        self.metadata: dict[str, str] = dict(file.metadata() or {})
        self.arrays = {name: self._declared(name, path) for name in file.keys()}  # noqa: SIM118

    def _declared(self, name: str, path: Path) -> DeclaredTensor:
        """Look at the header's entry of an array."""
        entry = self._file.get_slice(name)
        dtype = str(entry.get_dtype())
        if dtype not in _DTYPES:
            raise DataError(f"{path}: {name} has dtype {dtype}; {', '.join(_DTYPES)} are read")
        return DeclaredTensor(tuple(map(int, entry.get_shape())), np.dtype(_DTYPES[dtype]))

    def read(self, name: str) -> NDArray[Any]:
        """Read an array.

        Parameters
        ----------
        name : str
            A key of `arrays`.

        Returns
        -------
        numpy.ndarray
            All of it.
        """
        return np.asarray(self._file.get_tensor(name))


@contextmanager
def opened_tensors(path: Path, what: str) -> Iterator[TensorFile]:
    """Open a safetensors file for reading, and turn whatever is broken in it into one sentence.

    The library checks that the arrays fill the file without gaps or overlaps, so none can be
    larger than the file.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it should be, for the message: "a model file".

    Yields
    ------
    TensorFile
        Its metadata and what it declares; arrays are read when they are asked for.

    Raises
    ------
    DataError
        If it is missing, is no safetensors file or a damaged one, has a header of more than
        `MOST_HEADER_BYTES`, holds arrays of other dtypes, or is larger than the free memory.
    """
    existing_file(path, what)
    try:
        _check_header(path)
        with safe_open(str(path), framework="numpy") as file:
            yield TensorFile(file, path)
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(_unreadable(path, error)) from error


def _check_header(path: Path) -> None:
    """Refuse a header, or a file, that would fill the memory when it is read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_PREFIX), "little")
    if not 0 < length <= size - _PREFIX:
        what = what_it_is(path) or ", or its end is missing"
        raise DataError(f"{path} is not a safetensors file{what}")
    if length > MOST_HEADER_BYTES:
        raise DataError(
            f"{path} has a header of {show_bytes(length)}; at most "
            f"{show_bytes(MOST_HEADER_BYTES)} are read"
        )
    check_fits(size, f"{path} holds")


def _unreadable(path: Path, error: Exception) -> str:
    """Say why the library cannot read a file."""
    if isinstance(error, PermissionError):
        return f"{path} may not be read: permission denied"
    text = " ".join(str(error).split()).removeprefix("Error while deserializing header: ")
    return f"{path} is a damaged safetensors file: {text}"


def write_tensors(
    path: str | Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write a safetensors file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to create or replace.
    arrays : mapping of str to numpy.ndarray
        float64, float32, int64 or uint8, in any layout.
    metadata : mapping of str to str
        One entry at most, if the same content is to give the same bytes: the library writes
        several in any order.

    Raises
    ------
    OutputError
        If the file cannot be written, or its header would be larger than is read.
    """
    # The library takes an array's address, and knows nothing of strides.
    packed = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    content = save(packed, dict(metadata))
    _check_length(path, int.from_bytes(content[:_PREFIX], "little"))
    with write_atomically(path) as file:
        file.write(content)


def check_tensors(
    path: str | Path, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Say what `write_tensors` would refuse, without writing or copying anything.

    Parameters
    ----------
    path, arrays, metadata
        As for `write_tensors`; the arrays' values play no part.

    Raises
    ------
    OutputError
        If the header would be larger than is read.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, array in arrays.items():
        offsets = [end, end + array.nbytes]
        header[name] = {"dtype": "F64", "shape": list(array.shape), "data_offsets": offsets}
        end = offsets[1]
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False)
    _check_length(path, len(text.encode(errors="replace")) + _PREFIX)  # it is filled up to 8 bytes


def _check_length(path: str | Path, length: int) -> None:
    """Refuse a header that would not be read again."""
    if length > MOST_HEADER_BYTES:
        raise OutputError(
            f"cannot write {path}: its names and description take {show_bytes(length)}, and "
            f"{show_bytes(MOST_HEADER_BYTES)} are read again; keep them shorter"
        )
