"""Choosing a backend and a device, and placing arrays and parameter dicts there.

A device string is `backend:device`: `numpy:cpu`, `cupy:cuda:1`, `strict:device1`. Short forms:
`auto`, `cpu` (`numpy:cpu`), `cuda` (the default CUDA device), `cuda:1` (`cupy:cuda:1`) and a bare
backend name (its default device). The environment variable `PORTABLE_DNN_DEVICE` gives the device
if none is named.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from portable_dnn.arrays.contract import Array, Backend
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.arrays.registry import backend_names, first_failure, get_backend, owner_of
from portable_dnn.errors import BackendError, DeviceError, DTypeError
from portable_dnn.setting_checks import described

__all__ = ["Device", "backend_of", "choose_device", "device_of", "location_of", "place", "to_host"]

ENVIRONMENT_VARIABLE = "PORTABLE_DNN_DEVICE"
HOST = "numpy"
CUDA = "cupy"


@dataclass(frozen=True)
class Device:
    """A device that can be used.

    Attributes
    ----------
    backend : Backend
        The plug-in that answers for it.
    name : str
        The device's name within the backend, such as `cuda:0`.
    why : str
        Why this one, for the log.
    """

    backend: Backend
    name: str
    why: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.backend.name}:{self.name}"


@undisturbed
def choose_device(request: str | None = None) -> Device:
    """Turn a device string into a usable device.

    Parameters
    ----------
    request : str, optional
        A device string or short form (see the module). None means the environment variable
        `PORTABLE_DNN_DEVICE`, else `auto`: a usable CUDA GPU, else the CPU.

    Returns
    -------
    Device
        With `why` set. Asking for the CPU never touches CUDA.

    Raises
    ------
    DeviceError
        If the string is not a device's, or that device cannot be used here; the message says
        what is missing and how to fix it.

    Examples
    --------
    >>> from portable_dnn import choose_device
    >>> print(choose_device("cpu"))
    numpy:cpu
    >>> choose_device("tpu")
    Traceback (most recent call last):
        ...
    portable_dnn.errors.DeviceError: unknown device 'tpu'; use auto, cpu, cuda, ...
    """
    origin = ""
    if request is not None and not isinstance(request, str):
        raise DeviceError(
            f"the device is {described(request)}; a string such as 'cuda:0' would be right"
        )
    if request is None:
        request = os.environ.get(ENVIRONMENT_VARIABLE) or "auto"
        if request != "auto":
            origin = f" (from {ENVIRONMENT_VARIABLE})"
    if request == "auto":
        return _automatic()
    backend_name, device = _parse(request, origin)
    backend = _usable(backend_name, f"{request!r}{origin}")
    devices = backend.devices()
    if device is None:
        device = devices[0]
    elif device not in devices:
        raise DeviceError(
            f"there is no device {request!r}{origin}; backend {backend_name} has "
            f"{', '.join(devices)} here"
        )
    return Device(backend, device, f"asked for{origin}")


def _automatic() -> Device:
    """Take a usable CUDA GPU, else the CPU, and keep the reason."""
    host = get_backend(HOST)
    cpu = host.devices()[0]
    if CUDA not in backend_names():
        return Device(host, cpu, "no CUDA backend is registered")
    cuda = get_backend(CUDA)
    failure = first_failure(cuda)
    if failure is None:
        return Device(cuda, cuda.devices()[0], "a usable CUDA GPU was found")
    return Device(
        host, cpu, f"no usable CUDA GPU: {failure.detail}; 'portable-dnn doctor' explains why"
    )


def _parse(request: str, origin: str) -> tuple[str, str | None]:
    """Split a device string into the names of backend and device; None is the default device."""
    names = backend_names()
    head, _, tail = request.partition(":")
    if request == "cpu":
        return HOST, "cpu"
    if request == "cuda":
        return CUDA, None
    if head == "cuda" and tail:
        return CUDA, request
    if head in names and (tail or head == request):
        return head, tail or None
    raise DeviceError(
        f"unknown device {request!r}{origin}; use auto, cpu, cuda, cuda:N, a backend "
        f"({', '.join(names)}) or backend:device; 'portable-dnn devices' lists them"
    )


def _usable(backend_name: str, asked: str) -> Backend:
    """Load a backend and make sure that it can run here."""
    try:
        backend = get_backend(backend_name)
    except BackendError as error:
        raise DeviceError(f"cannot use device {asked}: {error}") from error
    failure = first_failure(backend)
    if failure is not None:
        remedy = f"; to fix it: {failure.remedy}" if failure.remedy else ""
        raise DeviceError(f"cannot use device {asked}: {failure.detail}{remedy}")
    return backend


@undisturbed
def place(x: Any, device: str | Device | None = None, *, dtype: str | None = None) -> Any:
    """Put an array, or each array of a parameter dict, on a device.

    Parameters
    ----------
    x : array or mapping of str to array
        Arrays of any library, such as `X` (12288, 209) or the parameters
        `W1, b1 … WL, bL`. Pictures should travel as uint8 and become floats on the device.
    device : str or Device, optional
        Where to; as for `choose_device`.
    dtype : str, optional
        Cast to this dtype, such as "float32", after the move. By default the dtype is kept.

    Returns
    -------
    array or dict of str to array
        The same, there. An array that is there already is not copied.

    Raises
    ------
    DeviceError
        If the device cannot be used.
    DTypeError
        If something is not an array, or the dtype is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import place
    >>> X = place(np.zeros((4, 3), dtype=np.uint8), "cpu", dtype="float32")
    >>> X.dtype
    dtype('float32')
    """
    target = device if isinstance(device, Device) else choose_device(device)
    if isinstance(x, Mapping):
        return {key: _place_array(value, target, dtype, key) for key, value in x.items()}
    return _place_array(x, target, dtype, "the argument")


def _place_array(x: Array, target: Device, dtype: str | None, label: str) -> Array:
    """Move one array, through the host unless it is already there."""
    owner = backend_of(x, label)
    if dtype is not None and (not isinstance(dtype, str) or dtype not in _DTYPES):
        raise DTypeError(f"unknown dtype {described(dtype)}; use one of {', '.join(_DTYPES)}")
    if owner != target.backend or owner.device_of(x) != target.name:
        host = _travelling(_fetched(x, owner, label), target, label)
        x = target.backend.from_host(_narrowed(host, dtype), target.name)
    if dtype is None:
        return x
    xp = target.backend.namespace()
    return xp.astype(x, getattr(xp, dtype), copy=False)


def _travelling(host: Any, target: Device, label: str) -> Any:
    """Return an array in the processor's byte order; refuse what other libraries have not."""
    if target.backend.name == HOST:
        return host
    if host.dtype.kind not in "biuf" or host.dtype.itemsize > 8:
        raise DTypeError(
            f"{label} has dtype {host.dtype}, which {target.backend.name} has not; float64, "
            "float32 or whole numbers would be right"
        )
    return host.astype(host.dtype.newbyteorder("="), copy=False)


def _narrowed(host: Any, dtype: str | None) -> Any:
    """Cast floats that become narrower before they travel: some devices have no float64."""
    floating = dtype is not None and dtype.startswith("float") and host.dtype.kind == "f"
    if not floating or np.dtype(dtype).itemsize >= host.dtype.itemsize:
        return host
    with np.errstate(over="ignore"):  # as a device casts
        return host.astype(dtype)


_DTYPES = (
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
)


@undisturbed
def to_host(x: Any) -> Any:
    """Bring an array, or each array of a parameter dict, to NumPy; one that is there is not copied.

    Parameters
    ----------
    x : array or mapping of str to array
        Arrays of any library.

    Returns
    -------
    numpy.ndarray or dict of str to numpy.ndarray
        The same numbers, dtypes kept.

    Raises
    ------
    DTypeError
        If something is not an array.
    BackendError
        If the plug-in's `to_host` gives no NumPy array, or one of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import place, to_host
    >>> parameters = place({"W1": np.ones((1, 2)), "b1": np.zeros((1, 1))}, "cpu")
    >>> to_host(parameters)
    {'W1': array([[1., 1.]]), 'b1': array([[0.]])}
    """
    if isinstance(x, Mapping):
        return {key: _fetched(value, backend_of(value, key), key) for key, value in x.items()}
    return _fetched(x, backend_of(x), "the argument")


def _fetched(x: Array, owner: Backend, label: str) -> Any:
    """Fetch one array, and refuse what a plug-in gives instead of one."""
    try:
        host: object = owner.to_host(x)
    except TypeError as error:  # such as bfloat16
        raise DTypeError(
            f"{label} has dtype {x.dtype}, which NumPy has not; cast it first, say to float32"
        ) from error
    if not isinstance(host, np.ndarray | np.generic) or host.shape != tuple(x.shape):
        kind = f"shape {host.shape}" if hasattr(host, "shape") else type(host).__qualname__
        raise BackendError(
            f"to_host of the backend {owner.name!r} gave {kind} for {label}; a NumPy array of "
            f"shape {tuple(x.shape)} would be right"
        )
    return host


def device_of(x: Any) -> str:
    """Name the device on which an array, or every array of a parameter dict, lies.

    Parameters
    ----------
    x : array or mapping of str to array
        Arrays of any library.

    Returns
    -------
    str
        A device string, such as "cupy:cuda:0".

    Raises
    ------
    DeviceError, DTypeError
        As for `location_of`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import device_of
    >>> device_of(np.ones((2, 3)))
    'numpy:cpu'
    """
    return str(location_of(x))


def location_of(x: Any) -> Device:
    """Return the device of `device_of`, ready to place other arrays beside these.

    Parameters
    ----------
    x : array or mapping of str to array
        Arrays of any library.

    Returns
    -------
    Device
        Usable without a check: it holds an array.

    Raises
    ------
    DeviceError
        If the arrays of a dict lie on different devices; the message names two of them.
    DTypeError
        If something is not an array, or the dict is empty.
    """
    if not isinstance(x, Mapping):
        owner = backend_of(x)
        return Device(owner, owner.device_of(x), "where the data are")
    if not x:
        raise DTypeError("an empty dict is on no device; give one with arrays in it")
    places = {key: location_of(value) for key, value in x.items()}
    (first, there), *others = places.items()
    for key, elsewhere in others:
        if elsewhere != there:
            raise DeviceError(
                f"{first} is on {there} but {key} is on {elsewhere}; "
                "put both on one device with place()"
            )
    return there


def backend_of(array: object, label: str = "the argument") -> Backend:
    """Return the backend of an array.

    Parameters
    ----------
    array : object
        An array of any library that follows the standard.
    label : str
        What to call it in an error.

    Raises
    ------
    DTypeError
        If it is not an array.
    """
    owner = owner_of(array)
    if owner is None:
        kind = f"{type(array).__module__}.{type(array).__qualname__}".removeprefix("builtins.")
        raise DTypeError(
            f"{label} is a {kind}, not an array of a library that follows the array API standard; "
            "make one with numpy.asarray"
        )
    reason = _unusable(array, owner)
    if reason:
        raise DTypeError(f"{label} is {reason}")
    return owner


def _unusable(array: Any, owner: Backend) -> str:
    """Say what an array is with which the mathematics would go wrong, and what helps; or nothing.

    A class that is derived from NumPy's array has arithmetic of its own: a matrix multiplies
    otherwise, a masked array leaves numbers out, a quantity has units.
    """
    kind = type(array)
    # Whoever claims a class of arrays, or says of which namespace they are, knows the arithmetic.
    own = getattr(kind, "__array_namespace__", None) is not np.ndarray.__array_namespace__
    ours = owner.name == HOST and not own
    if ours and isinstance(array, np.ma.MaskedArray):
        return "a masked array; fill what is masked, array.filled(…), or leave it out"
    if ours and isinstance(array, np.ndarray) and kind not in _PLAIN:
        name = f"{kind.__module__}.{kind.__qualname__}"
        return f"a {name}, which has arithmetic of its own; numpy.asarray makes a plain array of it"
    refuses = getattr(owner, "refuses", None)
    return refuses(array) if refuses is not None else ""


# A memory map only lies elsewhere.
_PLAIN = (np.ndarray, np.memmap)
