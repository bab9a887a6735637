"""Running an operation on one side, with every check that comes before its values are compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from portable_dnn.arrays.contract import Array, HostArray
from portable_dnn.arrays.devices import Device
from portable_dnn.arrays.namespaces import dtype_name

__all__ = ["Ran", "misfit", "run_on"]

_SMALL = 2**20  # numbers; of more, the calls that take long to check are left out


class _BadCopy(Exception):  # noqa: N818 - it never leaves this file
    """What came from a device is not the array that lies there."""


@dataclass(frozen=True)
class Ran:
    """What an operation gave on one side.

    Attributes
    ----------
    result : numpy.ndarray or None
        On the host; None if it has not the library, device, shape or dtype that it should have.
    complaints : tuple of str
        What is wrong apart from the values, a sentence each, the most basic first.
    copying : str
        What is wrong with the copy to the host; empty if nothing is.
    """

    result: HostArray | None
    complaints: tuple[str, ...] = field(default=())
    copying: str = ""


def run_on(
    device: Device,
    compute: Callable[[Mapping[str, Array]], Array],
    inputs: Mapping[str, HostArray],
    shape: tuple[int, ...],
    dtype: np.dtype,
    calls: int = 2,
) -> Ran:
    """Run an operation on a device, at least twice, and in between on other inputs.

    Parameters
    ----------
    device : Device
        Where.
    compute : callable
        From the inputs, placed there, to the result.
    inputs : mapping of str to numpy.ndarray
        On the host; not changed, whatever the operation does.
    shape, dtype
        What the result should have.
    calls : int
        How often to call it with the same inputs.

    Returns
    -------
    Ran
        Library, device, shape and dtype are checked before values, of the result and of its copy on
        the host; then whether two calls give the same bits, whether one changed what the one before
        gave or what they were given, and whether a copy to the host was complete.
    """
    try:
        return _run(device, compute, inputs, shape, dtype, calls)
    except _BadCopy as bad:
        return Ran(None, (str(bad),), str(bad))


def _run(
    device: Device,
    compute: Callable[[Mapping[str, Array]], Array],
    inputs: Mapping[str, HostArray],
    shape: tuple[int, ...],
    dtype: np.dtype,
    calls: int,
) -> Ran:
    """Run an operation; raise `_BadCopy` where its result or its inputs cannot be fetched."""
    backend = device.backend
    placed = _place(inputs, device)
    small = sum(x.size for x in inputs.values()) <= _SMALL
    first = compute(placed)
    complaint = _complaint(first, device, shape, dtype)
    if complaint:
        return Ran(None, (complaint,))
    result = np.array(_fetch(first, device, shape, dtype))
    backend.synchronize(device.name)
    complaints = []
    copying = ""
    settled = np.array(_fetch(first, device, shape, dtype))
    if not _same_bits(settled, result):
        copying = "two copies of one result differ: it was copied before it was ready"
        result = settled
    if small:
        compute(_place({name: np.roll(x, 1) for name, x in inputs.items()}, device))
    if not _same_bits(_fetch(first, device, shape, dtype), result):
        complaints.append("the next call changed the result of the one before: they share memory")
    for call in range(2, calls + 1):
        again = _fetch(compute(placed), device, shape, dtype)
        if not complaints and not _same_bits(again, result):
            complaints.append(f"call {call} with the same inputs gave other numbers")
            result = again if calls > 2 else result
    changed = [
        n
        for n, x in placed.items()
        if small and not _same_bits(_fetch(x, device, inputs[n].shape, inputs[n].dtype), inputs[n])
    ]
    if changed:
        complaints.append(f"it changed its input {', '.join(changed)}")
    return Ran(result, tuple(complaints), copying)


def _fetch(array: Array, device: Device, shape: tuple[int, ...], dtype: np.dtype) -> HostArray:
    """Copy an array to the host; raise `_BadCopy` if it is none of this shape and dtype there."""
    host: object = device.backend.to_host(array)
    if not isinstance(host, np.ndarray):
        raise _BadCopy(f"the copy to the host is of {type(host).__qualname__}, not a NumPy array")
    wrong = misfit("the copy to the host", host, shape, dtype)
    if wrong:
        raise _BadCopy(wrong)
    return host


def _same_bits(a: HostArray, b: HostArray) -> bool:
    """Whether two results of one shape and dtype have the same bits; all NaN are equal."""
    return np.array_equal(_bits(a), _bits(b)) or np.array_equal(
        _bits(_one_nan(a)), _bits(_one_nan(b))
    )


def _one_nan(x: HostArray) -> HostArray:
    """Give all NaN the same bits: sign and payload say nothing."""
    return np.where(np.isnan(x), x.dtype.type(np.nan), x) if x.dtype.kind == "f" else x


def _bits(x: HostArray) -> HostArray:
    """The bits of numbers as whole numbers."""
    return np.ascontiguousarray(x).reshape(-1).view(f"u{x.dtype.itemsize}")


def _place(inputs: Mapping[str, HostArray], device: Device) -> dict[str, Array]:
    """Bring inputs to a device; read-only ones as they are, of others a copy."""
    return {
        name: device.backend.from_host(x.copy(order="K") if x.flags.writeable else x, device.name)
        for name, x in inputs.items()
    }


def _complaint(result: Array, device: Device, shape: tuple[int, ...], dtype: np.dtype) -> str:
    """Check library, device, shape and dtype; empty if they are right."""
    backend = device.backend
    if not backend.owns(result):
        kind = f"{type(result).__module__}.{type(result).__qualname__}"
        return f"the result is a {kind}, not an array of {backend.name}"
    if backend.device_of(result) != device.name:
        return f"the result is on {backend.device_of(result)}; {device.name} is right"
    return misfit("the result", result, shape, dtype)


def misfit(what: str, array: Array, shape: tuple[int, ...], dtype: np.dtype) -> str:
    """Say what is wrong with an array's shape or dtype, calling it `what`; empty if nothing is."""
    if tuple(array.shape) != tuple(shape):
        return f"{what} has shape {tuple(array.shape)}; {tuple(shape)} is right"
    name = dtype_name(array)  # NumPy's tells the order of the bytes as well
    return "" if name == dtype.name else f"{what} has dtype {name}; {dtype.name} is right"
