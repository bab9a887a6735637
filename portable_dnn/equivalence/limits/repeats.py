"""What repeats in an array: equal numbers are rounded equally, and their errors add up."""

from collections import Counter

import numpy as np

from portable_dnn.arrays.contract import HostArray

__all__ = ["class_sizes", "mostly_repeated"]


@np.errstate(over="ignore", invalid="ignore")
def class_sizes(rows: HostArray, dtype: np.dtype, others: HostArray | None = None) -> HostArray:
    """Count for each row how many have its magnitudes, itself among them.

    Parameters
    ----------
    rows : numpy.ndarray
        (k, n), float64.
    dtype : numpy.dtype
        To which they are rounded before.
    others : numpy.ndarray, optional
        (k, p), float64: the other factors of a product's k terms. Rows count as equal if these are
        equal too.

    Returns
    -------
    numpy.ndarray
        (k,), float64; 1 for a row (or other row) of zeros, of which no rounding comes.
    """
    parts = (rows,) if others is None else (rows, others)
    # Contiguous, so that equal rows have equal sums: most often these already differ.
    keys = np.ascontiguousarray(np.abs(np.hstack(parts)).astype(dtype))
    if np.unique(keys.sum(axis=1)).size == len(keys):
        return np.ones(len(keys))
    found = [row.tobytes() for row in keys]
    counts = Counter(found)
    rounded = np.logical_and.reduce([keys.any(axis=1), *(part.any(axis=1) for part in parts)])
    return np.where(rounded, [counts[row] for row in found], 1.0)


def mostly_repeated(terms: HostArray) -> HostArray:
    """Whether most terms of a sum repeat each other, so that its roundings may agree.

    Parameters
    ----------
    terms : numpy.ndarray
        (count, k), a row a sum.

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
