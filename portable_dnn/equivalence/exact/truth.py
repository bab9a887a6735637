"""What each operation gives in exact arithmetic, and the magnitudes that bound its rounding.

Inputs are the arrays that the operation was given, in the dtype that is judged; the result is a
`Truth`. Where the whole result would take too long, a random sample of its elements is taken. The
operations are in `products`, `maps` and `costs`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.pairs import Pair
from portable_dnn.equivalence.limits.noise import Noise

__all__ = ["LARGEST_MAP", "Truth", "sampled", "whole", "wide"]

LARGEST_MAP = 4096
"""Elements of a float64 function that are judged; of a larger array they are drawn."""


@dataclass(frozen=True)
class Truth:
    """An operation's exact result.

    Attributes
    ----------
    kind : str
        One of `rounding.ROUNDINGS`.
    shape : tuple of int
        Of the whole result.
    value : Pair
        The exact result, or the part of it that was drawn, flat then.
    magnitude : numpy.ndarray
        For `rounding.bound`; shape of `value`.
    inner : int
        How many terms an element sums.
    where : numpy.ndarray or None
        Flat indices of the elements that were drawn; None if they are all there.
    noise : Noise or None
        For the spread.
    flushed : numpy.ndarray or float
        How far the result may move, at most, where the library takes numbers below the smallest
        normal one for 0: on top of the bound, in units of that number; infinite where nothing is
        left of it.
    signed : numpy.ndarray or bool
        Whether the sign of a zero is part of the result.
    terms : callable or None
        Gives the terms of an element by its flat index in `value`; None where nothing is summed.
    bound : numpy.ndarray or None
        A bound found otherwise (see `running_error`), in the place of that of the kind; an element
        where it is not finite cannot be judged.
    reach : numpy.ndarray or None
        How large numbers may become on the way to each element, of those that are not infinite or
        NaN already; None if not larger than the result.
    """

    kind: str
    shape: tuple[int, ...]
    value: Pair
    magnitude: HostArray
    inner: int = 1
    where: HostArray | None = None
    noise: Noise | None = None
    flushed: HostArray | float = 1.0
    signed: HostArray | bool = False
    terms: Callable[[int], HostArray] | None = None
    bound: HostArray | None = None
    reach: HostArray | None = None


def whole(kind: str, value: Pair, magnitude: HostArray | None = None, **others: object) -> Truth:
    """Make the truth of a whole result.

    Parameters
    ----------
    kind : str
        One of `rounding.ROUNDINGS`.
    value : Pair
        The exact result.
    magnitude : numpy.ndarray, optional
        For `rounding.bound`; |value| by default.
    **others : object
        Further attributes of the truth.

    Returns
    -------
    Truth
    """
    size = np.abs(value.hi) if magnitude is None else magnitude
    return Truth(kind, value.hi.shape, value, size, **others)  # type: ignore[arg-type]


def wide(x: HostArray) -> HostArray:
    """Return an array in float64.

    Parameters
    ----------
    x : numpy.ndarray
        Float32 or float64.

    Returns
    -------
    numpy.ndarray
        The same array if it is float64 already.
    """
    return x.astype(np.float64, copy=False)


def sampled(x: HostArray, random: np.random.RandomState) -> HostArray | None:
    """Draw elements of an array whose functions would take long; None for all of them.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.
    random : numpy.random.RandomState
        For the draws.

    Returns
    -------
    numpy.ndarray or None
        Flat indices.
    """
    if x.dtype == np.float32 or x.size <= LARGEST_MAP:
        return None
    return np.sort(random.permutation(x.size)[:LARGEST_MAP])
