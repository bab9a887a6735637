"""How much memory a run takes, and what would fit where it is not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from portable_dnn.arrays.devices import Device
from portable_dnn.arrays.holding import EAGER, Holding
from portable_dnn.errors import DataError
from portable_dnn.machine.memory import free_host_memory, show_bytes
from portable_dnn.network.pieces import COMPILING, ITEMSIZE, piece_bytes, with_library
from portable_dnn.training.optimizers import Optimizer
from portable_dnn.training.span import BLOCK

__all__ = [
    "RunSize",
    "check_room",
    "explained_shortage",
    "fits",
    "is_shortage",
    "parameter_bytes",
    "shortage",
    "slots_of",
    "start_bytes",
]


# What XLA's program for a layer takes, and the numbers of a sample that it adds for one.
_COMPILED_LAYER, _COMPILED_NUMBERS = 1_000_000, 4
# An array of so many bytes has pages of its own; of smaller ones, a heap that they break up takes
# as many times the memory at most.
_OWN_PAGES, _FRAGMENTED = 32 * 2**20, 4
# What the cost of a sample is made of: numbers for each output.
_COST = 16


@dataclass(frozen=True)
class RunSize:
    """What decides how much memory a run takes.

    The sums in `bytes` were found by measuring; a test holds them against the peaks of runs.

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
    holding : Holding
        How the library holds arrays.
    pixels : bool
        Whether the pictures are bytes, not floats.
    cast : bool
        Whether they are floats of another dtype, which are cast on the host.
    slots : int
        Arrays that the optimizer remembers for each of the parameters.
    checkpoints : bool
        Whether the run writes some.
    tested : int
        Pictures that the network is held against after training.
    beside : int
        Bytes of other runs that are kept meanwhile.
    temporaries : int
        The most `Activation.temporaries` of its layers.
    """

    dims: tuple[int, ...]
    pictures: int
    dtype: str
    compressed: bool = False
    holding: Holding = EAGER
    pixels: bool = True
    cast: bool = False
    slots: int = 0
    checkpoints: bool = False
    tested: int = 0
    beside: int = 0
    temporaries: int = 1

    @property
    def bytes(self) -> int:
        """About how many bytes beside the pictures, at most."""
        size, eager = ITEMSIZE[self.dtype], self.holding.in_place
        n, m = self.dims[0], self.pictures
        weights = parameter_bytes(self.dims, self.dtype)
        # The start as it was drawn, and as it was placed, and the pictures; on the way those that
        # are cast on the host, and a copy that is made for a library that keeps what it is given.
        always, on_the_way = weights + self.beside, n * m * size if self.cast else 0
        if self.holding.shares_host:
            always, on_the_way = always + on_the_way, 0
        else:
            placed = n * m * (1 if self.pixels else size)
            # Of a queue, an array that is no longer needed goes when the work before it is done.
            queued = max(a * b for a, b in pairwise(self.dims)) * size if eager else 0
            always += weights + placed + queued
            on_the_way += 0 if eager else placed
        training = self._in_span(size) if self.compressed else self._plain(size)
        # At the end, layer 1 in pieces and put together, and what is held against the pictures.
        end = weights * (2 if eager else 4)
        tested = max(m, self.tested)
        piece = weights + piece_bytes(self.dims, tested, self.dtype, self.holding)
        if not eager:
            training = max(training + _COMPILED_LAYER * len(self.dims), COMPILING)
        return with_library(always + max(on_the_way + training, end, piece), self.holding)

    def _plain(self, size: int) -> int:
        """Return the bytes of a run with the weights."""
        inputs = self.dims[0] * self.pictures * size if self.pixels else 0
        # Layers that are joined begin with a copy; a loop that is compiled has one more.
        begun = _weights(self.dims[1:]) * (1 if self.holding.in_place else 2)
        numbers = self._states(_weights(self.dims)) + begun
        steps = inputs + numbers * size + self._activations(size)
        if self.holding.in_place:
            return steps
        # The input is there twice where it cannot be divided in its place.
        return max(steps, 2 * inputs, inputs + COMPILING)

    def _in_span(self, size: int) -> int:
        """Return the bytes of a run in the span: on its way in, and in its steps."""
        n, m, n_1 = self.dims[0], self.pictures, self.dims[1]
        # The products of the pictures and those that are added to them, in float64; the pictures
        # as float64, some at a time.
        products, rows = 8 * m * m, 8 * m * (min(n, BLOCK) + 2 * n_1)
        way_in = 2 * products + rows
        if not self.holding.in_place:
            way_in += products + rows
        begun = 2 * n_1 * m + _weights(self.dims[1:])
        steps = m * m * size + (self._states(begun) + begun) * size + self._activations(size)
        return max(way_in, steps)

    def _states(self, numbers: int) -> int:
        """Count the numbers of the states that are there at once, and of the gradients.

        The last good state, that which somebody looks at, the one before an update; the gradients
        become the one after it. Of checkpoints, two that wait for the disk, one that is written and
        its bytes; and one more on its way to the host, if it is a copy there.
        """
        checkpoints = 4 + self.holding.copies_back if self.checkpoints else 0
        states = 4 + checkpoints
        return numbers * (states * (1 + self.slots))

    def _activations(self, size: int) -> int:
        """Return the bytes of a pass forward and backward, beside input and parameters."""
        units = self.dims[1:]
        made = self.temporaries if self.holding.in_place else 1  # a compiler makes one of all
        # On the way back through a layer: what came to it, what it makes, and a mask of bytes.
        back = max(n * ((1 + made) * size + 1) + above * size for n, above in pairwise((*units, 0)))
        # Each layer's input and output.
        kept = 2 * sum(n * self._times(n * size) for n in units)
        if not self.holding.in_place:
            kept += _COMPILED_NUMBERS * len(units)
        return self.pictures * ((kept + _COST * units[-1]) * size + back)

    def _times(self, row: int) -> int:
        """Say how many times the bytes of a layer's arrays are taken, from those of a sample."""
        alone = self.pictures * row >= _OWN_PAGES
        return _FRAGMENTED if self.holding.fragments and not alone else 1


def _weights(dims: tuple[int, ...]) -> int:
    """Count the weights of layers."""
    return sum(a * b for a, b in pairwise(dims))


def slots_of(optimizer: Optimizer) -> int:
    """Count the arrays that an optimizer remembers for each of the parameters.

    Parameters
    ----------
    optimizer : Optimizer
        The rule of a run.

    Returns
    -------
    int
    """
    W = np.zeros((2, 3))
    return sum(slot.shape == W.shape for slot in optimizer.init({"W1": W}, xp=np).values())


def parameter_bytes(dims: tuple[int, ...], dtype: str) -> int:
    """Return about how many bytes the parameters of a network take.

    Parameters
    ----------
    dims : tuple of int
        `n_0 … n_L`.
    dtype : {"float64", "float32"}
        Of the parameters.

    Returns
    -------
    int
    """
    return _weights(dims) * ITEMSIZE[dtype]


def start_bytes(dims: tuple[int, ...], dtype: str) -> int:
    """Return about how many bytes it takes to draw start parameters, on the host.

    Parameters
    ----------
    dims : tuple of int
        `n_0 … n_L`.
    dtype : {"float64", "float32"}
        What they are rounded to.

    Returns
    -------
    int
    """
    draws = 8 * max(a * b for a, b in pairwise(dims))
    rounded = parameter_bytes(dims, dtype)
    return rounded if dtype == "float64" else draws + rounded


def fits(size: RunSize, device: Device) -> bool:
    """Tell whether there is memory for a run.

    Parameters
    ----------
    size : RunSize
        Of the run.
    device : Device
        Where.

    Returns
    -------
    bool
    """
    return size.bytes <= _free(device)


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
        an error that begins with XLA's status, dpnp one of unified shared memory (USM).

    Returns
    -------
    bool
    """
    if isinstance(error, MemoryError):
        return True
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"OutOfMemoryError", "USMAllocationError"}:
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
