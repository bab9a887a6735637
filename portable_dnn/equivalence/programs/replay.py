"""Operations that do not round: the same numbers as NumPy's, from the same inputs."""

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import array_api_compat.numpy as on_host
import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.programs.rules import ALIASES

__all__ = ["difference", "ordered", "replayed"]

_FLOATS = ("float16", "float32", "float64", "complex64", "complex128")
_INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_DTYPES = frozenset(("bool", *_FLOATS, *_INTEGERS))


def _written(x: HostArray, key: Any, value: Any) -> HostArray:
    x[key] = value
    return x


_SPECIAL: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "getitem": operator.getitem,
        "setitem": _written,
        "T": lambda x: x.T,
        "mT": lambda x: x.mT,
        "asarray": np.array,
    }
)


def replayed(name: str, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """Have NumPy do an operation.

    Parameters
    ----------
    name : str
        As it was called.
    arguments, options
        What it was called with, of NumPy's arrays.

    Returns
    -------
    numpy.ndarray, or a tuple or list of them

    Raises
    ------
    Exception
        Any, if NumPy does not know the function or these arguments.
    """
    given = tuple(_translated(x) for x in arguments)
    named = {k: _translated(x) for k, x in options.items() if k not in ("device", "copy")}
    standard = ALIASES.get(name, name)
    function = _SPECIAL.get(standard) or operator.attrgetter(standard)(on_host)
    try:
        return function(*given, **named)
    except TypeError:  # a method whose arguments are not the function's, as x.reshape(2, 3)
        return getattr(given[0], name)(*given[1:], **named)


def _translated(value: Any) -> Any:
    """Make NumPy's dtype of a library's."""
    if value is None or isinstance(value, bool | int | float | str | slice | np.ndarray):
        return value
    if isinstance(value, list | tuple):
        return type(value)(map(_translated, value))
    name = getattr(value, "__name__", None) or getattr(value, "name", None) or str(value)
    name = str(name).rpartition(".")[2]
    return np.dtype(name) if name in _DTYPES else value


def difference(found: Any, right: Any, *, flushes: bool) -> str:
    """Say where two results differ; nothing if they do not.

    Parameters
    ----------
    found, right : numpy.ndarray, or tuple or list of them
        What came out, and what should.
    flushes : bool
        Whether the library takes subnormal numbers for 0.

    Returns
    -------
    str
    """
    if isinstance(right, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(right):
            return f"{len(right)} arrays would be right"
        pairs = zip(found, right, strict=True)
        return next(filter(None, (difference(*p, flushes=flushes) for p in pairs)), "")
    found, right = np.asarray(found), np.asarray(right)
    if found.shape != right.shape:
        return f"shape {found.shape} where {right.shape} is right"
    if found.dtype.kind == right.dtype.kind == "f" and flushes:
        tiny = np.finfo(found.dtype).tiny
        found, right = (np.where(np.abs(x) < tiny, 0, x) for x in (found, right))
    both_nan = (found != found) & (right != right)
    (wrong,) = np.nonzero(((found != right) & ~both_nan).ravel())
    if not wrong.size:
        return ""
    index = tuple(int(i) for i in np.unravel_index(wrong[0], found.shape))
    at = f"element {index}: " if index else ""
    return f"{at}{found[index]!s} where {right[index]!s} is right"


def ordered(name: str, arguments: tuple[Any, ...], options: Mapping[str, Any], result: Any) -> Any:
    """Put a result into one of the orders that the standard leaves open.

    Parameters
    ----------
    name : str
        In the standard's words.
    arguments, options
        What it was called with, of NumPy's arrays.
    result : numpy.ndarray, or a tuple or list of them
        What came of it, or what should.

    Returns
    -------
    numpy.ndarray, or a tuple or list of them
        Of "argsort" the numbers in the order found, and the indices in theirs: each is there once.
        Of "unique_values" the sorted numbers. Of the others the result.
    """
    if name == "unique_values":
        return np.sort(result)
    if name != "argsort":
        return result
    axis = options.get("axis", -1)
    return np.take_along_axis(arguments[0], result, axis), np.sort(result, axis)
