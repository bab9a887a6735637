"""HDF5 files: those of strangers are checked before they are read, ours are written whole."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from portable_dnn.errors import DataError
from portable_dnn.files import write_atomically
from portable_dnn.memory import check_fits
from portable_dnn.paths import existing_file

__all__ = ["check_memory", "open_array", "opened", "read_array", "write_hdf5"]


@contextmanager
def opened(path: Path, what: str) -> Iterator[h5py.File]:
    """Open a file for reading, and turn whatever is found broken in it into one sentence.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it should be, for the message: "an HDF5 data file".

    Yields
    ------
    h5py.File
        The open file.

    Raises
    ------
    DataError
        If it is missing, not HDF5, truncated or damaged, at any time while it is open.
    """
    existing_file(path, what)
    try:
        with h5py.File(path, "r") as file:
            yield file
    # h5py turns what the HDF5 library finds broken into any of these, by where it finds it.
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(_unreadable(path, error)) from error


def open_array(file: h5py.Group, key: str, path: Path) -> h5py.Dataset:
    """Open one array of a file, and refuse whatever would read from anywhere else.

    Parameters
    ----------
    file : h5py.File or h5py.Group
        The open file, or a group in it.
    key : str
        The array's name there.
    path : Path
        The file's path, for the message.

    Returns
    -------
    h5py.Dataset
        Nothing of it is read yet.

    Raises
    ------
    DataError
        If the name is a link, a group, or an array whose data lie in another file.
    """
    link = file.get(key, getlink=True)
    if link is None:
        raise DataError(f"{path} is a damaged HDF5 file: {key} is listed but cannot be found")
    if not isinstance(link, h5py.HardLink):
        # A soft link may end in an external one, so neither is followed.
        raise DataError(f"{path}: {key} is a link to {link.path}; the data must be in the file")
    found = file[key]
    if not isinstance(found, h5py.Dataset):
        raise DataError(f"{path}: {key} is a group; it must be an array")
    if found.is_virtual:
        raise DataError(f"{path}: {key} is a virtual array over other files; it must hold its data")
    if found.external:
        raise DataError(f"{path}: {key} lies in another file; the data must be in the file")
    return found


def check_memory(arrays: Iterable[h5py.Dataset], path: Path) -> None:
    """Refuse arrays that declare more bytes than memory is free, before any is read.

    Parameters
    ----------
    arrays : iterable of h5py.Dataset
        Those about to be read.
    path : Path
        The file's path, for the message.

    Raises
    ------
    DataError
        If they do not fit.
    """
    # Python's integers: a declared shape may overflow 64 bits.
    declared = 0
    for array in arrays:
        count = 1
        for length in array.shape or ():
            count *= int(length)
        declared += count * int(array.dtype.itemsize)
    check_fits(declared, f"{path} declares")


def read_array(array: h5py.Dataset) -> NDArray[Any]:
    """Read an array that has passed the checks: the one place where data leave a file.

    Parameters
    ----------
    array : h5py.Dataset
        As `open_array` returned it.

    Returns
    -------
    numpy.ndarray
        All of it.
    """
    values: NDArray[Any] = array[()]
    return values


def _unreadable(path: Path, error: Exception) -> str:
    """Say why the HDF5 library cannot read a file."""
    # A KeyError puts its message in quotes.
    text = " ".join(str(error).split()).strip("'")
    if isinstance(error, PermissionError):
        return f"{path} may not be read: permission denied"
    if "signature not found" in text:
        return f"{path} is not an HDF5 file"
    if "truncated" in text:
        return f"{path} is truncated: its end is missing; copy or download it again"
    return f"{path} is a damaged HDF5 file: {text}"


def write_hdf5(path: str | Path, fill: Callable[[h5py.File], object]) -> None:
    """Write a file, whole or not at all.

    It is made in memory first: the HDF5 library cannot give up a file that the disk has no room
    for, and these files are no larger than what they are made from.

    Parameters
    ----------
    path : str or Path
        The file to create or replace.
    fill : callable
        Puts the content into an open file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    content = io.BytesIO()
    with write_atomically(path) as temporary:
        with h5py.File(content, "w") as file:
            fill(file)
        temporary.write_bytes(content.getbuffer())
