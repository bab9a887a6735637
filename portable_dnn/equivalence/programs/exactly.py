"""Exact values of functions and sums: numbers as pairs, for float64 functions by mpmath."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.pairs import Pair, add, multiply, pair, subtract
from portable_dnn.equivalence.exact.truth import wide

__all__ = ["FUNCTIONS", "function", "quotient", "root", "sum_of"]

_BITS = 160
"""Of mpmath: float64 has 53, and a rest of as many is kept."""

# NumPy's function, whose float64 judges narrower dtypes, and mpmath's, which judges float64.
FUNCTIONS: Mapping[str, tuple[Callable[..., HostArray], str]] = MappingProxyType(
    {
        "exp": (np.exp, "exp"),
        "expm1": (np.expm1, "expm1"),
        "log": (np.log, "log"),
        "log1p": (np.log1p, "log1p"),
        "log2": (np.log2, "log2"),
        "log10": (np.log10, "log10"),
        "sin": (np.sin, "sin"),
        "cos": (np.cos, "cos"),
        "tan": (np.tan, "tan"),
        "asin": (np.arcsin, "asin"),
        "acos": (np.arccos, "acos"),
        "atan": (np.arctan, "atan"),
        "sinh": (np.sinh, "sinh"),
        "cosh": (np.cosh, "cosh"),
        "tanh": (np.tanh, "tanh"),
        "asinh": (np.arcsinh, "asinh"),
        "acosh": (np.arccosh, "acosh"),
        "atanh": (np.arctanh, "atanh"),
        "atan2": (np.arctan2, "atan2"),
        "hypot": (np.hypot, "hypot"),
        "pow": (np.power, "power"),
        "logaddexp": (np.logaddexp, "logaddexp"),
    }
)
"""The functions that have exact values here."""


def function(name: str, arguments: tuple[HostArray, ...], dtype: np.dtype) -> Pair:
    """Return a function's exact values.

    Parameters
    ----------
    name : str
        One of `FUNCTIONS`.
    arguments : tuple of numpy.ndarray
        Of one shape.
    dtype : numpy.dtype
        Of the result that is judged.

    Returns
    -------
    Pair
    """
    on_host, exact = FUNCTIONS[name]
    near = on_host(*map(wide, arguments))
    if dtype != np.float64:
        return pair(near)
    import mpmath

    values = near.ravel().copy()
    rests = np.zeros_like(values)
    with mpmath.workprec(_BITS):
        apply = _of_mpmath(mpmath, exact)
        for at, numbers in enumerate(zip(*(x.ravel() for x in arguments), strict=True)):
            # What is NaN or infinite is NumPy's, as the standard says of every function.
            if not np.isfinite(values[at]) or not all(np.isfinite(numbers)):
                continue
            right = apply(*map(float, numbers))
            values[at] = float(right)
            rests[at] = float(right - mpmath.mpf(float(values[at])))
    return Pair(values.reshape(near.shape), rests.reshape(near.shape))


def _of_mpmath(mp: Any, name: str) -> Callable[..., Any]:
    """Return a function of mpmath; some it has under no name of its own."""
    special: dict[str, Callable[..., Any]] = {
        "log2": lambda x: mp.log(x, 2),
        "logaddexp": lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(mp.mpf(x) - y))),
    }
    found: Callable[..., Any] = special[name] if name in special else getattr(mp, name)
    return found


def quotient(a: HostArray, b: HostArray) -> Pair:
    """A / b, with what is missing from its rounding to float64."""
    x, y = wide(a), wide(b)
    near = x / y
    rest = subtract(pair(x), multiply(pair(near), pair(y)))
    return _with_rest(near, (rest.hi + rest.lo) / y)


def root(x: HostArray) -> Pair:
    """√x, with what is missing from its rounding to float64."""
    near = np.sqrt(wide(x))
    rest = subtract(pair(wide(x)), multiply(pair(near), pair(near)))
    return _with_rest(near, (rest.hi + rest.lo) / (2.0 * near))


def _with_rest(near: HostArray, rest: HostArray) -> Pair:
    return Pair(near, np.where(np.isfinite(near) & np.isfinite(rest), rest, 0.0))


def sum_of(terms: Pair) -> Pair:
    """Sum along the last axis, of any length, in pairs of neighbours.

    Parameters
    ----------
    terms : Pair
        (…, k).

    Returns
    -------
    Pair
        (…).
    """
    while terms.hi.shape[-1] > 1:
        even = terms.hi.shape[-1] // 2 * 2
        left, right = (Pair(*(x[..., i:even:2] for x in terms)) for i in (0, 1))
        added = add(left, right)
        if even < terms.hi.shape[-1]:
            last = (x[..., even:] for x in terms)
            added = Pair(*(np.concatenate(both, -1) for both in zip(added, last, strict=True)))
        terms = added
    if not terms.hi.shape[-1]:
        return pair(np.zeros(terms.hi.shape[:-1]))
    return Pair(*(x[..., 0] for x in terms))
