"""A run between two updates: all that is needed to go on from there with the same bits."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from portable_dnn.arrays.contract import Array
from portable_dnn.arrays.devices import Device, place, to_host
from portable_dnn.arrays.namespaces import dtype_name
from portable_dnn.errors import SettingError
from portable_dnn.training.history import History

__all__ = ["Snapshot", "array_hash", "place_state"]


@dataclass(frozen=True)
class Snapshot:
    """A run as it stands between two updates.

    The start parameters are not part of it: they are given to `train` again, which knows them by
    `history.start_hash`. Nothing is drawn at random after the start.

    Attributes
    ----------
    iteration : int
        Number of updates made.
    state : mapping of str to array
        `first_layer.Held.state`: what the next step is given, as it is held, since bits are lost
        on any other way. Of any library, or the host's.
    history : History
        Its records so far, and how the run began and is held.
    products_hash : str
        `array_hash` of the products of the samples with each other, where layer 1 is trained in
        their span; else empty. They are formed anew, and may be rounded otherwise elsewhere.
    """

    iteration: int
    state: Mapping[str, Array]
    history: History
    products_hash: str = ""


def array_hash(array: Array) -> str:
    """Fingerprint of an array's values.

    Parameters
    ----------
    array : array
        Of any library.

    Returns
    -------
    str
        SHA-256 in hexadecimal over its little-endian bytes, row by row.
    """
    host = to_host(array)
    return hashlib.sha256(host.astype(host.dtype.newbyteorder("<"), order="C").data).hexdigest()


def place_state(
    snapshot: Snapshot, expected: Mapping[str, Array], device: Device
) -> dict[str, Array]:
    """Put a snapshot's state where a run computes.

    Parameters
    ----------
    snapshot : Snapshot
        To go on from.
    expected : mapping of str to array
        The state that the run would begin with.
    device : Device
        Where the run computes.

    Returns
    -------
    dict of str to array
        In the order of `expected`.

    Raises
    ------
    SettingError
        If its arrays are not those that the run has.
    """
    state = {}
    for name, array in expected.items():
        found = snapshot.state.get(name)
        wanted = (dtype_name(array), tuple(array.shape))
        got = None if found is None else (dtype_name(found), tuple(found.shape))
        if got != wanted:
            raise SettingError(
                f"the snapshot's {name} is {_words(got)}, but this run's is {_words(wanted)}; "
                "go on with the network, the data and the dtype that the snapshot is of"
            )
        state[name] = found
    if len(snapshot.state) != len(expected):
        raise SettingError(
            f"the snapshot has {len(snapshot.state)} arrays, but this run has {len(expected)}; "
            "go on with the network that the snapshot is of"
        )
    return dict(place(state, device))


def _words(kind: tuple[str, tuple[int, ...]] | None) -> str:
    """Write a dtype and a shape."""
    return "missing" if kind is None else f"{kind[0]} of shape {kind[1]}"
