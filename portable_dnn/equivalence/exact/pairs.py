"""Results more accurate than the judged ones.

Float32 is judged in float64. Float64 is judged in pairs (hi, lo) of float64, about 106 bits. The
pairs are made by error-free transformations: sums by TwoSum (Knuth), products by TwoProduct
(Dekker, Veltkamp), both in Ogita, Rump & Oishi 2005, *Accurate sum and dot product*; matrix
products by slicing (Ozaki, Ogita, Oishi & Rump 2012, *Error-free transformations of matrix
multiplication*): the factors are cut into slices of so few bits that the host's own float64
product of two slices is exact, whatever the order of its sums. Functions come from `decimal`,
whose exp and ln are correctly rounded. `numpy.longdouble` is not used: on some machines it is
float64.
"""

import math
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from portable_dnn.arrays.contract import HostArray

__all__ = [
    "DIGITS",
    "Pair",
    "add",
    "check_arithmetic",
    "decimals",
    "divide",
    "from_decimals",
    "multiply",
    "pair",
    "product",
    "subtract",
]

DIGITS = 60
"""Decimal digits of the functions: float64 has 17, so cancellation may eat 40."""

_SPLIT = 2.0**27 + 1.0  # Veltkamp's constant for 53 bits
_LARGE = 2.0**990  # above it, the split would overflow

_COARSE = 2.0**-22
"""Elements whose terms are so small beside their row's and column's largest are added up apart."""

_AT_ONCE = 2**18  # terms that are added up apart at once


class Pair(NamedTuple):
    """An unevaluated sum of two float64 arrays.

    Attributes
    ----------
    hi : numpy.ndarray
        The value, rounded to float64.
    lo : numpy.ndarray
        What is missing.
    """

    hi: HostArray
    lo: HostArray


def pair(x: HostArray) -> Pair:
    """Return an array as a pair.

    Parameters
    ----------
    x : numpy.ndarray
        Float32 or float64.

    Returns
    -------
    Pair
    """
    hi = np.asarray(x, dtype=np.float64)
    return Pair(hi, np.zeros_like(hi))


def _two_sum(a: HostArray, b: HostArray) -> Pair:
    """Sum of two floats, without error."""
    s = a + b
    other = s - a
    return Pair(s, (a - (s - other)) + (b - other))


def _halves(a: HostArray) -> tuple[HostArray, HostArray]:
    """Cut floats into two of at most 26 bits."""
    scale = np.where(np.abs(a) > _LARGE, 2.0**-40, 1.0)
    small = a * scale
    c = _SPLIT * small
    high = (c - (c - small)) / scale
    return high, a - high


def _two_product(a: HostArray, b: HostArray) -> Pair:
    """Product of two floats, without error (unless it overflows or underflows)."""
    p = a * b
    a1, a2 = _halves(a)
    b1, b2 = _halves(b)
    return Pair(p, a2 * b2 - (((p - a1 * b1) - a2 * b1) - a1 * b2))


def add(a: Pair, b: Pair) -> Pair:
    """Sum of two pairs.

    Parameters
    ----------
    a, b : Pair
        Arrays that broadcast.

    Returns
    -------
    Pair
    """
    s, e = _two_sum(a.hi, b.hi)
    return _renewed(s, e + (a.lo + b.lo))


def _renewed(value: HostArray, rest: HostArray) -> Pair:
    """Move as much of the rest to the value as it takes; NaN and infinity have no rest."""
    rest = np.where(np.isfinite(rest), rest, 0.0)
    hi = value + rest
    return Pair(hi, np.where(np.isfinite(hi), rest - (hi - value), 0.0))


def subtract(a: Pair, b: Pair) -> Pair:
    """Difference of two pairs; parameters as for `add`."""
    return add(a, Pair(-b.hi, -b.lo))


def multiply(a: Pair, b: Pair) -> Pair:
    """Product of two pairs, element by element; parameters as for `add`."""
    p, e = _two_product(a.hi, b.hi)
    return _renewed(p, e + (a.hi * b.lo + a.lo * b.hi))


def divide(a: Pair, divisor: float) -> Pair:
    """Quotient of a pair and a float.

    Parameters
    ----------
    a : Pair
        Of any shape.
    divisor : float
        Not 0.

    Returns
    -------
    Pair
    """
    quotient = a.hi / divisor
    p, e = _two_product(quotient, np.asarray(float(divisor)))
    rest = (((a.hi - p) - e) + a.lo) / divisor
    return Pair(quotient, np.where(np.isfinite(rest), rest, 0.0))


def product(A: Pair, B: Pair) -> Pair:
    """Matrix product of two pairs.

    The error is below 2⁻⁸⁶ k times the largest |entry| of A's row and of B's column. Where that is
    more than 2⁻⁶⁴ of an element's |A| |B|, in rows and columns of very different entries, its terms
    are added up apart: so it is always nothing beside a float64 product's. What overflows or
    underflows on the way does not count.

    Parameters
    ----------
    A : Pair
        (n, k), finite.
    B : Pair
        (k, m), finite.

    Returns
    -------
    Pair
        (n, m).
    """
    rows, columns = _exponents(A.hi, axis=1), _exponents(B.hi, axis=0)
    a, b = (Pair(np.ldexp(x.hi, -e), np.ldexp(x.lo, -e)) for x, e in ((A, rows), (B, columns)))
    bits = (53 - math.ceil(math.log2(max(a.hi.shape[1], 2)))) // 2
    a1, a2, a3 = _slices(a.hi, bits)
    b1, b2, b3 = _slices(b.hi, bits)
    total = _two_sum(a1 @ b1, a1 @ b2)
    total = add(total, pair(a2 @ b1))
    total = add(total, pair(a2 @ b2))
    small = (a.hi - a3) @ b3 + a3 @ b.hi
    if A.lo.any() or B.lo.any():
        small = small + a.hi @ b.lo + a.lo @ b.hi
    total = add(total, pair(small))
    hi, lo = (np.ldexp(x, rows + columns) for x in total)
    return _refined(A, B, Pair(hi, np.where(np.isfinite(hi), lo, 0.0)), np.abs(a.hi) @ np.abs(b.hi))


def _refined(A: Pair, B: Pair, found: Pair, size: HostArray) -> Pair:
    """Compute again the elements whose scaled |A| |B| is too small for slices."""
    k = A.hi.shape[1]
    coarse = size < k * _COARSE
    if not coarse.any():
        return found
    coarse &= ((A.hi != 0).astype(np.float64) @ (B.hi != 0)) > 0
    rows, columns = np.nonzero(coarse)
    hi, lo = found.hi.copy(), found.lo.copy()
    count = max(_AT_ONCE // k, 1)
    for start in range(0, rows.size, count):
        i, j = rows[start : start + count], columns[start : start + count]
        left, right = Pair(A.hi[i], A.lo[i]), Pair(B.hi[:, j].T, B.lo[:, j].T)
        hi[i, j], lo[i, j] = _added_up(left, right)
    return Pair(hi, lo)


def _added_up(x: Pair, y: Pair) -> Pair:
    """Row by row, the sum of products, each scaled by the largest of its row; (n, k) to (n,)."""
    (a, p), (b, q) = np.frexp(x.hi), np.frexp(y.hi)
    exponent = np.where((a == 0) | (b == 0), np.iinfo(np.int16).min, p + q)
    top = exponent.max(axis=1, keepdims=True)
    shift = exponent - top
    term, rest = _two_product(a, b)
    rest = rest + (a * np.ldexp(y.lo, -q) + np.ldexp(x.lo, -p) * b)
    total = Pair(np.ldexp(term, shift), np.ldexp(rest, shift))
    while total.hi.shape[1] > 1:
        even = total.hi.shape[1] % 2
        total = Pair(*(np.pad(part, ((0, 0), (0, even))) for part in total))
        total = add(*(Pair(total.hi[:, i::2], total.lo[:, i::2]) for i in (0, 1)))
    hi, lo = (np.ldexp(part, top)[:, 0] for part in total)
    return Pair(hi, np.where(np.isfinite(hi), lo, 0.0))


def check_arithmetic() -> None:
    """Make sure that the host's float64 arithmetic, on which all judgements rest, is right.

    Raises
    ------
    ArithmeticError
        If a subnormal number is taken for 0, as a library can have a processor do, or an element of
        a product differs from exact fractions by more than the deterministic bound.
    """
    if not np.any(np.full(8, 1e-310) * 0.5):
        raise ArithmeticError(
            "this process takes subnormal numbers for 0, so nothing can be judged in it; is "
            "torch.set_flush_denormal on?"
        )
    random = np.random.RandomState(0)
    A, B = random.standard_normal((4, 100)), random.standard_normal((100, 4))
    plain, better = A @ B, product(pair(A), pair(B))
    for i, j in np.ndindex(plain.shape):
        terms = [Fraction(x) * Fraction(y) for x, y in zip(A[i], B[:, j], strict=True)]
        exact, size = sum(terms), float(sum(map(abs, terms)))
        wrong = abs(Fraction(float(plain[i, j])) - exact)
        found = Fraction(float(better.hi[i, j])) + Fraction(float(better.lo[i, j]))
        worse = abs(found - exact)
        if wrong > 101 * 2.0**-53 * size or worse > 2.0**-80 * size:
            raise ArithmeticError(
                f"NumPy's product of 100 terms is {plain[i, j]!r} where {float(exact)!r} is right: "
                "its BLAS cannot be the judge; another NumPy is needed"
            )


def _exponents(x: HostArray, axis: int) -> HostArray:
    """Exponent of the largest entry along an axis, by which to scale without error."""
    return np.asarray(np.frexp(np.max(np.abs(x), axis=axis, keepdims=True))[1])


def _slices(x: HostArray, bits: int) -> tuple[HostArray, HostArray, HostArray]:
    """Cut numbers of at most 1 into multiples of 2^−bits, of 2^−2bits, and the rest."""
    first = np.ldexp(np.rint(np.ldexp(x, bits)), -bits)
    rest = x - first
    second = np.ldexp(np.rint(np.ldexp(rest, 2 * bits)), -2 * bits)
    return first, second, rest - second


def decimals(x: Pair) -> list[Decimal]:
    """Turn a pair into decimal numbers, without error.

    Parameters
    ----------
    x : Pair
        Finite, of any shape.

    Returns
    -------
    list of decimal.Decimal
        One for each element, in C order.
    """
    with localcontext(Context(prec=2000)):
        return [
            Decimal(hi) + Decimal(lo)
            for hi, lo in zip(x.hi.ravel().tolist(), x.lo.ravel().tolist(), strict=True)
        ]


def from_decimals(values: list[Decimal], shape: tuple[int, ...]) -> Pair:
    """Turn decimal numbers into a pair.

    Parameters
    ----------
    values : list of decimal.Decimal
        In C order.
    shape : tuple of int
        Of the arrays.

    Returns
    -------
    Pair
    """
    hi = [float(value) for value in values]
    with localcontext(Context(prec=DIGITS)):
        lo = [
            float(value - Decimal(h)) if math.isfinite(h) else 0.0
            for value, h in zip(values, hi, strict=True)
        ]
    return Pair(np.array(hi).reshape(shape), np.array(lo).reshape(shape))
