"""What labelled pictures must be, from whatever file they come."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_dnn.errors import DataError
from portable_dnn.machine.limits import MOST_PICTURES_UNSEEN

__all__ = ["check_count", "check_declared", "checked_images", "checked_labels"]


def check_declared(x: Any, y: Any, keys: tuple[str, str], path: Path) -> None:
    """Check shapes and dtypes of pictures and labels before they are read.

    Parameters
    ----------
    x, y : h5py.Dataset or numpy.ndarray
        Pictures and labels; only `shape` and `dtype` are looked at.
    keys : (str, str)
        Their names, for the message.
    path : Path
        The file's path, for the message.

    Raises
    ------
    DataError
        If they cannot be a set of labelled pictures.
    """
    x_key, y_key = keys
    for array, key in ((x, x_key), (y, y_key)):
        if array.shape is None:
            raise DataError(f"{path}: {key} is empty; it must hold at least one picture's data")
        if array.dtype.kind not in "buif":
            raise DataError(f"{path}: {key} has dtype {array.dtype}; it must hold numbers")
    if x.dtype.kind == "b":
        raise DataError(f"{path}: {x_key} has dtype bool; pictures hold 0 to 255, or floats 0 to 1")
    if len(x.shape) != 4 or x.shape[3] != 3:
        raise DataError(
            f"{path}: {x_key} has shape {x.shape}; pictures must be (m, height, width, 3)"
        )
    if len(y.shape) not in (1, 2) or (len(y.shape) == 2 and y.shape[0] != 1):
        raise DataError(f"{path}: {y_key} has shape {y.shape}; labels must be (m,) or (1, m)")
    for array, key in ((x, x_key), (y, y_key)):
        if 0 in array.shape:
            raise DataError(
                f"{path}: {key} is empty (shape {array.shape}); at least one picture is needed"
            )
    if x.shape[0] != y.shape[-1]:
        raise DataError(
            f"{path}: {x_key} has {x.shape[0]} pictures, but {y_key} has {y.shape[-1]} labels; "
            "every picture needs one"
        )


def check_count(pictures: int, path: Path) -> None:
    """Refuse pictures of which a file cannot hold a byte each.

    Parameters
    ----------
    pictures : int
        How many the file declares.
    path : Path
        The file's path.

    Raises
    ------
    DataError
        If there are so many.
    """
    if pictures > max(path.stat().st_size, MOST_PICTURES_UNSEEN):
        raise DataError(
            f"{path} declares {pictures} pictures, and the file has no room for them; it must hold "
            "its data"
        )


def checked_images(images: NDArray[Any], key: str, path: Path) -> NDArray[Any]:
    """Give integer pictures as uint8 and leave floating-point ones, if all values are in range.

    Parameters
    ----------
    images : numpy.ndarray
        (m, height, width, 3), integers or floating point, not empty.
    key : str
        Their name, for the message.
    path : Path
        The file's path, for the message.

    Returns
    -------
    numpy.ndarray
        uint8, float32 or float64.

    Raises
    ------
    DataError
        If a value is not from 0 to 255, or from 0 to 1.
    """
    if images.dtype == np.uint8:
        return images
    whole = images.dtype.kind in "iu"
    highest = 255 if whole else 1
    # Written so that NaN fails as well, and without an array of answers where all is well.
    if not (images.min() >= 0 and images.max() <= highest):
        place, value = _first(images, ~((images >= 0) & (images <= highest)))
        kind = "whole" if whole else "floating-point"
        raise DataError(
            f"{path}: {key}{place} is {value}; {kind} pictures must have values from 0 to {highest}"
        )
    if whole:
        return images.astype(np.uint8)
    # Half and extended precision are not in the array API standard.
    known = images.dtype.itemsize in (4, 8)
    return images.astype(images.dtype.newbyteorder("=") if known else np.float64, copy=False)


def checked_labels(labels: NDArray[Any], key: str, path: Path) -> NDArray[np.int64]:
    """Give labels as a flat int64 array, if all are 0 or 1.

    Parameters
    ----------
    labels : numpy.ndarray
        (m,) or (1, m), any numbers.
    key : str
        Their name, for the message.
    path : Path
        The file's path, for the message.

    Returns
    -------
    numpy.ndarray of int64
        (m,).

    Raises
    ------
    DataError
        If one is another number.
    """
    wrong = ~((labels == 0) | (labels == 1))
    if wrong.any():
        place, value = _first(labels, wrong)
        raise DataError(f"{path}: {key}{place} is {value}; labels must be 0 or 1")
    return labels.reshape(-1).astype(np.int64)


def _first(values: NDArray[Any], wrong: NDArray[np.bool_]) -> tuple[list[int], object]:
    """Find the first wrong value and its index."""
    place = np.unravel_index(int(wrong.argmax()), wrong.shape)
    return [int(i) for i in place], values[place].item()
