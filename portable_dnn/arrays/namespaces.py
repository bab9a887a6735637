"""The one place where it is checked that the arrays of a call fit together.

One rule holds for mixed input: all arrays of a call are of one library, on one device, of one
floating dtype; nothing is moved or cast silently. Labels alone may have any real dtype, because
0 and 1 are exact in all of them.
"""

from collections.abc import Mapping

import array_api_compat

from portable_dnn.arrays.contract import Array, Namespace
from portable_dnn.arrays.devices import backend_of, device_of
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.errors import DeviceError, DTypeError

__all__ = ["common_namespace", "dtype_name"]


@undisturbed
def common_namespace(
    arrays: Mapping[str, Array], labels: Mapping[str, Array] | None = None
) -> Namespace:
    """Return the namespace that all arrays share.

    Parameters
    ----------
    arrays : mapping of str to array
        The arrays of a call under the names a user knows them by; floating, one dtype.
    labels : mapping of str to array, optional
        Further arrays, on the same device, whose dtype may be any real one.

    Returns
    -------
    namespace
        As `array_api_compat` gives it.

    Raises
    ------
    DTypeError
        If something is not an array, is not floating, or two floating dtypes meet.
    DeviceError
        If two arrays are of different libraries or on different devices; both are named.
    """
    everything = {**arrays, **(labels or {})}
    first = next(iter(everything))
    backend_of(everything[first], first)
    xp = array_api_compat.array_namespace(everything[first])
    device = array_api_compat.device(everything[first])
    for name, array in everything.items():
        backend_of(array, name)
        same_library = array_api_compat.array_namespace(array) is xp
        if not (same_library and array_api_compat.device(array) == device):
            raise DeviceError(
                f"{first} is on {device_of(everything[first])} but {name} is on "
                f"{device_of(array)}; put both on one device with place()"
            )
    for name, array in (labels or {}).items():
        if not _is_real(array, xp):
            raise DTypeError(
                f"{name} has dtype {dtype_name(array)}; numbers would be right, such as 0 and 1"
            )
    for name, array in arrays.items():
        if not _is_real(array, xp, "real floating"):
            raise DTypeError(
                f"{name} has dtype {dtype_name(array)}; the network computes in floats: scale "
                'pictures with scale_pixels(), cast others with place(…, dtype="float64")'
            )
        if array.dtype != arrays[first].dtype:
            raise DTypeError(
                f"{first} has dtype {dtype_name(arrays[first])} but {name} has "
                f"{dtype_name(array)}; nothing is cast silently: use place(…, dtype=…)"
            )
    return xp


def _is_real(
    array: Array, xp: Namespace, kind: str | tuple[str, ...] = ("bool", "integral", "real floating")
) -> bool:
    """Whether an array holds real numbers; NumPy has dtypes that the standard has no word for."""
    try:
        return bool(xp.isdtype(array.dtype, kind))
    except (TypeError, ValueError):
        return False


def dtype_name(array: Array) -> str:
    """Name an array's dtype as the standard does.

    Parameters
    ----------
    array : array
        Of any library.

    Returns
    -------
    str
        Such as "float64".
    """
    return str(array.dtype).rpartition(".")[2]
