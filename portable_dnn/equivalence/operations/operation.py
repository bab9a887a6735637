"""What a comparison knows about an operation of a training step, and the names of operations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from portable_dnn.arrays.contract import Array, HostArray
from portable_dnn.equivalence.exact.truth import Truth

__all__ = ["ORDER", "WHOLE", "Inputs", "Operation", "numbered"]

Inputs: TypeAlias = Mapping[str, HostArray]
"""What an operation is given, on the host."""

COPY = "copy to the device and back"
SCALING = "input scaling"
PRODUCT = "forward product"
BIAS = "forward bias"
ACTIVATION = "activation"
COST = "cost from logits"
COST_OF_PROBABILITIES = "cost from probabilities"
GRADIENT = "cost gradient"
DW = "backward product dW"
DB = "backward sum db"
DA = "backward product dA"
BACKWARD = "activation backward"
UPDATE = "update"
"""Names of the operations, for people."""

ORDER = (
    COPY,
    SCALING,
    PRODUCT,
    BIAS,
    ACTIVATION,
    COST,
    COST_OF_PROBABILITIES,
    GRADIENT,
    DW,
    DB,
    DA,
    BACKWARD,
    UPDATE,
)
"""The operations' names in the order in which a step first comes to them."""

STEP = "compiled step"
SECOND_STEP = "second compiled step"
LATE_STEP = "late step"
SECOND_LATE_STEP = "second late step"
STRETCH = "stretch of steps"
"""Names of the step as a whole, for people; ", plain" or ", in the span" follows."""

WHOLE = (STEP, SECOND_STEP, LATE_STEP, SECOND_LATE_STEP, STRETCH)
"""Those names in the order in which each is built of the ones before."""


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes
    ----------
    layer : int or None
        1 … L; None for the cost, and in probes.
    name : str
        In words.
    output : str
        The result's name.
    inputs : callable
        Takes from a state (arrays by name: `A0` (X), `Y`, `W1`, `b1`, `Z1`, `A1`, `dZ1` …) what
        the operation is given.
    compute : callable
        Computes the result from these inputs, placed on a device.
    truth : callable
        `(inputs, random) -> Truth`, on the host.
    dtype : numpy.dtype or None
        Of the result; None if it is that of the inputs.
    """

    layer: int | None
    name: str
    output: str
    inputs: Callable[[Inputs], Inputs]
    compute: Callable[[Mapping[str, Array]], Array]
    truth: Callable[[Inputs, np.random.RandomState], Truth]
    dtype: np.dtype | None = None


def numbered(name: str, layer: int | None) -> str:
    """Name an array of a layer.

    Parameters
    ----------
    name : str
        Such as "dW".
    layer : int or None
        Its number, if it has one.

    Returns
    -------
    str
        Such as "dW2".
    """
    return name if layer is None else f"{name}{layer}"
