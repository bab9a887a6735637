"""Arrays that carry two measures of their error; see `running_error`."""

import math
from typing import NamedTuple

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.functions import evaluate
from portable_dnn.equivalence.exact.pairs import Pair, pair, product
from portable_dnn.equivalence.exact.truth import LARGEST_MAP
from portable_dnn.equivalence.limits.accuracy import Accuracy
from portable_dnn.equivalence.limits.noise import rounding_deviation, squares_of_product
from portable_dnn.equivalence.limits.repeats import class_sizes
from portable_dnn.equivalence.limits.rounding import FAILURE, bound, unit_roundoff

__all__ = [
    "FOLDED",
    "Arithmetic",
    "Value",
    "evaluated",
    "known",
    "matmul",
    "own_rounding",
    "transposed",
    "within",
]

FOLDED = 4
"""Further roundings that a step may make at an element: α, m, α / m and what they multiply."""


class Value(NamedTuple):
    """An array in better arithmetic, and what rounding may make of it.

    Attributes
    ----------
    exact : Pair
        The array.
    error : numpy.ndarray
        Bound of the systematic part of the absolute error of any computation in the dtype.
    deviation : numpy.ndarray
        Standard deviation of the random part, absolute.
    """

    exact: Pair
    error: HostArray
    deviation: HostArray

    @property
    def limit(self) -> HostArray:
        """What rounding can explain, element by element, absolute."""
        limit: HostArray = self.error + _confidence(self.error.size) * self.deviation
        return limit


def _confidence(elements: int) -> float:
    """Number of deviations that none of this many elements exceeds; see `running_error`."""
    return 2.0 * math.sqrt(6.0 * math.log(2.0 * max(elements, 1) / FAILURE))


class Arithmetic(NamedTuple):
    """What is judged.

    Attributes
    ----------
    dtype : numpy.dtype
        In which is computed.
    accuracy : Accuracy
        Of the library that computes.
    folded : float
        What a step may have multiplied by already, at most 1; what underflows counts the more.
    grown : float
        The same, at least 1; what overflows does so the sooner.
    """

    dtype: np.dtype
    accuracy: Accuracy
    folded: float = 1.0
    grown: float = 1.0

    @property
    def u(self) -> float:
        """Unit roundoff."""
        return unit_roundoff(self.dtype)

    @property
    def lost(self) -> float:
        """What a result loses where it underflows."""
        information = np.finfo(self.dtype)
        flushes = self.accuracy.flushes
        least = float(information.tiny if flushes else information.smallest_subnormal)
        return least / self.folded

    def local(self, kind: str, size: HostArray, inner: int = 1) -> HostArray:
        """Bound an operation's own rounding.

        Parameters
        ----------
        kind : str
            One of `rounding.ROUNDINGS`.
        size : numpy.ndarray
            Magnitudes, as for `rounding.bound`.
        inner : int
            How many terms an element sums.

        Returns
        -------
        numpy.ndarray
            Absolute.
        """
        own = bound(kind, size, self.dtype, inner, self.accuracy, size.size).likely
        return own + self.lost * (inner + 1)


def within(a: Arithmetic, value: Value, reach: HostArray) -> Value:
    """Give up elements that may overflow on the way: an infinity or NaN may come of them.

    Parameters
    ----------
    a : Arithmetic
        What is judged.
    value : Value
        A result.
    reach : numpy.ndarray
        How large numbers become on the way to it, as in `Truth`.

    Returns
    -------
    Value
        Its error is infinite at these elements; what is computed of them has a limit that is not
        finite either.
    """
    largest = float(np.finfo(a.dtype).max)
    # A step may add up in another order, two steps' moves in one product: room for a few such.
    safe = FOLDED * a.grown * (reach + value.limit) <= largest
    return value._replace(error=np.where(safe, value.error, np.inf))


def known(x: HostArray) -> Value:
    """Return an input, which has no error.

    Parameters
    ----------
    x : numpy.ndarray
        As it was given, in the dtype that is judged.

    Returns
    -------
    Value
    """
    exact = pair(x)
    return Value(exact, np.zeros_like(exact.hi), np.zeros_like(exact.hi))


def transposed(x: Value) -> Value:
    """Transpose.

    Parameters
    ----------
    x : Value
        (n, k).

    Returns
    -------
    Value
        (k, n).
    """
    return Value(Pair(x.exact.hi.T, x.exact.lo.T), x.error.T, x.deviation.T)


def matmul(a: Arithmetic, x: Value, y: Value, common: HostArray | None = None) -> Value:
    """Matrix product.

    Parameters
    ----------
    a : Arithmetic
        What is judged.
    x, y : Value
        (n, k) and (k, p).
    common : numpy.ndarray, optional
        (k,): how many of the terms may have the same error in x, or in y, as each has; 1 by
        default. Terms that are equal count as well.

    Returns
    -------
    Value
        (n, p).
    """
    wide = a.dtype == np.float64
    exact = product(x.exact, y.exact) if wide else pair(x.exact.hi @ y.exact.hi)
    left, right = np.abs(x.exact.hi), np.abs(y.exact.hi)
    error = FOLDED * a.u * np.abs(exact.hi) + a.lost * (left.shape[1] + 1)
    if x.error.any():
        error = error + x.error @ (right + y.error)
    if y.error.any():
        error = error + left @ y.error
    equal = class_sizes(x.exact.hi.T, a.dtype, y.exact.hi)
    certain, own = own_rounding(a, x, y, equal)
    shared = equal if common is None else np.maximum(equal, common)
    deviation = np.hypot(own, _carried(x, y, shared))
    return within(a, Value(exact, error + certain, deviation), left @ right)


def own_rounding(
    a: Arithmetic, x: Value, y: Value, equal: HostArray | None = None
) -> tuple[HostArray, HostArray]:
    """Roundings of a product of what has no error.

    Where terms are equal, so may be their roundings: c of them have not √c but up to c times the
    deviation of one. Where the deterministic bound γ_k Σ |x| |y| is smaller than the limit that
    comes of that, it holds.

    Parameters
    ----------
    a : Arithmetic
        What is judged.
    x, y : Value
        (n, k) and (k, p).
    equal : numpy.ndarray, optional
        (k,): how many terms are equal to each; counted if not given.

    Returns
    -------
    error, deviation : numpy.ndarray
        As in `Value`, (n, p).
    """
    if equal is None:
        equal = class_sizes(x.exact.hi.T, a.dtype, y.exact.hi)
    rows, columns = _scale(x, axis=1), _scale(y, axis=0)
    squares = squares_of_product(x.exact.hi / rows, y.exact.hi / columns)
    deviation = rounding_deviation(squares, a.dtype) * rows * columns
    most = float(equal.max(initial=1.0))
    nothing = np.zeros_like(deviation)
    if most == 1.0:
        return nothing, deviation
    deviation = math.sqrt(most) * deviation
    roundings = x.exact.hi.shape[1] * a.u
    largest = roundings / (1.0 - roundings) if roundings < 1.0 else math.inf
    certain = largest * (np.abs(x.exact.hi) @ np.abs(y.exact.hi))
    sharper = certain < _confidence(deviation.size) * deviation
    return np.where(sharper, certain, nothing), np.where(sharper, nothing, deviation)


def _carried(x: Value, y: Value, common: HostArray) -> HostArray:
    """Deviation of a product that comes of those of its factors.

    Rows and columns are scaled, so that no square underflows. The errors of c terms that are equal
    add up linearly: (Σ e)² ≤ c Σ e².
    """
    rows, columns = _scale(x, axis=1), _scale(y, axis=0)
    noisy = (y.deviation / columns) ** 2
    variance = np.zeros((x.exact.hi.shape[0], y.exact.hi.shape[1]))
    if x.deviation.any():
        right = (y.exact.hi / columns) ** 2
        variance = variance + ((x.deviation / rows) ** 2 * common) @ (right + noisy)
    if y.deviation.any():
        variance = variance + ((x.exact.hi / rows) ** 2 * common) @ noisy
    deviation: HostArray = np.sqrt(variance) * rows * columns
    return deviation


def _scale(x: Value, axis: int) -> HostArray:
    """Largest magnitude along an axis, by which to divide; 1 where all are 0."""
    largest = np.maximum(np.abs(x.exact.hi), x.deviation).max(axis=axis, keepdims=True)
    return np.where((largest > 0) & np.isfinite(largest), largest, 1.0)


def evaluated(a: Arithmetic, function: str, z: Pair) -> Value:
    """Evaluate a function; of many float64 numbers in float64, whose error counts then.

    Parameters
    ----------
    a : Arithmetic
        What is judged.
    function : str
        One of `functions.FUNCTIONS`.
    z : Pair
        Arguments.

    Returns
    -------
    Value
        Without the rounding of the judged computation.
    """
    if a.dtype == np.float64 and z.hi.size > LARGEST_MAP:
        plain = evaluate(function, pair(z.hi), np.dtype(np.float32))
        return Value(plain, np.abs(plain.hi) * 16.0 * a.u, np.zeros_like(plain.hi))
    exact = evaluate(function, z, a.dtype)
    return Value(exact, np.zeros_like(exact.hi), np.zeros_like(exact.hi))
