"""How much memory a run size, and what would fit where it is not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise

from portable_dnn.arrays.devices import Device
from portable_dnn.errors import DataError
from portable_dnn.machine.memory import free_host_memory, show_bytes

__all__ = ["RunSize", "check_room", "explained_shortage", "is_shortage", "shortage"]

_SIZES = {"float64": 8, "float32": 4}


@dataclass(frozen=True)
class RunSize:
    """What decides how much memory a run size.

    Attributes
    ----------
    dims : tuple of int
        `n_0 … n_L`.
    pictures : int
        m.
    dtype : {"float64", "float32"}
        To compute in.
    compressed : bool
        Whether layer 1 is trained in the span of the pictures.
    tested : int
        Pictures that the network is held against after training.
    """

    dims: tuple[int, ...]
    pictures: int
    dtype: str
    compressed: bool = False
    tested: int = 0

    @property
    def bytes(self) -> int:
        """About how many bytes, on the device."""
        m = self.pictures
        weights = sum(a * b for a, b in pairwise(self.dims))
        # Of a picture: its numbers; the activations and their derivatives.
        each = self.dims[0] + 2 * sum(self.dims[1:])
        # The pictures' products with each other, and one that is added to them, in float64.
        products = 2 * 8 * m * m if self.compressed else 0
        # Start, parameters and gradients; after training the gradients and products are gone.
        training = (each * m + 3 * weights) * _SIZES[self.dtype] + products
        return max(training, (each * self.tested + 2 * weights) * _SIZES[self.dtype])


def check_room(size: RunSize, device: Device) -> None:
    """Refuse a run whose arrays cannot fit on the device, before any is made.

    Parameters
    ----------
    size : RunSize
        Of the run.
    device : Device
        Where.

    Raises
    ------
    DataError
        If they cannot; the message says what would fit.
    """
    free = _free(device)
    if size.bytes > free:
        raise DataError(f"on {device} {_sentence(size, free)}")


@contextmanager
def explained_shortage(size: RunSize, device: Device) -> Iterator[None]:
    """Turn what an array library raises when memory runs out into one sentence.

    Parameters
    ----------
    size : RunSize
        Of the run.
    device : Device
        Where.

    Yields
    ------
    None

    Raises
    ------
    DataError
        With what was needed, what is free, and what would fit.
    """
    try:
        yield
    except Exception as error:
        if not is_shortage(error):
            raise
        free = _free(device)
        raise DataError(f"out of memory on {device}: {_sentence(size, free)}") from error


def is_shortage(error: BaseException) -> bool:
    """Tell whether an error says that memory has run out, without importing its library.

    Parameters
    ----------
    error : BaseException
        Of any array library: NumPy and CuPy raise kinds of MemoryError, PyTorch an
        OutOfMemoryError on a card and a RuntimeError of its DefaultCPUAllocator on the host, JAX
        an error that begins with XLA's status.

    Returns
    -------
    bool
    """
    if isinstance(error, MemoryError):
        return True
    if any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):
        return True
    text = str(error)
    return text.startswith("RESOURCE_EXHAUSTED") or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in text
    )


def shortage(error: BaseException) -> str:
    """Say that memory has run out where it is not known for what.

    Parameters
    ----------
    error : BaseException
        Of which `is_shortage` is true.

    Returns
    -------
    str
        A sentence.
    """
    reason = " ".join(str(error).split())
    return (
        f"not enough memory{f' ({reason})' if reason else ''}: {show_bytes(free_host_memory())} "
        "are free on the host now; use fewer pictures, smaller layers or --dtype float32"
    )


def _free(device: Device) -> int:
    """Return the free bytes of a device, or of the host where it has none of its own."""
    free = device.backend.free_memory(device.name)
    return free_host_memory() if free is None else free


def _sentence(size: RunSize, free: int) -> str:
    """Say what is needed, what is free, and what would fit."""
    if size.bytes <= free:
        return (
            f"this run makes about {show_bytes(size.bytes)} of data, and "
            f"{show_bytes(free)} are free now: more was needed at once, or something else took "
            "memory meanwhile; try again, or with float32 or fewer pictures"
        )
    return (
        f"this run makes about {show_bytes(size.bytes)} of data, but only "
        f"{show_bytes(free)} of memory are free; {_advice(size, free)}"
    )


def _advice(size: RunSize, free: int) -> str:
    """Name the changes of one thing that would fit, else say that several are needed."""
    half = tuple(max(1, n // 2) for n in size.dims[1:-1])
    smaller = replace(size, dims=(size.dims[0], *half, size.dims[-1]))
    choices = {
        "float32": replace(size, dtype="float32"),
        "no compression": replace(size, compressed=False),
        f"hidden layers of {','.join(map(str, half)) or 'no'} units": smaller,
    }
    fitting = [
        f"{what} ({show_bytes(choice.bytes)})"
        for what, choice in choices.items()
        if choice != size and choice.bytes <= free
    ]
    most = _most_pictures(size, free)
    if most:
        fitting.append(f"a batch of at most {most} of the {size.pictures} pictures")
    if not fitting:
        return "use fewer or smaller pictures, smaller layers and float32"
    return f"what would fit: {' or '.join(fitting)}"


def _most_pictures(size: RunSize, free: int) -> int:
    """Find how many pictures would fit, by halving; 0 if none would, or all do."""
    low, high = 0, size.pictures
    while high - low > 1:
        middle = (low + high) // 2
        fits = replace(size, pictures=middle).bytes <= free
        low, high = (middle, high) if fits else (low, middle)
    return low if size.bytes > free else 0
