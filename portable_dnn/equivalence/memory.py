"""How much memory a comparison takes, before it is begun."""

from collections.abc import Sequence
from itertools import pairwise

from portable_dnn.arrays.devices import Device
from portable_dnn.arrays.holding import holding_of
from portable_dnn.machine.memory import check_fits

__all__ = ["check_memory_for", "comparison_bytes"]

_PROBES = 140_000_000
_COMPILING = 750_000_000


def comparison_bytes(dims: Sequence[int], samples: int, *, compiled: bool) -> int:
    """Return about how many bytes a comparison takes on the host, at most.

    Found by measuring, and held against peaks by a test. Each number is there many times: on both
    sides, in better arithmetic of 16 bytes, and with its bounds.

    Parameters
    ----------
    dims : sequence of int
        `n_0 … n_L`.
    samples : int
        m.
    compiled : bool
        Whether one of the libraries compiles what it is given.

    Returns
    -------
    int
    """
    weights = sum(a * b for a, b in pairwise(dims))
    data = 138 * dims[0] * samples + 350 * weights + 8 * samples * samples
    counted = max(_PROBES, data) + (_COMPILING if compiled else 0)
    return counted + counted // 20 + 16_000_000


def check_memory_for(dims: Sequence[int], samples: int, sides: Sequence[Device]) -> None:
    """Refuse a comparison that there is no memory for.

    Parameters
    ----------
    dims : sequence of int
        `n_0 … n_L`.
    samples : int
        m.
    sides : sequence of Device
        Both.

    Raises
    ------
    DataError
        If there is none.
    """
    compiled = not all(holding_of(side).in_place for side in sides)
    check_fits(comparison_bytes(dims, samples, compiled=compiled), "this comparison makes about")
