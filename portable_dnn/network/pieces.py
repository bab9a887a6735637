"""Samples a piece at a time, where only what comes out at the end is kept."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from portable_dnn.arrays.holding import Holding

__all__ = ["COMPILING", "ITEMSIZE", "piece_bytes", "samples_a_piece", "with_library"]

ITEMSIZE: Mapping[str, int] = MappingProxyType({"float64": 8, "float32": 4})
"""Bytes of a number, by the dtype that is computed in."""
COMPILING = 128_000_000
"""Bytes that XLA takes to compile; a library that cannot write in place has a compiler."""
_NUMBERS = 5_000_000
"""Numbers of a piece, about: 40 MB in float64, and the course's 209 pictures are one piece."""


def samples_a_piece(dims: Sequence[int]) -> int:
    """Say how many samples are run through a network at once.

    It depends on the network alone: whoever asks again gets the same bits.

    Parameters
    ----------
    dims : sequence of int
        `n_0 … n_L`.

    Returns
    -------
    int
        At least 1.

    Examples
    --------
    >>> samples_a_piece((12288, 20, 7, 5, 1))
    405
    """
    return max(1, _NUMBERS // _numbers(dims))


def piece_bytes(dims: Sequence[int], samples: int, dtype: str, holding: Holding) -> int:
    """Return about how many bytes the arrays of a piece take on its way through a network, at most.

    Parameters
    ----------
    dims : sequence of int
        `n_0 … n_L`.
    samples : int
        How many there are in all.
    dtype : {"float64", "float32"}
        To compute in.
    holding : Holding
        How the library holds arrays.

    Returns
    -------
    int
    """
    # The input as it is placed, and as floats, once more where it cannot be scaled in place; each
    # layer's output twice, and what the widest is made of.
    placed = 0 if holding.shares_host else dims[0]
    floats = dims[0] * (1 if holding.in_place else 2) + 2 * sum(dims[1:]) + 3 * max(dims[1:])
    counted = min(samples, samples_a_piece(dims)) * (floats * ITEMSIZE[dtype] + placed)
    return counted + (0 if holding.in_place else COMPILING)


def with_library(counted: int, holding: Holding) -> int:
    """Add what libraries take for themselves: buffers, code and programs, memory not given back.

    Parameters
    ----------
    counted : int
        Bytes of arrays.
    holding : Holding
        How the library holds them.

    Returns
    -------
    int
    """
    own = 16_000_000 if holding.shares_host else 32_000_000 if holding.in_place else 64_000_000
    return counted + counted // 20 + own


def _numbers(dims: Sequence[int]) -> int:
    """Count the numbers of a sample: its input, and two of each unit."""
    return dims[0] + 2 * sum(dims[1:])
