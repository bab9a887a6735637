"""Random numbers that are the same on every machine and in every version of NumPy."""

import numpy as np

from portable_dnn.errors import DataError

__all__ = ["random_stream", "uniform"]


def random_stream(seed: int) -> np.random.RandomState:
    """Open NumPy's legacy stream, which is frozen.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.

    Returns
    -------
    numpy.random.RandomState

    Raises
    ------
    DataError
        If the seed is outside that range.
    """
    if not 0 <= seed < 2**32:
        raise DataError(f"the seed is {seed}; it must be from 0 to {2**32 - 1}")
    return np.random.RandomState(seed)


def uniform(random: np.random.RandomState, low: float, high: float) -> float:
    """Draw one number between `low` and `high`.

    `RandomState.uniform` may be compiled to one fused multiply-add, which rounds otherwise than the
    two steps here.

    Parameters
    ----------
    random : numpy.random.RandomState
        The stream; one number is taken from it.
    low, high : float
        The interval.

    Returns
    -------
    float
    """
    share = float(random.random_sample())
    return low + (high - low) * share
