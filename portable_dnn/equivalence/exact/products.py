"""Exact matrix products and means, with the noise of correct rounding in some elements."""

from dataclasses import replace
from functools import partial

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.pairs import Pair, divide, pair, product
from portable_dnn.equivalence.exact.truth import Truth, wide
from portable_dnn.equivalence.limits.noise import Noise, squares_of_terms
from portable_dnn.equivalence.limits.repeats import mostly_repeated

__all__ = ["NOISE_ELEMENTS", "NOISE_TERMS", "matrix_product", "mean", "noise_of_terms"]

LARGEST_PRODUCT = 2**28
"""Multiplications of a product that is judged whole; of larger ones a part is drawn."""

NOISE_TERMS, NOISE_ELEMENTS = 2**17, 40
"""Terms that the noise of a product is estimated from, but at least this many elements."""


def matrix_product(
    A: HostArray, B: HostArray, m: int | None, random: np.random.RandomState
) -> Truth:
    """A B, or A B / m.

    Parameters
    ----------
    A, B : numpy.ndarray
        (n, k) and (k, p), of the dtype that is judged.
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
    wide_a, wide_b = (np.abs(_finite(wide(x))) for x in (a, b))
    with np.errstate(over="ignore"):
        size = reach = wide_a @ wide_b
    flushed = wide_a.sum(axis=1, keepdims=True) + wide_b.sum(axis=0) + k
    noise = _noise(a, b, random)
    if m is not None:
        exact, size, flushed = divide(exact, m), size / m, flushed / m + 1.0
        noise = Noise(noise.where, noise.squares / m**2)
    where = None
    if len(rows) < n or len(columns) < p:
        where = (rows[:, None] * p + columns).ravel()
        exact, size, flushed = Pair(*(x.ravel() for x in exact)), size.ravel(), flushed.ravel()
        reach = reach.ravel()
    kind = "product" if m is None else "mean product"
    return Truth(
        kind=kind,
        shape=(n, p),
        value=exact,
        magnitude=size,
        inner=k,
        where=where,
        noise=noise,
        flushed=flushed,
        terms=partial(_terms, a, b),
        reach=reach,
    )


def _exact_product(a: HostArray, b: HostArray) -> Pair:
    """A product whose entries may be NaN or infinite."""
    left, right = _finite(wide(a)), _finite(wide(b))
    value = product(pair(left), pair(right)) if a.dtype == np.float64 else pair(left @ right)
    special = ~np.isfinite(a).all(axis=0) | ~np.isfinite(b).all(axis=1)
    if not special.any():
        return value
    hi = value.hi.copy()
    with np.errstate(invalid="ignore"):
        # Term by term: no library is asked what becomes of 0 · ∞.
        for k in np.flatnonzero(special):
            term = a[:, k, None] * b[k]
            apart = ~np.isfinite(a[:, k, None]) | ~np.isfinite(b[k])
            hi += np.where(apart, term, 0.0)
    return Pair(hi, np.where(np.isfinite(hi), value.lo, 0.0))


def _finite(x: HostArray) -> HostArray:
    """Numbers as they are, 0 in the place of NaN and infinity."""
    return np.where(np.isfinite(x), x, 0.0)


def _terms(a: HostArray, b: HostArray, index: int) -> HostArray:
    """Return the terms of an element of a product."""
    row, column = divmod(index, b.shape[1])
    terms: HostArray = wide(a[row]) * wide(b[:, column])
    return terms


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
    """Draw some elements, and tell the noise of those whose terms do not repeat each other."""
    n, k = a.shape
    p = b.shape[1]
    count = min(n * p, max(NOISE_TERMS // k, NOISE_ELEMENTS))
    where = random.randint(n * p, size=count) if n * p > 2**20 else random.permutation(n * p)
    where = np.sort(where[:count])
    return noise_of_terms(where, wide(a[where // p]) * wide(b[:, where % p]).T)


def noise_of_terms(where: HostArray, terms: HostArray) -> Noise:
    """Tell the noise of those sums whose terms do not repeat each other.

    Parameters
    ----------
    where : numpy.ndarray
        Flat indices of the sums.
    terms : numpy.ndarray
        A row of each, float64.

    Returns
    -------
    Noise
    """
    varied = ~mostly_repeated(terms)
    return Noise(where[varied], squares_of_terms(terms[varied]))


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
