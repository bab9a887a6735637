"""How far a result is from the truth, where numbers may be NaN, infinite, or beyond a dtype."""

from collections.abc import Iterable

import numpy as np

from portable_dnn.arrays.contract import HostArray

__all__ = ["distance", "first_beyond", "gap", "in_bounds", "is_beyond"]


def distance(
    found: HostArray,
    exact: HostArray,
    rest: HostArray | float,
    limit: HostArray,
    dtype: np.dtype,
    reach: HostArray | None = None,
) -> HostArray:
    """|found − exact|; infinite where one is NaN or infinite and the other is not.

    Beyond the largest number of a dtype the standard's arithmetic gives an infinity of the exact
    sign. Where that happens on the way, to a part of a sum, any infinity may come of it, and NaN
    where two of them meet.

    Parameters
    ----------
    found : numpy.ndarray
        Results, float64.
    exact, rest : numpy.ndarray
        What is right, an unevaluated sum; float64.
    limit : numpy.ndarray
        What rounding can explain, absolute.
    dtype : numpy.dtype
        In which was computed.
    reach : numpy.ndarray, optional
        How large numbers may become on the way, as in `Truth`.

    Returns
    -------
    numpy.ndarray
        0 for an overflow that is right; never NaN.
    """
    largest = float(np.finfo(dtype).max)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs((found - exact) - rest)
        same = (found == exact) | (np.isnan(found) & np.isnan(exact))
        same |= (np.abs(exact) + limit > largest) & (found == np.copysign(np.inf, exact))
        if reach is not None:
            same |= reach + limit > largest
    error = np.where(same & ~np.isfinite(found), 0.0, error)
    return np.where(np.isnan(error), np.inf, error)


def in_bounds(error: HostArray, limit: HostArray) -> HostArray:
    """Errors in multiples of their limits; infinite where an error is, or nothing may be wrong."""
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(error), np.where(error == 0, 0.0, error / limit), np.inf)


def is_beyond(error: HostArray, limit: HostArray) -> HostArray:
    """Whether errors are above their limits; what is not finite always is."""
    beyond: HostArray = (error > 0) & ~((error <= limit) & np.isfinite(error))
    return beyond


def first_beyond(
    iterations: Iterable[int], differences: Iterable[float], explained: Iterable[float]
) -> int | None:
    """Find the first iteration whose difference is more than is explained; None if none is.

    A NaN is explained by nothing, and explains nothing.
    """
    table = zip(iterations, differences, explained, strict=True)
    return next((i for i, seen, most in table if not seen <= most), None)


def gap(a: HostArray, b: HostArray) -> float:
    """Largest difference of two arrays.

    Parameters
    ----------
    a, b : numpy.ndarray
        Of one shape, finite.

    Returns
    -------
    float
    """
    return float(np.max(np.abs(a.astype(np.float64) - b)))
