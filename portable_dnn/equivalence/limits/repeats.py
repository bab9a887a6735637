"""What repeats in an array: equal numbers are rounded equally, and their errors add up."""

from collections import Counter

import numpy as np

from portable_dnn.arrays.contract import HostArray

__all__ = ["class_sizes"]


@np.errstate(over="ignore", invalid="ignore")
def class_sizes(rows: HostArray, dtype: np.dtype) -> HostArray:
    """Count for each row how many have its magnitudes, itself among them.

    Parameters
    ----------
    rows : numpy.ndarray
        (k, n), float64.
    dtype : numpy.dtype
        To which they are rounded before.

    Returns
    -------
    numpy.ndarray
        (k,), float64; 1 for a row of zeros, of which no rounding comes.
    """
    # Contiguous, so that equal rows have equal sums: most often these already differ.
    keys = np.ascontiguousarray(np.abs(rows).astype(dtype))
    if np.unique(keys.sum(axis=1)).size == len(keys):
        return np.ones(len(keys))
    found = [row.tobytes() for row in keys]
    counts = Counter(found)
    return np.where(keys.any(axis=1), [counts[row] for row in found], 1.0)
