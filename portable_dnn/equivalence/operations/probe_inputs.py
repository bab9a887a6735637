"""What probes are made of: operations on inputs made for them."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.operations.operation import Inputs, Operation

__all__ = ["Probe", "normal", "read_only", "same", "special", "transposed", "viewed"]


class Probe(NamedTuple):
    """An operation on inputs made for it.

    Attributes
    ----------
    case : str
        What the inputs are, in words.
    operation : Operation
        What runs.
    inputs : mapping of str to numpy.ndarray
        What it is given.
    calls : int
        How often it runs.
    """

    case: str
    operation: Operation
    inputs: Inputs
    calls: int = 2


def same(x: Inputs) -> Inputs:
    """Inputs as they are."""
    return x


def viewed(operation: Operation, view: Callable[[Inputs], Inputs]) -> Operation:
    """Make an operation look at its inputs through views that are made on the device.

    Strides of an array on the host may be lost when it is copied; those of a view made there are
    not.

    Parameters
    ----------
    operation : Operation
        Any.
    view : callable
        Gives the operation's inputs from what the probe brings, on the host and on the device.

    Returns
    -------
    Operation
    """
    return replace(
        operation,
        compute=lambda x: operation.compute(view(x)),
        truth=lambda x, random: operation.truth(view(x), random),
    )


def transposed(probe: Probe) -> Probe:
    """Make the same probe of inputs that are transposed on the device, so that they have strides.

    Parameters
    ----------
    probe : Probe
        Whose inputs are matrices.

    Returns
    -------
    Probe
    """
    return probe._replace(
        case=f"{probe.case}, transposed",
        operation=viewed(probe.operation, _turned),
        inputs={name: np.ascontiguousarray(array.T) for name, array in probe.inputs.items()},
    )


def _turned(x: Inputs) -> Inputs:
    """Views of the transposed arrays."""
    return {name: array.T for name, array in x.items()}


def normal(random: np.random.RandomState, dtype: np.dtype, *shape: int) -> HostArray:
    """Standard normal numbers."""
    return random.standard_normal(shape).astype(dtype)


def special(dtype: np.dtype) -> HostArray:
    """Numbers that are treated specially: zeros, subnormal ones, infinities, NaN."""
    information = np.finfo(dtype)
    tiny, least = float(information.tiny), float(information.smallest_subnormal)
    positive = [0.0, least, 3 * least, tiny / 2, tiny, 1.0, float(information.max), np.inf]
    return np.array([*positive, *(-x for x in positive), np.nan], dtype=dtype).reshape(1, -1)


def read_only(x: HostArray) -> HostArray:
    """The same memory, not to be written."""
    view = x.view()
    view.flags.writeable = False
    return view
