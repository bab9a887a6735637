"""Settings that people choose: one of several names, a number of things, a dtype to compute in."""

from collections.abc import Collection

from portable_dnn.errors import SettingError

__all__ = ["FLOATS", "check_choice", "check_count"]

FLOATS = ("float64", "float32")
"""The dtypes to compute in."""


def check_choice(value: str, allowed: Collection[str], what: str) -> str:
    """Check a name among several.

    Parameters
    ----------
    value : str
        What was chosen.
    allowed : collection of str
        What could be.
    what : str
        What it is, for the message: "initialization".

    Returns
    -------
    str
        The same.

    Raises
    ------
    SettingError
        If it is none of them.
    """
    if value not in allowed:
        *most, last = allowed
        raise SettingError(f"unknown {what} {value!r}; use {', '.join(most)} or {last}")
    return value


def check_count(value: int, what: str) -> int:
    """Check a positive whole number.

    Parameters
    ----------
    value : int
        The number.
    what : str
        What it counts, for the message: "number of iterations".

    Returns
    -------
    int
        The same, as Python's integer.

    Raises
    ------
    SettingError
        If it is anything else.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < 1:
        raise SettingError(f"the {what} is {value!r}; a whole number of at least 1 is right")
    return int(value)
