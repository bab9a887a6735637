"""How large rounding errors can be: one function for all operations, no literal tolerance.

u is the unit roundoff, 2⁻²⁴ in float32 and 2⁻⁵³ in float64. A result that comes from n roundings of
terms whose magnitudes sum to M has an error of at most c(n) M, with

    c(n) = γ_n = n u / (1 − n u)                              always (Higham 2002, *Accuracy and
                                                              Stability*, lemma 3.1), and
    c(n) = exp(λ √n u + n u² / (1 − u)) − 1                   with probability at least
                                                              1 − 2 n exp(−λ² (1 − u)² / 2), if
                                                              roundings are independent with mean 0
                                                              (Higham & Mary 2019, theorem 2.4).

λ is chosen so that over all elements of a result the second fails with a probability of 2⁻⁴⁰, and
the smaller of both is the bound. Independence is an assumption: where most terms of an element
repeat each other, as in a product of constant arrays, every rounding may go the same way, and the
first is the bound (see `judge`).

A function with a documented error of e ulps counts as 2 e roundings, since an ulp of x is at most
2 u |x|. Dividing by a constant counts as two: XLA multiplies by its reciprocal.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.limits.accuracy import Accuracy

__all__ = ["FAILURE", "ROUNDINGS", "Bounds", "bound", "roundings", "ulp", "unit_roundoff"]

FAILURE = 2.0**-40
"""The probability with which the probabilistic bound may fail for a whole result."""


def _division(accuracy: Accuracy) -> float:
    """Roundings of a division: those of its documented error, or of a reciprocal and a product."""
    return max(2.0, 2.0 * accuracy.divide)


ROUNDINGS: Mapping[str, Callable[[int, Accuracy], float]] = MappingProxyType(
    {
        # kind: roundings on the way to an element that sums `inner` terms
        "exact": lambda inner, a: 0,
        "arithmetic": lambda inner, a: 1,
        "pixels": lambda inner, a: _division(a),  # / 255
        "product": lambda inner, a: inner,  # one multiplication, inner − 1 sums
        "mean product": lambda inner, a: inner + _division(a),  # / m
        "mean": lambda inner, a: inner - 1 + _division(a),  # inner − 1 sums, / m
        "slope": lambda inner, a: 2,  # the slope itself, and a multiplication
        "tanh": lambda inner, a: 2 * a.tanh,
        # e^−|z|, 1 + e, the division
        "sigmoid": lambda inner, a: 2 * a.exp + 1 + _division(a),
        # e^−|z|, twice 1 + e, their product, the division, dA times it
        "sigmoid slope": lambda inner, a: 2 * a.exp + 4 + _division(a),
        # the same of the square of e^−|z|, times 4
        "tanh slope": lambda inner, a: 4 * a.exp + 6 + _division(a),
        # log1p, exp, the sum with max(z, 0) − z y, / scale, inner − 1 sums, / m, times scale
        "cost from logits": lambda inner, a: 2 * a.log1p + 2 * a.exp + inner + 1 + 2 * _division(a),
        # 1 − A, log, times y, two terms, inner − 1 sums, / m
        "cost from probabilities": lambda inner, a: 2 * a.log + inner + 2 + _division(a),
    }
)
"""How many roundings each kind of operation makes."""


class Bounds(NamedTuple):
    """What rounding can explain, element by element.

    Attributes
    ----------
    likely : numpy.ndarray
        The smaller of both bounds: exceeded with a probability of `FAILURE` at most.
    certain : numpy.ndarray
        The deterministic bound.
    """

    likely: HostArray
    certain: HostArray


def unit_roundoff(dtype: np.dtype) -> float:
    """Half the distance from 1 to the next number.

    Parameters
    ----------
    dtype : numpy.dtype
        Floating.

    Returns
    -------
    float
    """
    return float(np.finfo(dtype).eps) / 2.0


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


def roundings(kind: str, inner: int, accuracy: Accuracy) -> float:
    """Count the roundings on the way to an element.

    Parameters
    ----------
    kind : str
        One of `ROUNDINGS`.
    inner : int
        How many terms it sums.
    accuracy : Accuracy
        Of the library.

    Returns
    -------
    float
    """
    return float(ROUNDINGS[kind](inner, accuracy))


def bound(
    kind: str,
    magnitude: HostArray,
    dtype: np.dtype,
    inner: int,
    accuracy: Accuracy,
    elements: int,
) -> Bounds:
    """Bound the error of an operation's result.

    Parameters
    ----------
    kind, inner, accuracy
        As for `roundings`.
    magnitude : numpy.ndarray
        Sum of the magnitudes of each element's terms, such as |A| |B|; float64.
    dtype : numpy.dtype
        In which the operation computed.
    elements : int
        Of the whole result.

    Returns
    -------
    Bounds
        Absolute, in the shape of `magnitude`. Both allow the smallest subnormal number for each
        rounding, twice what gradual underflow costs, and one for the judge.
    """
    n = roundings(kind, inner, accuracy)
    u = unit_roundoff(dtype)
    underflow = (n + 1.0) * float(np.finfo(dtype).smallest_subnormal) if n else 0.0
    certain = n * u / (1.0 - n * u) if n * u < 1.0 else math.inf
    likely = min(certain, _probabilistic(n, u, elements))
    return Bounds(likely * magnitude + underflow, certain * magnitude + underflow)


def _probabilistic(n: float, u: float, elements: int) -> float:
    """Higham and Mary's constant, for a whole result."""
    if n == 0:
        return 0.0
    confidence = math.sqrt(2.0 * math.log(2.0 * n * elements / FAILURE)) / (1.0 - u)
    return math.expm1(confidence * math.sqrt(n) * u + n * u * u / (1.0 - u))
