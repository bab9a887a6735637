"""What a comparison refuses before it begins."""

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.shapes import check_input, check_labels
from portable_dnn.errors import DataError

__all__ = ["check_data"]


def check_data(X: HostArray, Y: HostArray, dtype: str) -> None:
    """Refuse data that cannot be compared on.

    Parameters
    ----------
    X : numpy.ndarray
        To be the input, (n_x, m).
    Y : numpy.ndarray
        To be the labels, (1, m).
    dtype : {"float64", "float32"}
        In which will be computed.

    Raises
    ------
    ShapeError, DataError
        If they are anything else (lists, masked arrays), or X holds NaN or infinity.
    """
    _check_arrays(X, Y)
    check_input(X, X.shape[0] if X.ndim == 2 else 1)
    check_labels(Y, 1, X.shape[1])
    if X.dtype != np.uint8 and X.dtype.kind != "f":
        raise DataError(f"X has dtype {X.dtype}; uint8 pixels or floats would be right")
    if not np.isin(Y, (0, 1)).all():
        raise DataError("Y has values other than 0 and 1; class 1 is 1, the other class is 0")
    if X.dtype.kind == "f":
        with np.errstate(over="ignore"):
            cast = X.astype(dtype)
        if not np.isfinite(cast).all():
            row, column = np.argwhere(~np.isfinite(cast))[0]
            raise DataError(
                f"X has {X[row, column]} at ({row}, {column}), no finite {dtype}; "
                "backends are compared on finite numbers (NaN and infinity are among the probes)"
            )


def _check_arrays(X: object, Y: object) -> None:
    """Refuse what is no NumPy array, and masked ones, whose missing values are none."""
    for name, array in (("X", X), ("Y", Y)):
        if not isinstance(array, np.ndarray):
            raise DataError(
                f"{name} is of {type(array).__qualname__}, not a NumPy array; make one with "
                "numpy.asarray, or of another library's with portable_dnn.to_host"
            )
        if isinstance(array, np.ma.MaskedArray):
            raise DataError(
                f"{name} is a masked array; give numbers for what is masked, with {name}.filled"
            )
