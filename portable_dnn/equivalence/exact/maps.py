"""Exact elementwise operations: copies, sums, branches, functions."""

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.functions import evaluate
from portable_dnn.equivalence.exact.pairs import Pair, add, divide, multiply, pair, subtract
from portable_dnn.equivalence.exact.truth import Truth, sampled, whole, wide

__all__ = [
    "applied",
    "copied",
    "difference",
    "leaky",
    "rectified",
    "rectified_slope",
    "scaled_pixels",
    "slope",
    "summed",
    "updated",
]


def copied(x: HostArray) -> Truth:
    """Nothing is computed: the array itself.

    Parameters
    ----------
    x : numpy.ndarray
        What was copied.

    Returns
    -------
    Truth
    """
    return whole("exact", pair(x), signed=True)


def scaled_pixels(X: HostArray) -> Truth:
    """X / 255.

    Parameters
    ----------
    X : numpy.ndarray
        uint8.

    Returns
    -------
    Truth
    """
    return whole("pixels", divide(pair(X), 255.0))


def summed(a: HostArray, b: HostArray) -> Truth:
    """Sum a + b, one rounding.

    Parameters
    ----------
    a, b : numpy.ndarray
        Of shapes that broadcast.

    Returns
    -------
    Truth
    """
    value = add(pair(a), pair(b))
    return whole("arithmetic", value, flushed=3.0)


def difference(a: HostArray, b: HostArray) -> Truth:
    """Difference a − b, one rounding; where it is 0, it is +0 unless a is −0 and b is +0.

    Parameters as for `summed`.
    """
    value = subtract(pair(a), pair(b))
    signed = np.where(value.hi == 0, wide(a) - wide(b), value.hi)
    return whole("arithmetic", Pair(signed, value.lo), flushed=3.0, signed=True)


def updated(p: HostArray, g: HostArray, rate: float) -> Truth:
    """New parameters p − α g: the rounding of α (in float32), of α g, and of the difference.

    Where the result is 0 it has a sign: that of ±0 − ±0, else +.

    Parameters
    ----------
    p, g : numpy.ndarray
        Of one shape.
    rate : float
        α.

    Returns
    -------
    Truth
    """
    move = multiply(pair(g), pair(np.asarray(rate)))
    value = subtract(pair(p), move)
    rounded = 1.0 if p.dtype == np.float64 else 2.0
    size = np.abs(value.hi) + rounded * np.abs(move.hi)
    # α itself may be too large for the dtype; then 0 α is NaN.
    far = abs(rate) > float(np.finfo(p.dtype).max)
    finite = np.isfinite(p) & np.isfinite(g)
    reach = np.where(finite, np.inf if far else np.abs(move.hi), 0.0)
    zeros = (value.hi == 0) & (p == 0)
    signed = np.where(zeros, wide(p) - np.copysign(0.0, g), value.hi)
    value = Pair(signed, value.lo)
    # A gradient that is treated as 0 is missing α times.
    flushed = 4.0 + abs(rate)
    return whole("arithmetic", value, size, flushed=flushed, signed=True, reach=reach)


def rectified(z: HostArray) -> Truth:
    """max(z, 0), exact; NaN stays NaN.

    Of ±0 and 0 either may be taken; of a negative number and 0 it is 0, not −0. (A subnormal one
    may be ±0 already.)

    Parameters
    ----------
    z : numpy.ndarray
        Any shape.

    Returns
    -------
    Truth
    """
    value = pair(np.where(z > 0, z, np.where(np.isnan(z), z, 0)))
    return whole("exact", value, signed=z <= -np.finfo(z.dtype).tiny)


def rectified_slope(dA: HostArray, z: HostArray) -> Truth:
    """Where z > 0 dA, else 0, exact; both of one shape."""
    return whole("exact", pair(np.where(z > 0, dA, 0)), flushed=_at_zero(dA, z))


def _at_zero(x: HostArray, z: HostArray) -> HostArray:
    """How far a branch on z > 0 may move x, where a library takes subnormal z for 0."""
    tiny = float(np.finfo(z.dtype).tiny)
    moved: HostArray = np.where((np.abs(z) < tiny) & (z != 0), np.abs(wide(x)) / tiny, 0.0) + 2.0
    return moved


def leaky(x: HostArray, z: HostArray, factor: float) -> Truth:
    """Where z > 0 x (exactly), else factor · x: leaky ReLU with x = z, its derivative with x = dA.

    Parameters
    ----------
    x, z : numpy.ndarray
        Of one shape.
    factor : float
        The slope of the negative side.

    Returns
    -------
    Truth
    """
    other = multiply(pair(x), pair(np.asarray(factor)))
    positive = z > 0
    value = Pair(np.where(positive, x, other.hi), np.where(positive, 0.0, other.lo))
    size = np.where(positive, 0.0, np.abs(other.hi))
    return whole("slope", value, size, flushed=_at_zero(x, z))


def applied(kind: str, z: HostArray, random: np.random.RandomState) -> Truth:
    """A function of an array: "sigmoid" or "tanh"; tanh(−0) is −0.

    Parameters
    ----------
    kind : str
        Which.
    z : numpy.ndarray
        Any shape.
    random : numpy.random.RandomState
        For the draws.

    Returns
    -------
    Truth
    """
    where = sampled(z, random)
    chosen = pair(z if where is None else z.ravel()[where])
    value, odd = evaluate(kind, chosen, z.dtype), kind == "tanh"
    if odd:
        value = Pair(np.where(value.hi == 0, chosen.hi, value.hi), value.lo)
    return Truth(kind, z.shape, value, np.abs(value.hi), where=where, flushed=3.0, signed=odd)


def slope(kind: str, dA: HostArray, z: HostArray, random: np.random.RandomState) -> Truth:
    """Derivative through a function, dA g′(z): "sigmoid slope" or "tanh slope".

    Parameters as for `applied`; dA has the shape of z.
    """
    shape, where = z.shape, sampled(z, random)
    z, dA = (z, dA) if where is None else (z.ravel()[where], dA.ravel()[where])
    value = multiply(pair(dA), evaluate(kind, pair(z), dA.dtype))
    flushed = 8.0 * np.abs(wide(dA)) + 2.0
    # A subnormal slope is rounded to a multiple of u · 2 tiny, whatever it is multiplied with.
    size = np.abs(value.hi) + 2.0 * float(np.finfo(dA.dtype).tiny) * np.abs(wide(dA))
    return Truth(kind, shape, value, size, where=where, flushed=flushed)
