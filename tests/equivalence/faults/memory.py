"""Memory read in another way than it was written."""

import numpy as np


def as_if_contiguous(x):
    """Read as many numbers as an array has, in the order in which they lie in memory."""
    if x.ndim != 2 or x.flags.c_contiguous:
        return x
    return np.lib.stride_tricks.as_strided(x, x.shape, (x.itemsize * x.shape[1], x.itemsize))
