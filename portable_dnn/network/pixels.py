"""From pictures to the network's input: flattened on the host as bytes, scaled on their device."""

from portable_dnn.arrays.contract import Array, HostArray
from portable_dnn.arrays.devices import backend_of
from portable_dnn.arrays.namespaces import common_namespace, dtype_name
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.errors import DTypeError, ShapeError
from portable_dnn.setting_checks import FLOATS, check_choice

__all__ = ["PIXEL_SCALE", "are_pixels", "flatten_images", "scale_pixels"]

PIXEL_SCALE = 255.0
"""The greatest pixel value, by which bytes are divided."""


def flatten_images(images: HostArray) -> HostArray:
    """Turn pictures into columns.

    Parameters
    ----------
    images : numpy.ndarray
        (m, height, width, channels), any dtype.

    Returns
    -------
    numpy.ndarray
        (height · width · channels, m), one column for each picture, a view where possible.

    Raises
    ------
    ShapeError
        If the rank is not 4.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import flatten_images
    >>> flatten_images(np.zeros((209, 64, 64, 3), dtype=np.uint8)).shape
    (12288, 209)
    """
    backend_of(images, "images")
    if images.ndim != 4:
        raise ShapeError(
            f"pictures have shape {images.shape}; (m, height, width, channels) would be right"
        )
    return images.reshape(images.shape[0], -1).T


def are_pixels(X: Array) -> bool:
    """Whether input is pictures as bytes, still to be scaled.

    Parameters
    ----------
    X : array
        Of any library.

    Returns
    -------
    bool
        Whether its dtype is uint8.
    """
    return hasattr(X, "dtype") and dtype_name(X) == "uint8"


@undisturbed
def scale_pixels(X: Array, dtype: str = "float64") -> Array:
    """Turn pixels into floats from 0 to 1, on the device where they are.

    Parameters
    ----------
    X : array
        uint8, which is divided by 255; or floating, taken to be scaled already and only cast.
    dtype : {"float64", "float32"}
        The dtype to compute in.

    Returns
    -------
    array
        Same shape.

    Raises
    ------
    DTypeError
        If X is neither.
    SettingError
        If the dtype is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import scale_pixels
    >>> scale_pixels(np.array([[0, 51, 255]], dtype=np.uint8))
    array([[0. , 0.2, 1. ]])
    """
    xp = common_namespace({}, {"X": X})
    target = getattr(xp, check_choice(dtype, FLOATS, "dtype"))
    if are_pixels(X):
        scaled = xp.astype(X, target)
        scaled /= PIXEL_SCALE  # in place where the library can: X may be most of the memory
        return scaled
    if xp.isdtype(X.dtype, "real floating"):
        return xp.astype(X, target, copy=False)
    raise DTypeError(
        f"pixels have dtype {dtype_name(X)}; uint8 (0 to 255) or floats (0 to 1) would be right"
    )
