"""What libraries document about the accuracy of their functions, with sources.

A plug-in gives it for its library (`arrays.contract.DocumentsAccuracy`); NumPy's is here. Numbers
are largest errors in ulps of the exact result. They are the libraries' own figures, found by
testing all float32 arguments and samples of float64 ones, not proofs.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import cast

import numpy as np

from portable_dnn.arrays.contract import DocumentsAccuracy
from portable_dnn.arrays.devices import HOST, Device
from portable_dnn.errors import BackendError
from portable_dnn.files.text import one_line, shortened, words

__all__ = ["NUMPY", "Accuracy", "accuracy_of", "loosest"]


@dataclass(frozen=True)
class Accuracy:
    """Of a library on a kind of device, in one dtype.

    Attributes
    ----------
    exp, log, log1p, tanh, divide : float
        Largest error in ulps; of a correctly rounded operation it is 0.5.
    flushes : bool
        Whether subnormal numbers are treated as 0 and written as 0, by design.
    source : str
        Where this is documented.
    """

    exp: float
    log: float
    log1p: float
    tanh: float
    divide: float
    flushes: bool
    source: str


_NUMPY = (
    "NumPy release notes 1.17 (float32 exp 2.52, log 3.83) and 1.22 (Intel's SVML, below 4); the C "
    "library elsewhere, at most 2 (glibc manual, Errors in Math Functions)"
)

NUMPY = Accuracy(exp=4.0, log=4.0, log1p=4.0, tanh=4.0, divide=0.5, flushes=False, source=_NUMPY)
"""NumPy's, in both dtypes; the host's library, in which everything is judged."""

_UNKNOWN = replace(
    NUMPY,
    tanh=7.0,
    divide=2.5,
    source="not documented: the largest errors of the libraries known",
)
"""Those of NumPy, PyTorch, CuPy, JAX and dpnp together (docs/equivalence.md has the table)."""


def accuracy_of(device: Device, dtype: np.dtype) -> Accuracy:
    """Look up what a library documents.

    Parameters
    ----------
    device : Device
        Where it computes.
    dtype : numpy.dtype
        Float32 or float64.

    Returns
    -------
    Accuracy
        What the plug-in says (see `backend.DocumentsAccuracy`). For a library whose plug-in is
        silent, the largest errors of all that are known, and no flushing.

    Raises
    ------
    BackendError
        If the plug-in's `accuracy` fails, or says what no accuracy is.
    """
    if device.backend.name == HOST:
        return NUMPY
    if not hasattr(device.backend, "accuracy"):
        return _UNKNOWN
    backend = cast(DocumentsAccuracy, device.backend)
    try:
        said: object = backend.accuracy(device.name, dtype.name)
    except Exception as error:  # a plug-in of somebody else's may raise anything
        raise BackendError(
            f"accuracy of the backend {backend.name!r} fails: {words(error)}"
        ) from error
    return _documented(said, f"accuracy({device.name!r}, {dtype.name!r}) of {backend.name}")


def _documented(said: object, where: str) -> Accuracy:
    """Take what a plug-in says; what it does not name is that of a library without a word."""
    if not isinstance(said, Mapping):
        raise BackendError(f"{where} is {shortened(repr(said))}; a mapping would be right")
    for name, value in said.items():
        wanted = _WANTED.get(name) if isinstance(name, str) else None
        if wanted is None:
            names = ", ".join(_WANTED)
            raise BackendError(f"{where} names {shortened(repr(name))}; it may name {names}")
        right, description = wanted
        if not right(value):
            raise BackendError(
                f"{where} has {shortened(repr(value))} for {name}; {description} would be right"
            )
    numbers = {name: float(said[name]) for name in _FUNCTIONS if name in said}
    source = said.get("source", f"the backend {where.rpartition(' ')[2]}")
    flushes = said.get("flushes", False)
    return replace(_UNKNOWN, **numbers, flushes=flushes, source=one_line(source))


def _is_ulps(value: object) -> bool:
    """Whether a value may be the largest error of a function; a correctly rounded one has 0.5."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0.5 <= cast(float, value) < math.inf


_FUNCTIONS = ("exp", "log", "log1p", "tanh", "divide")

_WANTED: Mapping[str, tuple[Callable[[object], bool], str]] = MappingProxyType(
    {
        **dict.fromkeys(_FUNCTIONS, (_is_ulps, "a number of ulps, 0.5 or more,")),
        "flushes": (lambda value: isinstance(value, bool), "True or False"),
        "source": (lambda value: isinstance(value, str) and bool(value.strip()), "a text"),
    }
)
"""What a plug-in may say: how a value is checked, and what to call a right one."""


def loosest(rows: Iterable[Accuracy]) -> Accuracy:
    """Return what all of several libraries keep to.

    Parameters
    ----------
    rows : iterable of Accuracy
        At least one.

    Returns
    -------
    Accuracy
        The largest errors; it flushes if one of them does.
    """
    every = tuple(rows)
    return replace(
        every[0],
        **{name: max(getattr(row, name) for row in every) for name in _FUNCTIONS},
        flushes=any(row.flushes for row in every),
        source="; ".join(dict.fromkeys(row.source for row in every)),
    )
