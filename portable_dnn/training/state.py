"""A run between two updates: all that is needed to go on from there with the same bits."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portable_dnn.arrays.contract import Array, Arrays, Parameters
from portable_dnn.arrays.devices import Device, place, to_host
from portable_dnn.arrays.namespaces import dtype_name
from portable_dnn.errors import SettingError
from portable_dnn.files.text import shortened
from portable_dnn.training.history import History
from portable_dnn.training.step import State

__all__ = ["Snapshot", "array_hash", "check_snapshot", "place_state"]


@dataclass(frozen=True)
class Snapshot:
    """A run as it stands between two updates.

    The start parameters are not part of it: they are given to `train` again, which knows them by
    `history.start_hash`. Nothing is drawn at random after the start.

    Attributes
    ----------
    iteration : int
        Number of updates made.
    state : State
        Parameters and slots as the next step is given them, since bits are lost on any other way.
        Of any library, or the host's.
    history : History
        Its records so far, and how the run began and is held.
    products_hash : str
        `array_hash` of the products of the samples with each other, where layer 1 is trained in
        their span; else empty. They are formed anew, and may be rounded otherwise elsewhere.
    callback_state : mapping of str to object
        What callbacks keep between updates, by name: plain data that JSON can hold.
    """

    iteration: int
    state: State
    history: History
    products_hash: str = ""
    callback_state: Mapping[str, Any] = field(default_factory=dict)


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


def place_state(snapshot: Snapshot, expected: State, device: Device) -> State:
    """Put a snapshot's state where a run computes.

    Parameters
    ----------
    snapshot : Snapshot
        To go on from.
    expected : State
        The state that the run would begin with.
    device : Device
        Where the run computes.

    Returns
    -------
    State
        In the order of `expected`.

    Raises
    ------
    SettingError
        If its arrays are not those that the run has.
    """
    parameters = _matching(snapshot.state.parameters, expected.parameters, "array")
    slots = _matching(snapshot.state.slots, expected.slots, "slot")
    return State(dict(place(parameters, device)), dict(place(slots, device)))


def _matching(found: Arrays, expected: Arrays, what: str) -> Arrays:
    """Return arrays in the order that is expected, if they are of the same kinds."""
    for name, array in expected.items():
        wanted, got = _words(array), _words(found.get(name))
        if got != wanted:
            raise SettingError(
                f"the snapshot's {name} is {got}, but this run's is {wanted}; "
                "go on with the network, the data and the dtype that the snapshot is of"
            )
    if len(found) != len(expected):
        raise SettingError(
            f"the snapshot has {len(found)} {what}s, but this run has {len(expected)}; "
            "go on with the network that the snapshot is of"
        )
    return {name: found[name] for name in expected}


def _words(array: Array | None) -> str:
    """Write the dtype and the shape of an array."""
    return "missing" if array is None else f"{dtype_name(array)} of shape {tuple(array.shape)}"


def check_snapshot(
    begin: Snapshot,
    start_hash: str,
    num_iterations: int,
    record_every: int,
    parameters: Parameters,
) -> None:
    """Refuse a snapshot of another run.

    Parameters
    ----------
    begin : Snapshot
        To go on from.
    start_hash : str
        `parameters_hash` of the start parameters of the run.
    num_iterations, record_every : int
        Of the run.
    parameters : mapping of str to array
        Its start parameters.

    Raises
    ------
    SettingError
        If it began elsewhere, has more iterations behind it, or has other records.
    """
    if begin.history.start_hash != start_hash:
        raise SettingError(
            "the snapshot is of a run with other start parameters; give those that it began from"
        )
    if begin.iteration > num_iterations:
        raise SettingError(
            f"the snapshot has {begin.iteration} iterations behind it, but the run is to have "
            f"{num_iterations}; as many or more would be right"
        )
    history = begin.history
    expected = range(0, begin.iteration, record_every)
    columns = (history.iteration, history.cost, history.dead_share, history.gradient_norm)
    if {len(column) for column in columns} != {len(expected)} or any(
        number != wanted for number, wanted in zip(history.iteration, expected, strict=True)
    ):
        raise SettingError(
            f"the snapshot has {len(history.iteration)} records, but {begin.iteration} iterations "
            f"with a record every {record_every} have {len(expected)}, the first of iteration 0; "
            "go on with the interval between records that it began with"
        )
    names = history.gradient_norm.names
    hidden = {len(shares) for shares in history.dead_share}
    if (expected and set(names) != set(parameters)) or not hidden <= {len(parameters) // 2 - 1}:
        raise SettingError(
            f"the snapshot's records are of a network with {shortened(', '.join(names))} and "
            f"{max(hidden, default=0)} hidden layers, but this run's has {', '.join(parameters)} "
            f"and {len(parameters) // 2 - 1}; go on with the network that the snapshot is of"
        )
