"""HDF5 files: checked before they are read, and written whole or not at all.

Every file is read in this way: `opened`, then `open_group` and `open_array`, which give only what
passed the checks of `portable_dnn.files.hdf5.guards`; `check_memory` over all that is wanted; then
`read_array` and `read_attribute`. Nothing else of h5py is used on a file from outside.
"""

import errno
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from portable_dnn.errors import DataError
from portable_dnn.files.atomic import write_atomically
from portable_dnn.files.hdf5.attributes import read_attribute, write_attribute
from portable_dnn.files.hdf5.chunks import check_chunks
from portable_dnn.files.hdf5.guards import (
    check_attributes,
    check_group,
    check_memory,
    check_storage,
    check_type,
    names_in,
    without_plugins,
)
from portable_dnn.files.hdf5.heaps import check_heaps
from portable_dnn.files.paths import existing_file
from portable_dnn.files.signatures import what_it_is

__all__ = [
    "check_memory",
    "names_in",
    "open_array",
    "open_group",
    "opened",
    "read_array",
    "read_attribute",
    "write_attribute",
    "write_hdf5",
]

# What says that another program has the lock; Windows says EACCES or EDEADLK.
_LOCKED = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)


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
    check_heaps(path)
    try:
        with without_plugins(), h5py.File(path, "r") as file:
            check_group(file, path)
            yield file
    # h5py turns what the HDF5 library finds broken into any of these, by where it finds it.
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(_unreadable(path, error)) from error


def open_group(file: h5py.Group, key: str, path: Path) -> h5py.Group:
    """Open a group of a file, if it is one, in the file, and of a size that is read.

    Parameters
    ----------
    file : h5py.File or h5py.Group
        The open file, or a group in it.
    key : str
        The group's name there.
    path : Path
        The file's path, for the message.

    Returns
    -------
    h5py.Group

    Raises
    ------
    DataError
        If the name leads to nothing, is a link or an array, or the group has too many entries.
    """
    found = _open(file, key, path)
    if not isinstance(found, h5py.Group):
        raise DataError(f"{path}: {key} is an array; it must be a group")
    check_group(found, path)
    return found


def open_array(
    file: h5py.Group, key: str, path: Path, *, variable_text: bool = False
) -> h5py.Dataset:
    """Open one array of a file, and refuse whatever would read from anywhere else or run code.

    Parameters
    ----------
    file : h5py.File or h5py.Group
        The open file, or a group in it.
    key : str
        The array's name there.
    path : Path
        The file's path, for the message.
    variable_text : bool, default False
        Let text of variable length pass: only where a process that hangs does no harm.

    Returns
    -------
    h5py.Dataset
        Numbers or plain text; nothing of it is read yet, and its size is not checked yet.

    Raises
    ------
    DataError
        If the name is a link, a group, or an array whose data lie in another file, are neither
        numbers nor plain text, or need a filter other than gzip, shuffle and fletcher32.
    """
    found = _open(file, key, path)
    if not isinstance(found, h5py.Dataset):
        raise DataError(f"{path}: {key} is a group; it must be an array")
    check_attributes(found, path)
    check_storage(found, key, path)
    kind = found.id.get_type()
    text = kind.get_class() == h5py.h5t.STRING
    if not (variable_text and text and kind.is_variable_str()):
        check_type(kind, key, path)
    return found


def _open(file: h5py.Group, key: str, path: Path) -> h5py.HLObject:
    """Open what a name leads to, if it lies in this file itself."""
    link = file.get(key, getlink=True)
    if link is None:
        raise DataError(f"{path} is a damaged HDF5 file: {key} is listed but cannot be found")
    if not isinstance(link, h5py.HardLink):
        # A soft link may end in an external one, so neither is followed.
        raise DataError(
            f"{path}: {key} is a link to {link.path}; the data themselves must be there, as h5copy "
            "puts them"
        )
    return file[key]


def read_array(array: h5py.Dataset) -> NDArray[Any]:
    """Read an array that has passed the checks: the one place where data leave a file.

    Parameters
    ----------
    array : h5py.Dataset
        As `open_array` returned it, after `check_memory`.

    Returns
    -------
    numpy.ndarray
        All of it.

    Raises
    ------
    DataError
        If a chunk of it is damaged.
    """
    check_chunks(array, Path(array.file.filename))
    values: NDArray[Any] = array[()]
    return values


def _unreadable(path: Path, error: Exception) -> str:
    """Say why the HDF5 library cannot read a file."""
    # A KeyError puts its message in quotes.
    text = " ".join(str(error).split()).strip("'")
    if isinstance(error, PermissionError):
        return f"{path} may not be read: permission denied"
    if "signature not found" in text:
        return f"{path} is not an HDF5 file{what_it_is(path)}"
    if "lock file" in text:
        if isinstance(error, OSError) and error.errno in _LOCKED:
            return (
                f"{path} is open in another program, such as a notebook, which may be writing it: "
                "close it there; if nothing writes it, HDF5_USE_FILE_LOCKING=FALSE in the "
                "environment reads it all the same"
            )
        return (
            f"{path} cannot be locked where it lies, as on some file systems of networks: set "
            "HDF5_USE_FILE_LOCKING=FALSE in the environment, or copy it to a disk of this machine"
        )
    if "already open for" in text:
        return (
            f"{path} is marked as being written: a program has it open, or ended before it closed "
            "it; close it there, or, if no program has it, take the mark away with "
            f"'h5clear -s {path}', a tool that comes with HDF5"
        )
    if "memory allocation failed" in text:
        return f"{path} needs more memory than there is: {text}"
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
    with write_atomically(path) as target:
        with h5py.File(content, "w") as file:
            fill(file)
        target.write(content.getbuffer())
