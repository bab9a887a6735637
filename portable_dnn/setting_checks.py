"""Settings that people choose: names, numbers and functions, whatever is given for them."""

import math
import operator
from collections.abc import Callable, Collection
from typing import Any

from portable_dnn.errors import SettingError

__all__ = [
    "FLOATS",
    "check_callable",
    "check_choice",
    "check_count",
    "check_flag",
    "check_number",
    "described",
    "whole_number",
]

FLOATS = ("float64", "float32")
"""The dtypes to compute in."""
_LARGEST = 2**63 - 1
_MOST_OF_A_VALUE = 200


def described(value: object) -> str:
    """Write a value that a user gave, for a message: it may be anything, and long.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    str
        As Python writes it, on one line, at most 200 characters; else its kind.

    Examples
    --------
    >>> described("tanh"), described(10**9999)
    ("'tanh'", 'a int')
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a number too long to be written, an array that is gone
        return f"a {type(value).__name__}"
    return text if len(text) <= _MOST_OF_A_VALUE else f"{text[:_MOST_OF_A_VALUE]}…"


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
    if not isinstance(value, str) or value not in allowed:
        *most, last = allowed
        raise SettingError(f"unknown {what} {described(value)}; use {', '.join(most)} or {last}")
    return value


def whole_number(value: object) -> int | None:
    """Return a whole number as Python's integer; None for anything else, a bool too.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    int or None

    Examples
    --------
    >>> whole_number(3), whole_number(3.0), whole_number(True)
    (3, None, None)
    """
    if isinstance(value, bool | type):
        return None
    index: Any = value
    try:
        return operator.index(index)
    except Exception:  # an array of any library may raise anything
        return None


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
        If it is anything else, or needs more than 64 bits.
    """
    count = whole_number(value)
    if count is None or not 1 <= count <= _LARGEST:
        raise SettingError(
            f"the {what} is {described(value)}; a whole number of at least 1 is right"
        )
    return count


def check_number(
    value: float,
    what: str,
    right: str,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    finite: bool = True,
) -> float:
    """Check a number.

    Parameters
    ----------
    value : float
        The number.
    what : str
        What it is, for the message: "learning rate".
    right : str
        The end of the message: "a number above 0 would be right, such as 0.0075".
    above, least : float
        What it must exceed, and what it must reach.
    finite : bool
        Whether infinity is none.

    Returns
    -------
    float
        The same, as Python's float, so that it cannot promote an array's dtype.

    Raises
    ------
    SettingError
        If it is anything else, such as a text.
    """
    number = math.nan
    if not isinstance(value, str | bytes | bytearray):
        try:
            number = float(value)
        except Exception:  # an array of any library may raise anything
            number = math.nan
    allowed = math.isfinite(number) or (math.isinf(number) and not finite)
    if not (allowed and number > above and number >= least):
        raise SettingError(f"the {what} is {described(value)}; {right}")
    return number


def check_flag(value: bool, what: str) -> bool:
    """Check a choice between yes and no; any number is one, as everywhere in Python.

    Parameters
    ----------
    value : bool
        The choice.
    what : str
        The name of the argument, for the message.

    Returns
    -------
    bool

    Raises
    ------
    SettingError
        If it is no number.
    """
    if not isinstance(value, bool | int | float) and type(value).__name__ not in ("bool", "bool_"):
        raise SettingError(f"{what} is {described(value)}; True or False would be right")
    return bool(value)


def check_callable(value: Callable[..., Any], what: str) -> None:
    """Check something that is going to be called.

    Parameters
    ----------
    value : callable
        A function, or what can be called like one.
    what : str
        The name of the argument, for the message.

    Raises
    ------
    SettingError
        If it cannot be called.
    """
    if not callable(value):
        raise SettingError(f"the {what} is {described(value)}; a function would be right")
