"""What libraries document about the accuracy of their functions: one table, with sources.

Numbers are largest errors in ulps of the exact result. They are the libraries' own figures, found
by testing all float32 arguments and samples of float64 ones, not proofs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from portable_dnn.devices import Device

__all__ = ["ACCURACY", "Accuracy", "accuracy_of", "loosest"]


@dataclass(frozen=True)
class Accuracy:
    """Of a library on a kind of device, in one dtype.

    Attributes
    ----------
    exp, log, log1p, tanh, divide : float
        Largest error in ulps; of a correctly rounded operation it is 0.5.
    flushes : bool
        Whether subnormal numbers are taken for 0 and written as 0, by design.
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
_TORCH = (
    "SLEEF's u10 functions, 1.0 (sleef.org), and Intel's VML in its high-accuracy mode, below 1; "
    "the C library at the ends of arrays, at most 2 (glibc manual)"
)
_CUDA = "CUDA C++ Programming Guide, Mathematical Functions, maximum ulp error; full range"
_JAX = (
    "docs.jax.dev, Numerical accuracy (2026): float32 exhaustive, float64 sampled; on CUDA float32 "
    "division is div.full.f32, 2 ulps (PTX ISA)"
)

_F32, _F64 = "float32", "float64"

ACCURACY: Mapping[tuple[str, str, str], Accuracy] = MappingProxyType(
    {
        # backend, kind of device, dtype: exp, log, log1p, tanh, divide, flushes
        ("numpy", "cpu", _F32): Accuracy(4.0, 4.0, 4.0, 4.0, 0.5, False, _NUMPY),
        ("numpy", "cpu", _F64): Accuracy(4.0, 4.0, 4.0, 4.0, 0.5, False, _NUMPY),
        ("strict", "cpu", _F32): Accuracy(4.0, 4.0, 4.0, 4.0, 0.5, False, _NUMPY),
        ("strict", "cpu", _F64): Accuracy(4.0, 4.0, 4.0, 4.0, 0.5, False, _NUMPY),
        ("torch", "cpu", _F32): Accuracy(2.0, 2.0, 2.0, 2.0, 0.5, False, _TORCH),
        ("torch", "cpu", _F64): Accuracy(2.0, 2.0, 2.0, 2.0, 0.5, False, _TORCH),
        ("torch", "cuda", _F32): Accuracy(2.0, 1.0, 1.0, 2.0, 0.5, False, _CUDA),
        ("torch", "cuda", _F64): Accuracy(1.0, 1.0, 1.0, 2.0, 0.5, False, _CUDA),
        ("cupy", "cuda", _F32): Accuracy(2.0, 1.0, 1.0, 2.0, 0.5, False, _CUDA),
        ("cupy", "cuda", _F64): Accuracy(1.0, 1.0, 1.0, 2.0, 0.5, False, _CUDA),
        ("jax", "cpu", _F32): Accuracy(1.5, 1.5, 3.0, 5.0, 0.5, True, _JAX),
        ("jax", "cpu", _F64): Accuracy(2.0, 0.5, 2.0, 7.0, 0.5, True, _JAX),
        ("jax", "cuda", _F32): Accuracy(2.0, 1.0, 1.0, 5.5, 2.0, True, _JAX),
        ("jax", "cuda", _F64): Accuracy(1.5, 1.5, 1.5, 3.5, 0.5, False, _JAX),
    }
)
"""By backend, kind of device and dtype."""


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
        For a library that is not in the table, the largest errors of all that are, and no
        flushing.
    """
    kind = "cuda" if device.name.startswith("cuda") else "cpu"
    known = ACCURACY.get((device.backend.name, kind, dtype.name))
    if known is not None:
        return known
    of_all = loosest(ACCURACY.values())
    return replace(of_all, flushes=False, source="the largest of the libraries that are known")


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
    return Accuracy(
        max(row.exp for row in every),
        max(row.log for row in every),
        max(row.log1p for row in every),
        max(row.tanh for row in every),
        max(row.divide for row in every),
        any(row.flushes for row in every),
        "; ".join(dict.fromkeys(row.source for row in every)),
    )
