"""What a launch of the kernel is given, and which sizes fit.

Limits. A block has 48 KiB of shared memory unless it asks for more, and then 99 to 227 KiB by card
(`sharedMemPerBlockOptin`); K of the published run is 171 KiB in float32 and 341 KiB in float64. So
K is cut: each of the eight shares of a cluster keeps its 32 columns (26 or 52 KiB) beside Z1, the
activations, the derivatives and the parts of its product, 72 or 143 KiB in all. Where that is too
much, K stays where it is and comes through the cache; where the rest is too much as well (one
block for all samples, in float64), everything does. And there is a size from which the general
path is faster, since it has the whole card: see `_WORK`.
"""

import itertools
from typing import NamedTuple

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn_cupy.kernel.recognize import MAX_LAYERS, Hidden

__all__ = ["MAX_THREADS", "Card", "Network", "Plan", "plan", "task_type"]

MAX_THREADS = 640  # of a block: leaves each 96 registers, enough for a tile in float64
_SHARES = 8  # blocks of a cluster that every card with clusters can hold (CUDA's portable size)

# As in body.h.
_CHUNK, _ROWS, _COLUMNS = 32, 4, 2

# Multiply-adds a step and block up to which the kernel is used. On an H200 a step of so many takes
# it 0.1 to 0.25 ms (`python -m benchmarks.crossing`); launched one by one, its operations take 0.15
# to 1.2 ms, by the host more than by the card.
_WORK = 2**22


class Card(NamedTuple):
    """What of a card matters here.

    Attributes
    ----------
    clusters : bool
        Whether blocks can form clusters: compute capability 9.0 and above.
    shared_bytes : int
        Shared memory that a block may ask for.
    """

    clusters: bool
    shared_bytes: int


class Network(NamedTuple):
    """What of a network and its run matters here.

    Attributes
    ----------
    units : tuple of int
        n_1 … n_L.
    samples : int
        m.
    hidden : tuple of Hidden
        The hidden layers' activations.
    learning_rate : float
        α.
    dtype : str
        "float32" or "float64".
    """

    units: tuple[int, ...]
    samples: int
    hidden: tuple[Hidden, ...]
    learning_rate: float
    dtype: str


class Plan(NamedTuple):
    """How to launch.

    Attributes
    ----------
    task : array
        What the kernel is given, of `task_type` and shape (1,), without pointers and `times`.
    shares : int
        Blocks.
    threads : int
        Of each.
    shared_bytes : int
        Shared memory of each, or 0 where it works in a workspace.
    exchange : int
        Numbers to be had for `exchange`.
    workspace : int
        Numbers to be had for `workspace`.
    """

    task: HostArray
    shares: int
    threads: int
    shared_bytes: int
    exchange: int
    workspace: int


def task_type() -> np.dtype[np.void]:
    """`Task` of body.h, with C's padding; pointers are whole numbers."""
    pointers, each = np.dtype(np.uint64), (MAX_LAYERS,)
    return np.dtype(
        [
            *((name, pointers) for name in ("K", "signs", "Z1", "C1", "Z1_after", "C1_after")),
            *((name, pointers, each) for name in ("W", "W_after")),
            *((name, pointers) for name in ("exchange", "workspace")),
            *(("factor", np.float64), ("slope", np.float64, each)),
            *((name, np.int32, each) for name in ("activation", "units")),
            *((name, np.int32) for name in ("layers", "samples", "times")),
            *((name, np.int32) for name in ("width", "stride", "rows", "weights")),
            ("weight", np.int32, each),
            *((name, np.int32) for name in ("staged", "half", "memory", "at_Z1", "at_W")),
            *((name, np.int32, each) for name in ("at_A", "at_D")),
            *((name, np.int32) for name in ("at_d1", "at_K", "at_parts")),
        ],
        align=True,
    )


def plan(network: Network, card: Card) -> Plan | None:
    """Plan a launch.

    Parameters
    ----------
    network : Network
        What to train.
    card : Card
        Where.

    Returns
    -------
    Plan, or None
        None where the general path will be faster.
    """
    units, m = network.units, network.samples
    sizes = [n * (before + 1) for before, n in itertools.pairwise(units)]
    chunks = _parts(m, _CHUNK)
    shares = _SHARES if card.clusters and chunks > 1 else 1
    if units[0] * m**2 + 3 * m * sum(sizes) > _WORK * shares:
        return None
    own = _parts(chunks, shares)  # chunks of a share
    task = np.zeros(1, task_type())
    values = {
        "factor": -0.5 * network.learning_rate / m,
        "layers": len(units),
        "samples": m,
        "width": own * _CHUNK,
        "stride": min(own * _CHUNK, m) | 1,
        "rows": _parts(units[0], _ROWS) * _ROWS,
        "weights": sum(sizes),
    }
    for name, value in values.items():
        task[name] = value
    task["half"] = m * task["rows"] + chunks * task["weights"]
    task["units"][0, : len(units)] = units
    task["weight"][0, 1 : len(units)] = np.cumsum([0, *sizes])[:-1]
    for layer, hidden in enumerate(network.hidden):
        task["activation"][0, layer], task["slope"][0, layer] = hidden.number, hidden.slope
    shared_bytes = _place(task, card.shared_bytes // np.dtype(network.dtype).itemsize)
    items = int(task["rows"][0]) // _ROWS * own * _CHUNK // _COLUMNS
    threads = max(items * (chunks if task["staged"][0] else 1), max(units) * own * _CHUNK)
    return Plan(
        task,
        shares,
        min(_parts(threads, 32) * 32, MAX_THREADS),
        shared_bytes * np.dtype(network.dtype).itemsize,
        2 * int(task["half"][0]),
        0 if shared_bytes else shares * int(task["memory"][0]),
    )


def _place(task: HostArray, available: int) -> int:
    """Say where in a share's memory things lie; return how many numbers of it are shared."""
    (t,) = task
    layers, stride, m, width = (int(t[name]) for name in ("layers", "stride", "samples", "width"))
    units = t["units"][:layers].astype(int)
    at = int(units[0]) * stride
    t["at_Z1"], t["at_W"] = 0, at
    at += int(t["weights"])
    for name, count in (("at_A", layers - 1), ("at_D", layers)):
        for layer in range(count):
            t[name][layer] = at
            at += int(units[layer]) * stride
    at = _parts(at, _ROWS) * _ROWS  # rows of d1 are read four at a time
    t["at_d1"] = at
    at += m * int(t["rows"])
    K, parts = m * width, _parts(m, _CHUNK) * int(units[0]) * width
    if at + K + parts <= available:
        t["staged"], t["at_K"], t["at_parts"] = 1, at, at + K
        at += K + parts
    t["memory"] = at
    return at if at <= available else 0


def _parts(size: int, part: int) -> int:
    """How many parts cover a size."""
    return -(-size // part)
