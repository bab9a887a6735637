"""How far a result is from the truth, where numbers may be NaN, infinite, or beyond a dtype."""

import numpy as np

from portable_dnn.arrays.contract import HostArray

__all__ = ["distance", "gap"]


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
