"""What operations that round should give, from the very inputs that they were given."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from types import MappingProxyType
from typing import Any

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.pairs import Pair, add, divide, multiply, pair, subtract
from portable_dnn.equivalence.exact.products import (
    NOISE_ELEMENTS,
    NOISE_TERMS,
    matrix_product,
    noise_of_terms,
)
from portable_dnn.equivalence.exact.truth import Truth, sampled, wide
from portable_dnn.equivalence.limits.accuracy import Accuracy
from portable_dnn.equivalence.limits.noise import Noise
from portable_dnn.equivalence.limits.rounding import ulp, unit_roundoff
from portable_dnn.equivalence.programs.exactly import FUNCTIONS, function, quotient, root, sum_of
from portable_dnn.equivalence.programs.rules import RULES

__all__ = ["truths"]

_BATCHES = 32
"""Matrix products of a batch that are judged; of more, they are drawn."""
_DOCUMENTED = ("exp", "log", "log1p", "tanh")

Drawn = tuple[Truth, HostArray]
"""A truth, and the part of the result that it is about."""


def truths(
    name: str,
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
    result: HostArray,
    accuracy: Accuracy,
    random: np.random.RandomState,
) -> Iterator[Drawn]:
    """Give what an operation should have given.

    Parameters
    ----------
    name : str
        In the standard's words, of the families "rounded", "function", "sum" or "product".
    arguments, options
        What it was called with, of NumPy's arrays.
    result : numpy.ndarray
        What came of it, floating.
    accuracy : Accuracy
        Of the library.
    random : numpy.random.RandomState
        For the draws.

    Yields
    ------
    Truth, numpy.ndarray
        Several for a batch of products.

    Raises
    ------
    TypeError, ValueError, KeyError, IndexError
        If the arguments are not those of the standard.
    """
    if name == "linalg.outer":
        a, b = arguments
        name, arguments = "multiply", (a[:, None], b[None, :])
    if name in _ELEMENTWISE or name in FUNCTIONS:
        yield _elementwise(name, arguments, options, result, accuracy, random), result
    elif name in _SUMS:
        yield _SUMS[name](arguments, dict(options), result, random), result
    else:
        yield from _products(name, arguments, dict(options), result, random)


_ELEMENTWISE: Mapping[str, Callable[..., Pair]] = MappingProxyType(
    {
        "add": lambda a, b: add(pair(a), pair(b)),
        "subtract": lambda a, b: subtract(pair(a), pair(b)),
        "multiply": lambda a, b: multiply(pair(a), pair(b)),
        "square": lambda a: multiply(pair(a), pair(a)),
        "divide": quotient,
        "reciprocal": lambda a: quotient(np.ones_like(a), a),
        "sqrt": root,
    }
)


def _elementwise(
    name: str,
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
    result: HostArray,
    accuracy: Accuracy,
    random: np.random.RandomState,
) -> Truth:
    """One rounding, or a function, of every element."""
    if options:
        raise TypeError(f"{name} takes no keywords")
    # A Python number takes the dtype of the arrays first.
    given = [x if isinstance(x, np.ndarray) else np.asarray(x, result.dtype) for x in arguments]
    arrays = [np.broadcast_to(x, result.shape) for x in given]
    where = sampled(arrays[0], random) if name in FUNCTIONS and result.dtype == np.float64 else None
    if where is not None:
        arrays = [x.ravel()[where] for x in arrays]
    most = RULES[name].ulps
    if name in FUNCTIONS:
        value = function(name, tuple(arrays), result.dtype)
        most = getattr(accuracy, name) if name in _DOCUMENTED else most
    else:
        value = _ELEMENTWISE[name](*arrays)
        if name in ("divide", "reciprocal"):
            most = max(most, accuracy.divide)
    limit = most * ulp(value.hi, result.dtype)
    numbers = [abs(x) for x in arguments if isinstance(x, int | float)]
    if numbers and result.dtype == np.float16:  # some libraries take the number as it is
        size = np.abs(value.hi)
        size = np.maximum(size, max(numbers)) if name in ("add", "subtract") else size
        limit = limit + unit_roundoff(result.dtype) * size
    return Truth(
        kind="arithmetic",
        shape=result.shape,
        value=value,
        magnitude=np.abs(value.hi),
        where=where,
        bound=limit,
        flushed=3.0,
    )


def _rows(x: HostArray, axis: Any) -> HostArray:
    """Put what is summed into rows: (sums, terms of each)."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    last = [a % x.ndim for a in axes]
    kept = [a for a in range(x.ndim) if a not in last]
    sums, terms = (math.prod(x.shape[a] for a in some) for some in (kept, last))
    return np.transpose(x, (*kept, *last)).reshape(sums, terms)


def _sum(rows: Pair, random: np.random.RandomState) -> Truth:
    """Make the truth of sums of terms."""
    terms = rows.hi
    count, k = terms.shape
    size = np.abs(terms).sum(axis=1)
    drawn = random.permutation(count)[: max(NOISE_TERMS // max(k, 1), NOISE_ELEMENTS)]
    drawn = np.sort(drawn)
    drawn = drawn[np.isfinite(terms[drawn]).all(axis=1)]
    noise = noise_of_terms(drawn, terms[drawn]) if drawn.size and k else None
    return Truth(
        kind="product",
        shape=(count,),
        value=sum_of(rows),
        magnitude=size,
        inner=max(k, 1),
        noise=noise,
        flushed=float(k + 1),
        terms=lambda index: terms[index],
        reach=size,
    )


def _floats(x: Any, dtype: np.dtype) -> HostArray:
    """Return an input in the dtype that is computed in."""
    return np.asarray(x).astype(dtype)


def _summed(arguments: Any, options: Any, result: HostArray, random: Any) -> Truth:
    (x,) = arguments
    rows = _rows(_floats(x, result.dtype), _of_sum(options))
    return replace(_sum(pair(rows), random), shape=result.shape)


def _averaged(arguments: Any, options: Any, result: HostArray, random: Any) -> Truth:
    (x,) = arguments
    rows = _rows(_floats(x, result.dtype), _of_sum(options))
    k = rows.shape[1]
    truth = _sum(pair(rows), random)
    noise = truth.noise
    return replace(
        truth,
        kind="mean product",
        shape=result.shape,
        value=divide(truth.value, k),
        magnitude=truth.magnitude / k,
        noise=None if noise is None else Noise(noise.where, noise.squares / k**2),
        flushed=2.0,
    )


def _of_sum(options: dict[str, Any], *more: str) -> Any:
    """Return the axis; other keywords than those of the standard are not understood."""
    unknown = set(options) - {"axis", "keepdims", "dtype", *more}
    if unknown:
        raise TypeError(f"unknown keywords {', '.join(sorted(unknown))}")
    return options.get("axis")


def _variance(arguments: Any, options: Any, result: HostArray, random: Any) -> Truth:
    """The mean of the squared distances from the mean, which itself has an error δ."""
    (x,) = arguments
    axis = _of_sum(options, "correction")
    rows = _rows(_floats(x, result.dtype), axis)
    k = rows.shape[1]
    n = k - float(options.get("correction", 0.0))
    if n <= 0:
        raise ValueError("nothing is left to divide by")
    mean = divide(sum_of(pair(rows)), k)
    away = subtract(pair(rows), Pair(mean.hi[:, None], mean.lo[:, None]))
    value = divide(sum_of(multiply(away, away)), n)
    u = unit_roundoff(result.dtype)
    delta = (k + 2) * u * np.abs(wide(rows)).sum(axis=1) / k
    distance = np.abs(away.hi)
    error = delta[:, None] + u * distance
    squares = (k + 6) * u * (distance + error) ** 2 + 2 * distance * error + error**2
    limit = squares.sum(axis=1) / n
    reach = (distance**2).sum(axis=1)
    tiny = float(np.finfo(result.dtype).tiny)
    return Truth(
        kind="arithmetic",
        shape=result.shape,
        value=value,
        magnitude=np.abs(value.hi),
        bound=limit + k * tiny,
        flushed=float(k),
        reach=reach,
    )


def _deviation(arguments: Any, options: Any, result: HostArray, random: Any) -> Truth:
    """The root of the variance: an error e of v moves it by e / 2√v, and by √e at most."""
    truth = _variance(arguments, options, result, random)
    near, limit = truth.value, truth.bound
    assert limit is not None
    value = np.sqrt(near.hi + near.lo)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.where(value > 0, np.minimum(limit / value, np.sqrt(limit)), np.sqrt(limit))
    return replace(
        truth,
        value=pair(value),
        magnitude=value,
        bound=moved + ulp(value, result.dtype),
    )


def _cumulative(arguments: Any, options: Any, result: HostArray, random: Any) -> Truth:
    """Sums of the first 1, 2, … terms."""
    (x,) = arguments
    axis = options.pop("axis", None)
    if set(options) - {"dtype"} or (axis is None and x.ndim != 1):
        raise TypeError("unknown keywords")
    rows = np.moveaxis(_floats(x, result.dtype), axis or 0, -1)
    if rows.shape[-1] > 5000:
        raise ValueError("the sums are too long")
    total, sums = pair(np.zeros(rows.shape[:-1])), []
    for j in range(rows.shape[-1]):
        total = add(total, pair(rows[..., j]))
        sums.append(total)
    value = Pair(
        *(np.moveaxis(np.stack(part, -1), -1, axis or 0) for part in zip(*sums, strict=True))
    )
    size = np.moveaxis(np.cumsum(np.abs(wide(rows)), -1), -1, axis or 0)
    k = rows.shape[-1]
    return Truth("product", result.shape, value, size, inner=k, flushed=float(k + 1), reach=size)


def _inner(arguments: Any, options: Any, result: HostArray, random: Any) -> Truth:
    """Sum the products of the elements along an axis."""
    x, y = np.broadcast_arrays(*(_floats(a, result.dtype) for a in arguments))
    axis = options.pop("axis", -1)
    if options:
        raise TypeError("unknown keywords")
    rows = multiply(pair(_rows(x, axis)), pair(_rows(y, axis)))
    return replace(_sum(rows, random), shape=result.shape)


def _norm(arguments: Any, options: Any, result: HostArray, random: Any) -> Truth:
    """The root of a sum of squares."""
    (x,) = arguments
    if options.pop("ord", 2) != 2:
        raise ValueError("only the root of the sum of squares is known")
    rows = _rows(_floats(x, result.dtype), _of_sum(options))
    k, info = rows.shape[1], np.finfo(result.dtype)
    squares = multiply(pair(rows), pair(rows))
    total = sum_of(squares)
    value = np.sqrt(total.hi + total.lo)
    limit = (k / 2 + 4) * unit_roundoff(result.dtype) * value + math.sqrt(k * float(info.tiny))
    return Truth(
        kind="arithmetic",
        shape=result.shape,
        value=pair(value),
        magnitude=value,
        bound=limit,
        flushed=float(k),
        reach=total.hi,
    )


_SUMS: Mapping[str, Callable[[Any, dict[str, Any], HostArray, Any], Truth]] = MappingProxyType(
    {
        "sum": _summed,
        "mean": _averaged,
        "var": _variance,
        "std": _deviation,
        "cumulative_sum": _cumulative,
        "vecdot": _inner,
        "linalg.vector_norm": _norm,
    }
)


def _products(
    name: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    result: HostArray,
    random: np.random.RandomState,
) -> Iterator[Drawn]:
    """Matrix products, one of a batch after the other."""
    a, b = (_floats(x, result.dtype) for x in arguments[:2])
    if name == "tensordot":
        a, b = _flattened(a, b, options.pop("axes", arguments[2] if arguments[2:] else 2))
        result = result.reshape(a.shape[0], b.shape[1])
    if options:
        raise TypeError("unknown keywords")
    found = result
    if a.ndim == 1:
        a, found = a[None, :], found[..., None, :] if b.ndim > 1 else found[..., None]
    if b.ndim == 1:
        b, found = b[:, None], found[..., None]
    lead = found.shape[:-2]
    many_a = np.broadcast_to(a, (*lead, *a.shape[-2:])).reshape(-1, *a.shape[-2:])
    many_b = np.broadcast_to(b, (*lead, *b.shape[-2:])).reshape(-1, *b.shape[-2:])
    parts = found.reshape(-1, *found.shape[-2:])
    if not found.size:
        return
    for at in islice(random.permutation(len(parts)), _BATCHES):
        yield matrix_product(many_a[at], many_b[at], None, random), parts[at]


def _flattened(a: HostArray, b: HostArray, axes: Any) -> tuple[HostArray, HostArray]:
    """Write a tensordot as a product of two matrices."""
    if isinstance(axes, int):
        ours: Sequence[int] = range(a.ndim - axes, a.ndim)
        theirs: Sequence[int] = range(axes)
    else:
        ours, theirs = (
            [axis % x.ndim for axis in some] for some, x in zip(axes, (a, b), strict=True)
        )
    free_a = [i for i in range(a.ndim) if i not in ours]
    free_b = [i for i in range(b.ndim) if i not in theirs]
    inner = math.prod(a.shape[i] for i in ours)
    return (
        np.transpose(a, (*free_a, *ours)).reshape(-1, inner),
        np.transpose(b, (*theirs, *free_b)).reshape(inner, -1),
    )
