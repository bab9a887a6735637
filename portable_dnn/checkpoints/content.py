"""What stands in a checkpoint, read as if a stranger had written it.

Its checksums prove that nothing was damaged, not who made it. So every array must be what
`checkpoint.CheckpointFormat` writes: of its type and shape, as it is in the file (in one piece, not
compressed, none on top of another), and with records that a run could have made.
"""

import math
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from portable_dnn.arrays.contract import HostArray
from portable_dnn.errors import DamagedError, DataError
from portable_dnn.files.format_version import check_format_version
from portable_dnn.files.hdf5.file import (
    check_memory,
    open_array,
    open_group,
    read_array,
    read_attribute,
)
from portable_dnn.files.json_objects import read_object
from portable_dnn.files.text import shortened
from portable_dnn.machine.limits import MOST_NAMES
from portable_dnn.training.history import History, Record
from portable_dnn.training.state import Snapshot
from portable_dnn.training.step import State

__all__ = ["COLUMNS", "FORMAT", "FORMAT_VERSION", "checksum", "read_content", "to_snapshot"]

FORMAT = "portable_dnn checkpoint"
"""The first words of a file."""
FORMAT_VERSION = 2
"""Of the layout. Files of version 1 have no slots, and nothing that callbacks keep."""
COLUMNS = tuple(f"history/{name}" for name in ("iteration", "cost", "dead_share", "gradient_norm"))
"""The arrays that have a row for each record."""
_FLOATS = (np.dtype("<f4"), np.dtype("<f8"))
_INTEGERS = [np.dtype(f"<{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]
_NUMBERS = (np.dtype("<f2"), *_FLOATS, *_INTEGERS)


def checksum(data: bytes | memoryview) -> bytes:
    """Return the checksum of an array's bytes; that of the file is the strong one.

    Parameters
    ----------
    data : bytes or memoryview
        The bytes.

    Returns
    -------
    bytes
        CRC-32 in hexadecimal.
    """
    return b"%08x" % zlib.crc32(data)


def read_content(file: h5py.File, path: Path) -> dict[str, HostArray]:
    """Read the arrays of a checkpoint from an open file.

    Parameters
    ----------
    file : h5py.File
        As `hdf5.opened` gives it.
    path : Path
        The file's path, for the message.

    Returns
    -------
    dict of str to numpy.ndarray
        By name; each has the checksum that is listed for it.

    Raises
    ------
    DataError
        If the file is from a newer version, or has arrays that this library does not write.
    """
    check_format_version(read_attribute(file, "format_version", path), FORMAT_VERSION, path)
    return _read_arrays(file, path)


def to_snapshot(arrays: Mapping[str, HostArray], path: Path) -> tuple[dict[str, Any], Snapshot]:
    """Make a run of the arrays of a checkpoint.

    Parameters
    ----------
    arrays : mapping of str to numpy.ndarray
        As `read_content` gives them.
    path : Path
        Where they were, for the message.

    Returns
    -------
    run : dict of str to object
        What decides the run, and what it was made with: from the file, not checked.
    snapshot : Snapshot
        With arrays of the host.

    Raises
    ------
    DataError
        If they are not what this library writes.
    """
    try:
        run = read_object(_array(arrays, "run", (np.uint8,), 1).tobytes().decode(), "its run")
        return run, _snapshot(run, arrays)
    # A name that is not there, or a value of another kind: the checks above them say it better.
    except (ValueError, TypeError, KeyError, ArithmeticError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DataError(f"{path} is not a checkpoint that portable_dnn wrote: {reason}") from error


def _read_arrays(file: h5py.File, path: Path) -> dict[str, HostArray]:
    """Read all arrays and compare each with its checksum."""
    lists = {name: _open_whole(file, name, path) for name in ("names", "crc32")}
    if any(array.ndim != 1 or array.dtype.kind != "S" for array in lists.values()):
        raise DataError(f"{path}: names and crc32 must be lists of texts")
    count = max(map(len, lists.values()))
    if count > MOST_NAMES:
        raise DataError(
            f"{path}: {count} names or checksums are listed; at most {MOST_NAMES} are read"
        )
    _check_room(lists.values(), path)
    listed = {name: read_array(array) for name, array in lists.items()}
    names = [name.decode(errors="replace") for name in listed["names"]]
    found = {name: _open_nested(file, name, path) for name in names}
    _check_room([*found.values(), lists["crc32"]], path)
    arrays = {name: read_array(array) for name, array in found.items()}
    if [checksum(array.tobytes()) for array in arrays.values()] != list(listed["crc32"]):
        raise DamagedError(f"{path} is damaged: an array has another checksum than is listed")
    return arrays


def _check_room(arrays: Iterable[h5py.Dataset], path: Path) -> None:
    """Refuse arrays that together declare more than the file holds, or than memory is free."""
    arrays = list(arrays)
    check_memory(arrays, path)
    if sum(int(array.nbytes) for array in arrays) > path.stat().st_size:
        raise DataError(f"{path}: its arrays declare more than the file holds")


def _open_nested(file: h5py.File, name: str, path: Path) -> h5py.Dataset:
    """Open an array that may lie in a group."""
    folder, _, last = name.rpartition("/")
    if folder not in ("", "state", "slots", "history"):
        raise DataError(f"{path}: there is no array {shortened(name)} in a checkpoint")
    return _open_whole(open_group(file, folder, path) if folder else file, last, path)


def _open_whole(group: h5py.Group, name: str, path: Path) -> h5py.Dataset:
    """Open an array that lies in the file as it is, and has the bytes it declares."""
    array = open_array(group, name, path)
    if array.shape is None or array.chunks or array.dtype.kind not in "fiuS":
        raise DataError(
            f"{path}: {name} must hold numbers or plain text, in one piece and not compressed"
        )
    stored = int(array.id.get_storage_size())
    if stored != array.nbytes:
        raise DataError(f"{path}: {name} declares {array.nbytes} bytes, but {stored} are there")
    return array


def _snapshot(run: Mapping[str, Any], arrays: Mapping[str, HostArray]) -> Snapshot:
    """Put the arrays together."""
    counts = _array(arrays, "counts", (np.int64,), 1)
    if len(counts) != 2:
        raise ValueError(f"counts has {len(counts)} numbers; 2 would be right")
    iteration, records = map(int, counts)
    parameters = {
        name: _array(arrays, f"state/{name}", _FLOATS, 2) for name in _texts(run, "state")
    }
    names = _texts(run, "slots", [])
    slots = {name: _array(arrays, f"slots/{i}", _NUMBERS) for i, name in enumerate(names)}
    for name in _texts(run, "bool_slots", []):
        slots[name] = slots[name] != 0
    callbacks = run.get("callback_state", {})
    if not isinstance(callbacks, dict):
        raise ValueError("callback_state is not an object")
    history = History(_text(run, "start_sha256"), run["compressed"] is True)
    for record in _records(iteration, records, _texts(run, "gradient_norm"), arrays):
        history.append(record)
    state = State(parameters, slots)
    return Snapshot(iteration, state, history, _text(run, "products_sha256"), callbacks)


def _records(
    iteration: int, records: int, names: list[str], arrays: Mapping[str, HostArray]
) -> Iterable[Record]:
    """Check the records of a run, and give them one by one."""
    kinds = (np.int64, np.float64, np.float64, np.float64)
    columns = [_array(arrays, name, (k,), 2) for name, k in zip(COLUMNS, kinds, strict=True)]
    width = tuple(column.shape[1] for column in columns)
    if width != (1, 1, width[2], len(names)):
        raise ValueError(f"its records have {width} columns, with norms of {len(names)} parameters")
    # A record is made before an update, so there are no more of them.
    if not 0 <= records <= min(iteration, *map(len, columns)):
        raise ValueError(f"it has {records} records and {iteration} iterations")
    numbers, costs, dead, norms = (column[:records] for column in columns)
    _check_records(iteration, numbers, costs, dead)
    for (number,), (cost,), shares, row in zip(numbers, costs, dead, norms, strict=True):
        told = tuple(None if math.isnan(share) else share for share in shares.tolist())
        yield Record(int(number), float(cost), told, dict(zip(names, row.tolist(), strict=True)))


def _check_records(iteration: int, numbers: HostArray, costs: HostArray, dead: HostArray) -> None:
    """Refuse records that no run could have made."""
    if numbers.size and (
        numbers[0, 0] != 0 or numbers[-1, 0] >= iteration or not (numbers[1:] > numbers[:-1]).all()
    ):
        raise ValueError(f"its records are not of iterations that rise from 0 to below {iteration}")
    if not np.isfinite(costs).all():
        raise ValueError("a record has a cost that is not finite")
    if not (np.isnan(dead) | ((dead >= 0) & (dead <= 1))).all():
        raise ValueError("a record has a share that is not from 0 to 1")


def _array(
    arrays: Mapping[str, HostArray], name: str, dtypes: Iterable[Any], ndim: int | None = None
) -> NDArray[Any]:
    """Return an array in the order of bytes of this machine, if it is of a kind."""
    array = arrays[name]
    if ndim not in (None, array.ndim) or array.dtype not in [
        np.dtype(d).newbyteorder("<") for d in dtypes
    ]:
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _text(run: Mapping[str, Any], name: str) -> str:
    """Return a text."""
    if not isinstance(run[name], str):
        raise ValueError(f"{name} is not a text")
    return str(run[name])


def _texts(run: Mapping[str, Any], name: str, absent: list[str] | None = None) -> list[str]:
    """Return a list of texts of which no two are the same."""
    found = run[name] if absent is None else run.get(name, absent)
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"{name} is not a list of texts")
    if len(set(found)) != len(found):
        raise ValueError(f"{name} has the same text twice")
    return found
