"""What an HDF5 object must be, checked before anything in it is read.

The HDF5 library is C code that trusts much of what a file says about itself. So it never gets
anything that could lead elsewhere (links, external and virtual storage), run code (filter
plug-ins), or make it allocate what was not declared (chunks that unpack to more than a chunk).
"""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from portable_dnn.errors import DataError
from portable_dnn.machine.limits import (
    MOST_NAME_LENGTH,
    MOST_NAMES,
    MOST_RATIO,
    MOST_UNSTORED_BYTES,
)
from portable_dnn.machine.memory import check_fits, show_bytes

__all__ = [
    "CHECKSUM",
    "GZIP",
    "check_attributes",
    "check_group",
    "check_memory",
    "check_storage",
    "check_type",
    "chunk_bytes",
    "filters_of",
    "names_in",
    "without_plugins",
]

GZIP = int(h5py.h5z.FILTER_DEFLATE)
"""The number of the filter that compresses."""
CHECKSUM = int(h5py.h5z.FILTER_FLETCHER32)
"""The number of the filter that appends a checksum."""
# In the order in which h5py and others write them; any may be left out.
_PIPELINE = (int(h5py.h5z.FILTER_SHUFFLE), GZIP, CHECKSUM)
_NUMBERS = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM)


@contextmanager
def without_plugins() -> Iterator[None]:
    """Keep the HDF5 library from loading code because a file names a filter it does not know.

    The list is one for the whole process: where threads read at the same time, the first that ends
    restores it, and `check_storage` alone is left to refuse such filters.

    Yields
    ------
    None
        While its list of places to look for plug-ins is empty.
    """
    places = [h5py.h5pl.get(i) for i in range(h5py.h5pl.size())]
    for _ in places:
        h5py.h5pl.remove(0)
    try:
        yield
    finally:
        for place in places:
            h5py.h5pl.append(place)


def check_group(group: h5py.Group, path: Path) -> None:
    """Refuse a group whose list of names is larger than any of ours, or is itself compressed.

    Parameters
    ----------
    group : h5py.File or h5py.Group
        The open group.
    path : Path
        The file's path, for the message.

    Raises
    ------
    DataError
        If it is.
    """
    check_attributes(group, path)
    made = h5py.h5g.open(group.id, b".").get_create_plist()
    # h5py has this question for arrays only. The identifier is closed by the one that lent it.
    filters = h5py.h5p.PropDCID(made.id)
    filters.locked = True
    if filters.get_nfilters():
        raise DataError(f"{path}: the names in {group.name} are compressed; no such file is read")
    if len(group) > MOST_NAMES:
        raise DataError(
            f"{path}: {group.name} has {len(group)} entries; at most {MOST_NAMES} are read"
        )


def check_attributes(holder: h5py.HLObject, path: Path) -> None:
    """Refuse an object with more attributes than are read; parameters as for `check_group`."""
    count = h5py.h5a.get_num_attrs(holder.id)
    if count > MOST_NAMES:
        raise DataError(
            f"{path}: {holder.name} has {count} attributes; at most {MOST_NAMES} are read"
        )


def names_in(group: h5py.Group, path: Path) -> list[str]:
    """List the names in a group, which says nothing yet of what they lead to.

    Parameters
    ----------
    group : h5py.File or h5py.Group
        A group that `check_group` let pass.
    path : Path
        The file's path, for the message.

    Returns
    -------
    list of str

    Raises
    ------
    DataError
        If one cannot be a name, or is too long to be shown.
    """
    names = list(itertools.islice(group, MOST_NAMES))
    if any("/" in name for name in names):
        # It would be taken for a path, and a path may lead through a link to another file.
        raise DataError(f"{path} is a damaged HDF5 file: a name in {group.name} holds a slash")
    longest = max(map(len, names), default=0)
    if longest > MOST_NAME_LENGTH:
        raise DataError(
            f"{path}: a name in {group.name} has {longest} characters; at most "
            f"{MOST_NAME_LENGTH} are read"
        )
    return names


def check_type(kind: h5py.h5t.TypeID, what: str, path: Path) -> None:
    """Refuse what is neither a number of the usual formats nor text of fixed length.

    Text of variable length lies in a heap, where one wrong byte can keep the HDF5 library busy for
    ever; references lead to other objects; compound types nest without end.

    Parameters
    ----------
    kind : h5py.h5t.TypeID
        The type that the file declares.
    what : str
        Whose it is, for the message: "train_set_y".
    path : Path
        The file's path, for the message.

    Raises
    ------
    DataError
        If it is something else.
    """
    found = kind.get_class()
    if found == h5py.h5t.STRING:
        if kind.is_variable_str():
            raise DataError(
                f"{path}: {what} holds text of variable length; write it with a fixed length, as "
                "numpy.array(names, dtype='S')"
            )
        return
    try:
        dtype = kind.dtype if found in _NUMBERS else np.dtype(object)
    except TypeError as error:  # such as integers of five bytes
        raise DataError(f"{path}: {what} holds numbers in an unusual format") from error
    # h5py writes truth values as an enumeration of two names.
    if dtype.kind not in ("b" if found == h5py.h5t.ENUM else "iuf"):
        raise DataError(f"{path}: {what} holds neither numbers nor plain text")
    if found != h5py.h5t.ENUM and h5py.h5t.py_create(dtype) != kind:
        raise DataError(
            f"{path}: {what} holds numbers in an unusual format; write it as {dtype.name}"
        )


def check_storage(array: h5py.Dataset, what: str, path: Path) -> None:
    """Refuse an array that does not lie in the file, or whose bytes anything but gzip has changed.

    Parameters
    ----------
    array : h5py.Dataset
        The open array.
    what : str
        Its name, for the message.
    path : Path
        The file's path, for the message.

    Raises
    ------
    DataError
        If its data lie in other files, or need a filter other than shuffle, gzip and fletcher32,
        once each and in this order.
    """
    if array.is_virtual:
        raise DataError(
            f"{path}: {what} is a virtual array over other files; it must hold its data"
        )
    if array.external:
        raise DataError(f"{path}: {what} lies in another file; the data must be in the file")
    filters = filters_of(array)
    if filters and not array.chunks:
        raise DataError(f"{path} is a damaged HDF5 file: {what} has filters but no chunks")
    allowed = [number for number in _PIPELINE if number in filters]
    if filters != allowed:
        stored = array.id.get_create_plist()
        names = [stored.get_filter(i)[3].decode(errors="replace") for i in range(len(filters))]
        raise DataError(
            f"{path}: {what} is stored with the filters {', '.join(names[:8])}; only shuffle, "
            "gzip and fletcher32 are read, once each and in this order: write it with gzip or "
            "uncompressed"
        )


def check_memory(arrays: Iterable[h5py.Dataset], path: Path) -> None:
    """Refuse arrays that declare more than memory is free or much more than the file holds.

    Parameters
    ----------
    arrays : iterable of h5py.Dataset
        All that are about to be read.
    path : Path
        The file's path, for the message.

    Raises
    ------
    DataError
        If they do not fit, or one, or all together, are declared to be `MOST_RATIO` times larger
        than their bytes in the file (from `MOST_UNSTORED_BYTES` on).
    """
    arrays = list(arrays)
    check_fits(sum(map(_declared, arrays)), f"{path} declares")
    largest = [max(_declared(array), chunk_bytes(array)) for array in arrays]
    stored = [int(array.id.get_storage_size()) for array in arrays]
    size = path.stat().st_size
    for array, much, there in zip(arrays, largest, stored, strict=True):
        _check_ratio(much, min(there, size), f"{path}: {array.name.lstrip('/')} declares")
    # Many small arrays, or arrays that lie on each other, make a large one.
    _check_ratio(sum(largest), min(sum(stored), size), f"{path}: its arrays together declare")


def _check_ratio(declared: int, stored: int, what: str) -> None:
    """Refuse what is declared and is neither in the file nor compressed as pictures can be."""
    if declared > MOST_UNSTORED_BYTES and declared > MOST_RATIO * stored:
        raise DataError(
            f"{what} {show_bytes(declared)}, but only {show_bytes(stored)} are in the file; it "
            f"must hold its data, compressed to a {MOST_RATIO}th at most"
        )


def filters_of(array: h5py.Dataset) -> list[int]:
    """Return the numbers of the filters that an array's chunks pass through when written.

    Parameters
    ----------
    array : h5py.Dataset
        The open array.

    Returns
    -------
    list of int
    """
    stored = array.id.get_create_plist()
    return [stored.get_filter(i)[0] for i in range(stored.get_nfilters())]


def _declared(array: h5py.Dataset) -> int:
    """Count the bytes of an array, in Python's integers: a declared shape may overflow 64 bits."""
    return _bytes(array.shape or (), array)


def chunk_bytes(array: h5py.Dataset) -> int:
    """Count the bytes of one chunk, unpacked.

    Parameters
    ----------
    array : h5py.Dataset
        The open array.

    Returns
    -------
    int
        0 if the array is in one piece.
    """
    return _bytes(array.chunks, array) if array.chunks else 0


def _bytes(shape: Iterable[int], array: h5py.Dataset) -> int:
    """Multiply a shape and the size of an element."""
    count = int(array.dtype.itemsize)
    for length in shape:
        count *= int(length)
    return count
