"""The noise of correct rounding in a sum, and the spread: whether errors look like it on the whole.

At an inner length of 12 288 a worst-case bound must leave room for so much rounding that products
in TF32 fit under it. Their distribution gives them away. An element that sums terms t_1 … t_k one
after the other in correct rounding, P_j the sum of the first j, has the error Σ ε_j P_j and a
rounding of each t_j, with |ε| ≤ u; with independent ε uniform in ±u its root mean square is

    N = u √( (Σ t_j² + Σ P_j²) / 3 ).

The spread is the root mean square, over elements, of |error| / N: about 1 for a sum one after the
other, below 1 for libraries, which add in blocks and trees. Its limit follows from the same
assumption: the sum of n squares of such errors, sub-Gaussian with variance 3 N², exceeds 3 c n N²
with probability at most exp(−n (c − 1 − log c) / 2) (Chernoff's bound for χ²); c makes that 2⁻⁴⁰.
A factor of 2 allows for orders of summation whose partial sums are differences of the P_j.

The squares under the root are found in two ways: of drawn elements from all their terms, and of all
elements of a product at once, from the sums of blocks and lanes, by products alone.
"""

import math
from typing import NamedTuple

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.limits.rounding import FAILURE, unit_roundoff

__all__ = [
    "Noise",
    "rounding_deviation",
    "spread",
    "spread_limit",
    "squares_of_product",
    "squares_of_terms",
]

_LANES = (1, 2, 4, 8, 16, 32, 64)
"""In how many interleaved sums a library may add: one after the other, in SIMD lanes, in warps."""

_PARTS = 16
"""Blocks, and lanes, whose sums tell how large the sums so far become in a product."""


class Noise(NamedTuple):
    """What correct rounding makes of some elements of a sum.

    Attributes
    ----------
    where : numpy.ndarray
        Flat indices of the elements in the truth's value.
    squares : numpy.ndarray
        For each, what `squares_of_terms` gives.
    """

    where: HostArray
    squares: HostArray


def rounding_deviation(squares: HostArray, dtype: np.dtype) -> HostArray:
    """Root mean square of the errors of sums: N, see the module.

    Parameters
    ----------
    squares : numpy.ndarray
        For each sum Σ t_j² + Σ P_j².
    dtype : numpy.dtype
        In which was computed.

    Returns
    -------
    numpy.ndarray
    """
    return np.asarray(unit_roundoff(dtype) * np.sqrt(squares / 3.0))


def squares_of_terms(terms: HostArray) -> HostArray:
    """Squares of the terms and of the sums so far, the largest of several ways to add.

    Parameters
    ----------
    terms : numpy.ndarray
        (count, k), a row a sum.

    Returns
    -------
    numpy.ndarray
        (count,).
    """
    lanes = [count for count in _LANES if count <= terms.shape[1]]
    sums = np.max([_squares_of_sums(terms, count) for count in lanes], axis=0)
    squares: HostArray = sums + (terms**2).sum(axis=1)
    return squares


def _squares_of_sums(terms: HostArray, lanes: int) -> HostArray:
    """Squares of the sums so far, where each of several lanes adds every `lanes`-th term."""
    count, k = terms.shape
    length = -(-k // lanes)
    padded = np.zeros((count, length * lanes))
    padded[:, :k] = terms
    sums = np.cumsum(padded.reshape(count, length, lanes), axis=1)
    squares: HostArray = np.einsum("ijk,ijk->i", sums, sums)
    return squares


def squares_of_product(x: HostArray, y: HostArray) -> HostArray:
    """Estimate the squares of the terms and of the sums so far, of all elements of a product.

    Parameters
    ----------
    x, y : numpy.ndarray
        (n, k) and (k, p), float64.

    Returns
    -------
    numpy.ndarray
        (n, p): for adding in blocks and in lanes together.
    """
    k = x.shape[1]
    parts = min(k, _PARTS)
    terms: HostArray = x**2 @ y**2
    total = 2.0 * terms
    before = np.zeros_like(total)
    for block in np.array_split(np.arange(k), parts):
        after = before + x[:, block[0] : block[-1] + 1] @ y[block[0] : block[-1] + 1]
        total += block.size * (before**2 + after**2)
        before = after
    if k > parts:
        total += (k / parts) * (
            terms + sum((x[:, i::parts] @ y[i::parts]) ** 2 for i in range(parts))
        )
    return total


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
    scale = rounding_deviation(noise.squares, dtype)
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
