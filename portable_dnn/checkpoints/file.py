"""The checkpoint file: a run between two updates, in one HDF5 file that knows when it is damaged.

The first 512 bytes, HDF5's user block, hold the SHA-256 and the length of all that follows, so that
no changed bit and no missing end gets as far as the HDF5 library. Behind it are arrays:

- `state/…`, `slots/…`: parameters, by name, and slots, numbered, of `Snapshot.state`, as the run
  holds them;
- `history/iteration`, `cost`, `dead_share` (NaN: cannot die), `gradient_norm`: a row a record, and
  rows to spare;
- `counts`: updates made, records made;
- `run`: JSON with the settings, the data's fingerprint, dtype, device, versions and so on, and
  what callbacks keep;
- `names`, `crc32`: each array's name and the checksum of its bytes.

Nothing is drawn at random after the start, which is drawn again from its seed, so there is no
random state but the seed.
"""

import hashlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.checkpoints.content import (
    COLUMNS,
    FORMAT,
    FORMAT_VERSION,
    checksum,
    read_content,
    to_snapshot,
)
from portable_dnn.errors import DamagedError, DataError
from portable_dnn.files.hdf5.file import opened
from portable_dnn.files.paths import existing_file
from portable_dnn.machine.memory import check_fits
from portable_dnn.training.history import History
from portable_dnn.training.state import Snapshot
from portable_dnn.training.step import State

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "Checkpoint",
    "CheckpointFormat",
    "read_arrays",
    "read_checkpoint",
]

_BLOCK = 512  # the smallest user block that HDF5 knows
_ROWS = 64  # records that the first layout has room for


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes
    ----------
    path : Path
        The file.
    run : dict
        What decides the run, and what it was made with.
    snapshot : Snapshot
        With arrays of the host.
    """

    path: Path
    run: dict[str, Any]
    snapshot: Snapshot


class CheckpointFormat:
    """Turns the snapshots of one run into the bytes of files.

    All files of a run have the same arrays in the same places, so HDF5 is asked for the layout once
    and afterwards only what is new is put there: a checkpoint must cost little beside fast
    iterations.

    Parameters
    ----------
    run : mapping of str to object
        What decides the run, and what it was made with; plain data.
    """

    def __init__(self, run: Mapping[str, Any]) -> None:
        self._run = dict(run)
        self._rows = _ROWS
        self._content = memoryview(b"")
        self._arrays: dict[str, HostArray] = {}  # views of the content
        self._places: list[slice] = []
        self._callback_state: Mapping[str, Any] = {}

    def to_bytes(self, snapshot: Snapshot) -> memoryview:
        """Write a snapshot.

        Parameters
        ----------
        snapshot : Snapshot
            Of arrays of the host, of the same run as those before and not older.

        Returns
        -------
        memoryview
            The content of a file, valid until the next call.
        """
        records = len(snapshot.history.cost)
        laid_out = (
            self._arrays
            and self._arrays["counts"][1]
            and self._callback_state == snapshot.callback_state
        )
        if records > self._rows or not laid_out:
            while records > self._rows:
                self._rows *= 2
            self._lay_out(snapshot)
        for name, array in _state_arrays(snapshot.state).items():
            self._arrays[name][...] = array
        counts = self._arrays["counts"]
        self._add_records(snapshot.history, int(counts[1]))
        counts[...] = snapshot.iteration, records
        content = self._content
        sums = b"".join(checksum(content[place]) for place in self._places)
        self._arrays["crc32"].view(np.uint8)[...] = np.frombuffer(sums, np.uint8)
        content[:_BLOCK] = _user_block(content[_BLOCK:])
        return self._content

    def _add_records(self, history: History, begin: int) -> None:
        """Put the records from `begin` on into their rows."""
        new = slice(begin, len(history.cost))
        names = history.gradient_norm.names
        rows: dict[str, list[Any]] = {
            "iteration": history.iteration[new],
            "cost": history.cost[new],
            "dead_share": [
                [math.nan if x is None else x for x in r] for r in history.dead_share[new]
            ],
            "gradient_norm": [[row[name] for name in names] for row in history.gradient_norm[new]],
        }
        if rows["cost"]:
            for name, values in rows.items():
                column = self._arrays[f"history/{name}"]
                column[new] = np.reshape(values, (len(values), column.shape[1]))

    def _lay_out(self, snapshot: Snapshot) -> None:
        """Have HDF5 make a file without values, and find out where it puts each array."""
        arrays = _empty_arrays(snapshot, self._run, self._rows)
        self._callback_state = snapshot.callback_state
        made = io.BytesIO()
        places = {}
        with h5py.File(made, "w", userblock_size=_BLOCK) as file:
            file.attrs["format"] = np.bytes_(FORMAT.encode())
            file.attrs["format_version"] = FORMAT_VERSION
            for name, array in arrays.items():
                dataset = file.create_dataset(name, data=array, track_times=False)
                # An empty array has no place.
                begin = dataset.id.get_offset() or 0
                places[name] = slice(begin, begin + array.nbytes)
        self._content = made.getbuffer()
        before, self._arrays = (
            self._arrays,
            {
                name: np.ndarray(array.shape, array.dtype, self._content, places[name].start)
                for name, array in arrays.items()
            },
        )
        for name in COLUMNS if before and before["counts"][1] else ():
            self._arrays[name][: len(before[name])] = before[name]
            self._arrays["counts"][1] = before["counts"][1]
        self._places = [place for name, place in places.items() if name != "crc32"]


def _empty_arrays(snapshot: Snapshot, run: Mapping[str, Any], rows: int) -> dict[str, HostArray]:
    """Return all arrays of a file; only those that never change have their values."""
    history = snapshot.history
    names = list(history.gradient_norm.names)
    hidden = len(history.dead_share[0]) if history.dead_share else 0
    told = {
        **run,
        "compressed": history.compressed,
        "start_sha256": history.start_hash,
        "products_sha256": snapshot.products_hash,
        "state": list(snapshot.state.parameters),
        "slots": list(snapshot.state.slots),
        "bool_slots": [n for n, slot in snapshot.state.slots.items() if slot.dtype == np.bool_],
        "callback_state": dict(snapshot.callback_state),
        "gradient_norm": names,
    }
    arrays: dict[str, HostArray] = {
        name: np.zeros(array.shape, array.dtype.newbyteorder("<"))
        for name, array in _state_arrays(snapshot.state).items()
    }
    arrays |= {
        "history/iteration": np.zeros((rows, 1), "<i8"),
        "history/cost": np.zeros((rows, 1), "<f8"),
        "history/dead_share": np.zeros((rows, hidden), "<f8"),
        "history/gradient_norm": np.zeros((rows, len(names)), "<f8"),
        "counts": np.zeros(2, "<i8"),
        "run": np.frombuffer(json.dumps(told).encode(), np.uint8),
    }
    arrays["names"] = np.array([name.encode() for name in (*arrays, "names")])
    arrays["crc32"] = np.zeros(len(arrays), f"S{len(checksum(b''))}")
    return arrays


def _state_arrays(state: State) -> dict[str, HostArray]:
    """Return the arrays of a state by their names in a file; HDF5 has no type for bool."""
    slots = (a.view(np.uint8) if a.dtype == np.bool_ else a for a in state.slots.values())
    return {
        **{f"state/{name}": array for name, array in state.parameters.items()},
        **{f"slots/{number}": array for number, array in enumerate(slots)},
    }


def _user_block(rest: bytes | memoryview) -> bytes:
    """Write the user block for what follows it."""
    text = f"{FORMAT}\nsha256 {hashlib.sha256(rest).hexdigest()}\nbytes {len(rest)}\n"
    return text.encode().ljust(_BLOCK, b"\0")


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint from a file.

    Parameters
    ----------
    path : str or Path
        A file with bytes of `CheckpointFormat`.

    Returns
    -------
    Checkpoint

    Raises
    ------
    DamagedError
        If its checksum is wrong.
    DataError
        If the file is no checkpoint, is from a newer version, or cannot be read now; or if it is
        whole, and yet not what this library writes.
    """
    path = Path(path)
    return Checkpoint(path, *to_snapshot(read_arrays(path), path))


def read_arrays(path: Path) -> dict[str, HostArray]:
    """Read the arrays of a checkpoint from a file that is whole.

    Parameters
    ----------
    path : Path
        A file with bytes of `CheckpointFormat`.

    Returns
    -------
    dict of str to numpy.ndarray
        By name.

    Raises
    ------
    DamagedError, DataError
        As for `read_checkpoint`, but for what the arrays tell.
    """
    _check_whole(path)
    with opened(path, "a checkpoint") as file:
        return read_content(file, path)


def _check_whole(path: Path) -> None:
    """Refuse a file with a single wrong bit, before HDF5 sees it."""
    existing_file(path, "a checkpoint")
    try:
        check_fits(path.stat().st_size, f"{path} holds")
        content = memoryview(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if content[:_BLOCK] != _user_block(content[_BLOCK:]):
        ours = bytes(content[: len(FORMAT)]) == FORMAT.encode()
        raise DamagedError(
            f"{path} is damaged: its checksum is not that of its content"
            if ours
            else f"{path} is damaged, or is not a checkpoint of portable_dnn"
        )
