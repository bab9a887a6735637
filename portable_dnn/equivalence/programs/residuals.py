"""Solvers: what they give is put back, and must be right up to a small backward error."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.limits.rounding import unit_roundoff
from portable_dnn.equivalence.report.wording import number

__all__ = ["residual"]

_SHARE = 20.0
"""A backward error may be so many n u: Higham 2002, chapters 9, 10 and 19, with a margin."""


def residual(name: str, arguments: tuple[Any, ...], options: Mapping[str, Any], result: Any) -> str:
    """Say what is wrong with a solution; nothing if its backward error is small.

    Parameters
    ----------
    name : str
        In the standard's words.
    arguments, options
        What it was called with, of NumPy's arrays.
    result : numpy.ndarray, or tuple of them
        What came of it.

    Returns
    -------
    str

    Raises
    ------
    ValueError, TypeError
        If these arguments are not understood here.
    """
    arrays = [np.asarray(x) for x in arguments]
    if any(x.ndim > 2 for x in arrays):
        raise ValueError("batches of matrices are not judged")
    parts = [np.asarray(x) for x in (result if isinstance(result, tuple) else (result,))]
    dtype = parts[0].dtype
    wide = [x.astype(np.float64) for x in arrays]
    if not all(np.isfinite(x).all() for x in wide):
        raise ValueError("an input is not finite")
    if not all(np.isfinite(x).all() for x in parts):
        return "it is not finite"
    shares = _SHARES[name](wide, [x.astype(np.float64) for x in parts], options)
    size = max(wide[0].shape)
    # The host computes what is judged in float64 with an error of its own.
    limit = _SHARE * size * (unit_roundoff(dtype) + 2.0**-53)
    return next(
        (
            f"{what} is {number(share)}, limit {number(limit)}"
            for what, share in shares.items()
            if not share <= limit
        ),
        "",
    )


def _relative(found: HostArray, right: HostArray) -> float:
    size = float(np.linalg.norm(right))
    return float(np.linalg.norm(found - right)) / size if size else float(np.linalg.norm(found))


def _orthogonal(Q: HostArray) -> float:
    return float(np.linalg.norm(Q.T @ Q - np.eye(Q.shape[1])))


def _solve(inputs: list[HostArray], parts: list[HostArray], options: Any) -> dict[str, float]:
    (A, b), (x,) = inputs, parts
    size = np.linalg.norm(A) * np.linalg.norm(x) + np.linalg.norm(b)
    return {"‖A x − b‖ / (‖A‖ ‖x‖ + ‖b‖)": float(np.linalg.norm(A @ x - b) / (size or 1.0))}


def _inverse(inputs: list[HostArray], parts: list[HostArray], options: Any) -> dict[str, float]:
    (A,), (X,) = inputs, parts
    rest = np.linalg.norm(A @ X - np.eye(len(A)))
    return {"‖A X − I‖ / (‖A‖ ‖X‖)": float(rest / (np.linalg.norm(A) * np.linalg.norm(X)))}


def _cholesky(inputs: list[HostArray], parts: list[HostArray], options: Any) -> dict[str, float]:
    (A,), (L,) = inputs, parts
    if options.get("upper"):
        A, L = A.T, L.T
    lower = np.tril(A)  # the triangle that is read
    return {
        "‖L Lᵀ − A‖ / ‖A‖": _relative(L @ L.T, lower + np.tril(A, -1).T),
        "what is above the diagonal of L": float(np.abs(np.triu(L, 1)).max(initial=0.0)),
    }


def _qr(inputs: list[HostArray], parts: list[HostArray], options: Any) -> dict[str, float]:
    (A,), (Q, R) = inputs, parts
    return {"‖Q R − A‖ / ‖A‖": _relative(Q @ R, A), "‖QᵀQ − I‖": _orthogonal(Q)}


def _svd(inputs: list[HostArray], parts: list[HostArray], options: Any) -> dict[str, float]:
    (A,), (U, S, Vh) = inputs, parts
    k = len(S)
    return {
        "‖U S Vᵀ − A‖ / ‖A‖": _relative(U[:, :k] * S @ Vh[:k], A),
        "‖UᵀU − I‖": _orthogonal(U),
        "‖V Vᵀ − I‖": _orthogonal(Vh.T),
    }


_SHARES: Mapping[str, Callable[[list[HostArray], list[HostArray], Any], dict[str, float]]] = (
    MappingProxyType(
        {
            "linalg.solve": _solve,
            "linalg.inv": _inverse,
            "linalg.cholesky": _cholesky,
            "linalg.qr": _qr,
            "linalg.svd": _svd,
        }
    )
)
