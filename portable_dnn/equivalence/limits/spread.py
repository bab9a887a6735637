"""Errors in ulps, and the spread: whether all errors together look like rounding.

For sums of 12 288 terms a worst-case bound is so wide that errors of products in TF32 are below it.
Their distribution shows that they are not rounding. An element that sums terms t_1 … t_k one
after the other in correct rounding, P_j the sum of the first j, has the error Σ ε_j P_j and a
rounding of each t_j, with |ε| ≤ u; with independent ε uniform in ±u its root mean square is

    N = u √( (Σ t_j² + Σ P_j²) / 3 ).

The spread is the root mean square, over elements, of |error| / N: about 1 for a sum one after the
other, below 1 for libraries, which add in blocks and trees. Its limit follows from the same
assumption: the sum of n squares of such errors, sub-Gaussian with variance 3 N², exceeds 3 c n N²
with probability at most exp(−n (c − 1 − log c) / 2) (Chernoff's bound for χ²); c makes that 2⁻⁴⁰.
A factor of 2 allows for orders of summation whose partial sums are differences of the P_j.
"""

import math

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.truth import Noise
from portable_dnn.equivalence.limits.rounding import FAILURE, unit_roundoff

__all__ = ["spread", "spread_limit", "ulp"]


def ulp(x: HostArray, dtype: np.dtype) -> HostArray:
    """Distance between neighbouring numbers of a dtype at a value.

    Parameters
    ----------
    x : numpy.ndarray
        Values, float64; they need not be numbers of the dtype.
    dtype : numpy.dtype
        Floating.

    Returns
    -------
    numpy.ndarray
        Float64; below the smallest normal number, that of the subnormal ones.
    """
    information = np.finfo(dtype)
    exponent = np.frexp(np.where(np.isfinite(x), x, 1.0))[1] - 1
    exponent = np.where(x == 0, information.minexp, np.maximum(exponent, information.minexp))
    return np.asarray(np.ldexp(1.0, exponent - information.nmant))


def spread(error: HostArray, noise: Noise, dtype: np.dtype) -> float | None:
    """Root mean square of errors in units of the noise of correct rounding.

    Parameters
    ----------
    error : numpy.ndarray
        Of all elements of the truth's value.
    noise : Noise
        Of some of them.
    dtype : numpy.dtype
        In which was computed.

    Returns
    -------
    float or None
        None if no element has any noise.
    """
    scale = unit_roundoff(dtype) * np.sqrt(noise.squares / 3.0)
    # Below it, rounding is that of subnormal numbers; the bound speaks for them.
    counted = scale > np.finfo(dtype).tiny
    if not counted.any():
        return None
    share = error.ravel()[noise.where[counted]] / scale[counted]
    return float(np.sqrt(np.mean(share**2)))


def spread_limit(noise: Noise) -> float:
    """Limit of the spread; see the module.

    Parameters
    ----------
    noise : Noise
        Elements of the same noise count once: they may be the same numbers.

    Returns
    -------
    float
    """
    n = max(np.unique(noise.squares).size, 1)
    wanted = 2.0 * math.log(1.0 / FAILURE) / n
    low, high = 1.0, 2.0 + 2.0 * wanted + 2.0 * math.sqrt(wanted)
    for _ in range(60):  # bisection to the last bit
        c = (low + high) / 2.0
        low, high = (c, high) if c - 1.0 - math.log(c) < wanted else (low, c)
    return 2.0 * math.sqrt(3.0 * high)
