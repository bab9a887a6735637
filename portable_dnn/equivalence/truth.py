"""What each operation gives in exact arithmetic, and the magnitudes that bound its rounding.

Inputs are the arrays that the operation was given, in the dtype that is judged; the result is a
`Truth`. Where the whole result would take too long, a random sample of its elements is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from portable_dnn.backend import HostArray
from portable_dnn.equivalence.functions import evaluate
from portable_dnn.equivalence.precise import (
    Pair,
    add,
    divide,
    multiply,
    pair,
    product,
    subtract,
)

__all__ = [
    "Noise",
    "Truth",
    "applied",
    "copied",
    "cost_of_logits",
    "cost_of_probabilities",
    "difference",
    "leaky",
    "matrix_product",
    "mean",
    "rectified",
    "rectified_slope",
    "repeats",
    "sampled",
    "scaled_pixels",
    "slope",
    "summed",
    "updated",
]

LARGEST_PRODUCT = 2**28
"""Multiplications of a product that is judged whole; of larger ones a part is drawn."""

LARGEST_MAP = 4096
"""Elements of a float64 function that are judged; of a larger array they are drawn."""

NOISE_TERMS = 2**19
"""Terms that the noise of a product is estimated from."""

LANES = (1, 2, 4, 8, 16, 32, 64)
"""In how many interleaved sums a library may add: one after the other, in SIMD lanes, in warps."""


class Noise(NamedTuple):
    """What correct rounding makes of some elements of a sum; see `statistics`.

    Attributes
    ----------
    where : numpy.ndarray
        Flat indices of the elements in the truth's value.
    squares : numpy.ndarray
        For each, the sum over its terms of the squares of the term and of the sum so far; the
        largest of the ways to add in `LANES`.
    """

    where: HostArray
    squares: HostArray


@dataclass(frozen=True)
class Truth:
    """An operation's exact result.

    Attributes
    ----------
    kind : str
        One of `bounds.ROUNDINGS`.
    shape : tuple of int
        Of the whole result.
    value : Pair
        The exact result, or the part of it that was drawn, flat then.
    magnitude : numpy.ndarray
        For `bounds.bound`; shape of `value`.
    inner : int
        How many terms an element sums.
    where : numpy.ndarray or None
        Flat indices of the elements that were drawn; None if they are all there.
    noise : Noise or None
        For the spread.
    flushed : numpy.ndarray or float
        How far the result may move, at most, where the library takes numbers below the smallest
        normal one for 0: on top of the bound, in units of that number.
    signed : bool
        Whether the sign of a zero is part of the result.
    terms : callable or None
        Gives the terms of an element by its flat index in `value`; None where nothing is summed.
    bound : numpy.ndarray or None
        A bound found otherwise (see `running_error`), in the place of that of the kind.
    """

    kind: str
    shape: tuple[int, ...]
    value: Pair
    magnitude: HostArray
    inner: int = 1
    where: HostArray | None = None
    noise: Noise | None = None
    flushed: HostArray | float = 1.0
    signed: bool = False
    terms: Callable[[int], HostArray] | None = None
    bound: HostArray | None = None


def _whole(kind: str, value: Pair, magnitude: HostArray | None = None, **others: object) -> Truth:
    """Make the truth of a whole result."""
    size = np.abs(value.hi) if magnitude is None else magnitude
    return Truth(kind, value.hi.shape, value, size, **others)  # type: ignore[arg-type]


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
    return _whole("exact", pair(x), signed=True)


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
    return _whole("pixels", divide(pair(X), 255.0))


def matrix_product(
    A: HostArray, B: HostArray, m: int | None, random: np.random.RandomState
) -> Truth:
    """A B, or A B / m.

    Parameters
    ----------
    A, B : numpy.ndarray
        (n, k) and (k, p), finite, of the dtype that is judged.
    m : int or None
        What the product is divided by, if anything.
    random : numpy.random.RandomState
        For the draws.

    Returns
    -------
    Truth
    """
    n, k = A.shape
    p = B.shape[1]
    rows, columns = _draw(n, k, p, random)
    a, b = A[rows], B[:, columns]
    exact = _exact_product(a, b)
    wide_a, wide_b = np.abs(_wide(a)), np.abs(_wide(b))
    size = wide_a @ wide_b
    flushed = wide_a.sum(axis=1, keepdims=True) + wide_b.sum(axis=0) + k
    noise = _noise(a, b, random)
    if m is not None:
        exact, size, flushed = divide(exact, m), size / m, flushed / m + 1.0
        noise = Noise(noise.where, noise.squares / m**2)
    where = None
    if len(rows) < n or len(columns) < p:
        where = (rows[:, None] * p + columns).ravel()
        exact, size, flushed = Pair(*(x.ravel() for x in exact)), size.ravel(), flushed.ravel()
    kind = "product" if m is None else "mean product"
    terms = partial(_terms, a, b)
    return Truth(kind, (n, p), exact, size, k, where, noise, flushed, terms=terms)


def _exact_product(a: HostArray, b: HostArray) -> Pair:
    """A product whose entries may be NaN or infinite."""
    finite = bool(np.isfinite(a).all() and np.isfinite(b).all())
    if finite and a.dtype == np.float64:
        return product(pair(a), pair(b))
    with np.errstate(invalid="ignore"):
        plain = _wide(a) @ _wide(b)
    if finite or a.dtype == np.float32:
        return pair(plain)
    cleaned = product(pair(np.where(np.isfinite(a), a, 0)), pair(np.where(np.isfinite(b), b, 0)))
    good = np.isfinite(plain)
    return Pair(np.where(good, cleaned.hi, plain), np.where(good, cleaned.lo, 0.0))


def _terms(a: HostArray, b: HostArray, index: int) -> HostArray:
    """Return the terms of an element of a product."""
    row, column = divmod(index, b.shape[1])
    terms: HostArray = _wide(a[row]) * _wide(b[:, column])
    return terms


def _wide(x: HostArray) -> HostArray:
    """Return an array in float64."""
    return x.astype(np.float64, copy=False)


def _draw(n: int, k: int, p: int, random: np.random.RandomState) -> tuple[HostArray, HostArray]:
    """Draw rows and columns, so that the product of what was drawn is not too much work."""
    largest = max(LARGEST_PRODUCT // k, 1)
    rows, columns = n, p
    if n * p > largest:
        side = int(largest**0.5)
        rows = min(n, max(side, largest // p, 1))
        columns = min(p, max(largest // rows, 1))
    return (
        np.sort(random.permutation(n)[:rows]),
        np.sort(random.permutation(p)[:columns]),
    )


def _noise(a: HostArray, b: HostArray, random: np.random.RandomState) -> Noise:
    """Add up some elements in several ways, and keep the squares of the sums so far."""
    n, k = a.shape
    p = b.shape[1]
    count = min(n * p, max(NOISE_TERMS // k, 16))
    where = random.randint(n * p, size=count) if n * p > 2**20 else random.permutation(n * p)
    where = np.sort(where[:count])
    terms = _wide(a[where // p]) * _wide(b[:, where % p]).T
    varied = ~repeats(terms)
    terms = terms[varied]
    ways = np.max([_squares(terms, lanes) for lanes in LANES if lanes <= k], axis=0)
    return Noise(where[varied], ways + (terms**2).sum(axis=1))


def _squares(terms: HostArray, lanes: int) -> HostArray:
    """Squares of the sums so far, where each of several lanes adds every so manieth term."""
    count, k = terms.shape
    length = -(-k // lanes)
    padded = np.zeros((count, length * lanes))
    padded[:, :k] = terms
    sums = np.cumsum(padded.reshape(count, length, lanes), axis=1)
    squares: HostArray = np.einsum("ijk,ijk->i", sums, sums)
    return squares


def repeats(terms: HostArray) -> HostArray:
    """Whether most of an element's terms repeat each other, so that roundings may agree.

    Parameters
    ----------
    terms : numpy.ndarray
        (count, k), a row an element.

    Returns
    -------
    numpy.ndarray of bool
        (count,): whether fewer than half of the magnitudes are different; 0 adds no rounding, and
        does not count.
    """
    magnitudes = np.sort(np.abs(terms), axis=1)
    counted = magnitudes > 0
    new = counted & (np.diff(magnitudes, axis=1, prepend=-1.0) > 0)
    few: HostArray = 2 * new.sum(axis=1) < counted.sum(axis=1)
    return few


def mean(x: HostArray, random: np.random.RandomState) -> Truth:
    """Row sums over the number of columns, (n, m) to (n, 1).

    Parameters
    ----------
    x : numpy.ndarray
        (n, m).
    random : numpy.random.RandomState
        For the draws.

    Returns
    -------
    Truth
    """
    m = x.shape[1]
    truth = matrix_product(x, np.ones((m, 1), x.dtype), m, random)
    return replace(truth, kind="mean")


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
    return _whole("arithmetic", value, flushed=3.0)


def difference(a: HostArray, b: HostArray) -> Truth:
    """Difference a − b, one rounding; where it is 0, it is +0 unless a is −0 and b is +0.

    Parameters
    ----------
    a, b : numpy.ndarray
        Of one shape.

    Returns
    -------
    Truth
    """
    value = subtract(pair(a), pair(b))
    signed = np.where(value.hi == 0, _wide(a) - _wide(b), value.hi)
    return _whole("arithmetic", Pair(signed, value.lo), flushed=3.0, signed=True)


def updated(p: HostArray, g: HostArray, rate: float) -> Truth:
    """New parameters p − α g: the rounding of α (in float32), of α g, and of the difference.

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
    return _whole("arithmetic", value, size, flushed=4.0)


def rectified(z: HostArray) -> Truth:
    """max(z, 0), exact; NaN stays NaN.

    Parameters
    ----------
    z : numpy.ndarray
        Any shape.

    Returns
    -------
    Truth
    """
    return _whole("exact", pair(np.where(z > 0, z, np.where(np.isnan(z), z, 0))))


def rectified_slope(dA: HostArray, z: HostArray) -> Truth:
    """Where z > 0 dA, else 0; exact.

    Parameters
    ----------
    dA, z : numpy.ndarray
        Of one shape.

    Returns
    -------
    Truth
    """
    return _whole("exact", pair(np.where(z > 0, dA, 0)), flushed=_at_zero(dA, z))


def _at_zero(x: HostArray, z: HostArray) -> HostArray:
    """How far a branch on z > 0 may move x, where a library takes subnormal z for 0."""
    tiny = float(np.finfo(z.dtype).tiny)
    moved: HostArray = np.where((np.abs(z) < tiny) & (z != 0), np.abs(_wide(x)) / tiny, 0.0) + 2.0
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
    return _whole("slope", value, size, flushed=_at_zero(x, z))


def applied(kind: str, z: HostArray, random: np.random.RandomState) -> Truth:
    """A function of an array: "sigmoid" or "tanh".

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
    value = evaluate(kind, chosen, z.dtype)
    return Truth(kind, z.shape, value, np.abs(value.hi), where=where, flushed=3.0)


def slope(kind: str, dA: HostArray, z: HostArray, random: np.random.RandomState) -> Truth:
    """Derivative through a function, dA g′(z): "sigmoid slope" or "tanh slope".

    Parameters
    ----------
    kind : str
        Which.
    dA, z : numpy.ndarray
        Of one shape.
    random : numpy.random.RandomState
        For the draws.

    Returns
    -------
    Truth
    """
    shape, where = z.shape, sampled(z, random)
    z, dA = (z, dA) if where is None else (z.ravel()[where], dA.ravel()[where])
    value = multiply(pair(dA), evaluate(kind, pair(z), dA.dtype))
    flushed = 8.0 * np.abs(_wide(dA)) + 2.0
    return Truth(kind, shape, value, np.abs(value.hi), where=where, flushed=flushed)


def sampled(x: HostArray, random: np.random.RandomState) -> HostArray | None:
    """Draw elements of an array whose functions would take long; None for all of them.

    Parameters
    ----------
    x : numpy.ndarray
        Any shape.
    random : numpy.random.RandomState
        For the draws.

    Returns
    -------
    numpy.ndarray or None
        Flat indices.
    """
    if x.dtype == np.float32 or x.size <= LARGEST_MAP:
        return None
    return np.sort(random.permutation(x.size)[:LARGEST_MAP])


def cost_of_logits(z: HostArray, y: HostArray) -> Truth:
    """Mean cross-entropy of logits; of terms that are all positive.

    Parameters
    ----------
    z, y : numpy.ndarray
        (1, m); labels 0 or 1.

    Returns
    -------
    Truth
    """
    # max(z, 0) − z y is |z| where the sign says the wrong class, else 0.
    wrong = pair(np.where(y == 1, np.maximum(-z, 0), np.maximum(z, 0)))
    losses = add(wrong, evaluate("softplus", pair(z), z.dtype))
    return _total("cost from logits", losses, z.shape[1], 0.0)


def cost_of_probabilities(a: HostArray, y: HostArray) -> Truth:
    """Mean cross-entropy of probabilities.

    Parameters
    ----------
    a, y : numpy.ndarray
        (1, m); labels 0 or 1.

    Returns
    -------
    Truth
    """
    right = pair(a)
    other = subtract(pair(np.ones_like(a)), right)
    taken = Pair(*(np.where(y == 1, r, o) for r, o in zip(right, other, strict=True)))
    certain = taken.hi == 0
    positive = Pair(np.where(certain, 1.0, taken.hi), np.where(certain, 0.0, taken.lo))
    logs = evaluate("log", positive, a.dtype)
    losses = Pair(np.where(certain, np.inf, -logs.hi), -logs.lo)
    # 1 − A is rounded, and a relative error of p is an absolute error of log p.
    return _total("cost from probabilities", losses, a.shape[1], float(np.mean(y != 1)))


def _total(kind: str, losses: Pair, m: int, more: float) -> Truth:
    """Mean of losses, a 0-d result."""
    flat = Pair(*(x.reshape(1, -1) for x in losses))
    if not np.isfinite(flat.hi).all():
        value = pair(np.asarray(flat.hi.sum()))
        return Truth(kind, (), value, np.asarray(np.inf), m)
    total = divide(product(flat, pair(np.ones((flat.hi.shape[1], 1)))), m)
    size = np.asarray(np.abs(flat.hi).sum() / m + more)
    return Truth(kind, (), Pair(total.hi.reshape(()), total.lo.reshape(())), size, m, flushed=8.0)
