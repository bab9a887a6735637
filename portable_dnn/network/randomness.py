"""NumPy's legacy random stream, which is frozen (NEP 19): one seed, one stream, everywhere."""

import numpy as np

from portable_dnn.errors import SettingError
from portable_dnn.setting_checks import described, whole_number

__all__ = ["check_seed", "random_stream", "uniform"]


def check_seed(seed: int) -> int:
    """Check a seed.

    Parameters
    ----------
    seed : int
        Seed of a stream.

    Returns
    -------
    int
        The same, as Python's integer.

    Raises
    ------
    SettingError
        If it is not a whole number from 0 to 2³² − 1.
    """
    found = whole_number(seed)
    if found is None or not 0 <= found < 2**32:
        given = described(seed)
        raise SettingError(f"the seed is {given}; a whole number from 0 to 2**32 - 1 is right")
    return found


def random_stream(seed: int) -> np.random.RandomState:
    """Start a stream.

    Parameters
    ----------
    seed : int
        From 0 to 2³² − 1.

    Returns
    -------
    numpy.random.RandomState

    Raises
    ------
    SettingError
        If the seed is anything else.
    """
    return np.random.RandomState(check_seed(seed))


def uniform(random: np.random.RandomState, low: float, high: float) -> float:
    """Draw one number between `low` and `high`.

    `RandomState.uniform` may be compiled to one fused multiply-add, which rounds differently from
    the two steps here.

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
