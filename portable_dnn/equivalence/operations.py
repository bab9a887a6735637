"""The operations of one training step, in the order of data flow: one table.

Each is the library's own public function, called so that one operation is told from the next:
`linear_forward` with a bias of 0 is the product alone, with unit weights the bias alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from portable_dnn.activations import Activation, get_activation
from portable_dnn.backend import Array, HostArray
from portable_dnn.equivalence import truth
from portable_dnn.equivalence.truth import Truth
from portable_dnn.layers import linear_backward, linear_forward
from portable_dnn.losses import compute_cost, compute_cost_from_logits, cost_gradient
from portable_dnn.optimizers import update_parameters
from portable_dnn.pixels import scale_pixels

__all__ = [
    "ORDER",
    "Inputs",
    "Operation",
    "activation",
    "activation_backward",
    "forward_bias",
    "forward_product",
    "input_scaling",
    "step_operations",
]

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


def forward_product(layer: int | None, inputs: Callable[[Inputs], Inputs]) -> Operation:
    """W A: `linear_forward` with a bias of 0.

    Parameters
    ----------
    layer : int or None
        Its number.
    inputs : callable
        Gives `A` and `W`.

    Returns
    -------
    Operation
    """

    def take(state: Inputs) -> Inputs:
        given = dict(inputs(state))
        return {**given, "b": np.zeros((given["W"].shape[0], 1), given["W"].dtype)}

    return Operation(
        layer,
        PRODUCT,
        _numbered("Z", layer),
        take,
        lambda x: linear_forward(x["A"], x["W"], x["b"])[0],
        lambda x, random: truth.matrix_product(x["W"], x["A"], None, random),
    )


def forward_bias(layer: int | None, inputs: Callable[[Inputs], Inputs]) -> Operation:
    """Z + b: `linear_forward` with unit weights, whose product is exact.

    Parameters
    ----------
    layer : int or None
        Its number.
    inputs : callable
        Gives `Z`, to which the bias is to be added, and `b`.

    Returns
    -------
    Operation
    """

    def take(state: Inputs) -> Inputs:
        given = inputs(state)
        n = given["b"].shape[0]
        return {"A": given["Z"], "W": np.eye(n, dtype=given["b"].dtype), "b": given["b"]}

    return Operation(
        layer,
        BIAS,
        _numbered("Z", layer),
        take,
        lambda x: linear_forward(x["A"], x["W"], x["b"])[0],
        lambda x, random: truth.summed(x["A"], x["b"]),
    )


def activation(layer: int | None, g: Activation, inputs: Callable[[Inputs], Inputs]) -> Operation:
    """g(Z).

    Parameters
    ----------
    layer : int or None
        Its number.
    g : Activation
        Which.
    inputs : callable
        Gives `Z`.

    Returns
    -------
    Operation
    """
    return Operation(
        layer,
        f"{ACTIVATION} ({g.name})",
        _numbered("A", layer),
        inputs,
        lambda x: g.forward(x["Z"])[0],
        lambda x, random: _activated(g, x["Z"], random),
    )


def activation_backward(
    layer: int | None, g: Activation, inputs: Callable[[Inputs], Inputs]
) -> Operation:
    """Derivative through an activation, dA g′(Z).

    Parameters
    ----------
    layer : int or None
        Its number.
    g : Activation
        Which.
    inputs : callable
        Gives `dA` and `Z`.

    Returns
    -------
    Operation
    """
    return Operation(
        layer,
        f"{BACKWARD} ({g.name})",
        _numbered("dZ", layer),
        inputs,
        lambda x: g.backward(x["dA"], x["Z"]),
        lambda x, random: _differentiated(g, x["dA"], x["Z"], random),
    )


def input_scaling(dtype: str) -> Operation:
    """X / 255 of pixels `X`.

    Parameters
    ----------
    dtype : {"float64", "float32"}
        Of the result.

    Returns
    -------
    Operation
    """
    return Operation(
        None,
        SCALING,
        "X",
        lambda x: x,
        lambda x: scale_pixels(x["X"], dtype),
        lambda x, random: truth.scaled_pixels(x["X"]),
        np.dtype(dtype),
    )


def _numbered(name: str, layer: int | None) -> str:
    """Name an array of a layer."""
    return name if layer is None else f"{name}{layer}"


def slope_of(g: Activation) -> float:
    """Return the slope of a leaky ReLU."""
    _, _, setting = g.name.partition(":")
    return float(setting) if setting else 0.01


def _activated(g: Activation, z: HostArray, random: np.random.RandomState) -> Truth:
    """Truth of an activation."""
    kind = g.name.partition(":")[0]
    if kind == "relu":
        return truth.rectified(z)
    if kind == "leaky_relu":
        return truth.leaky(z, z, slope_of(g))
    return truth.applied(kind, z, random)


def _differentiated(
    g: Activation, dA: HostArray, z: HostArray, random: np.random.RandomState
) -> Truth:
    """Truth of an activation's derivative."""
    kind = g.name.partition(":")[0]
    if kind == "relu":
        return truth.rectified_slope(dA, z)
    if kind == "leaky_relu":
        return truth.leaky(dA, z, slope_of(g))
    return truth.slope(f"{kind} slope", dA, z, random)


def cost(inputs: Callable[[Inputs], Inputs]) -> Operation:
    """Cost from the logits `Z` and the labels `Y`; parameters as for `forward_product`."""
    return Operation(
        None,
        COST,
        "cost",
        inputs,
        lambda x: compute_cost_from_logits(x["Z"], x["Y"]),
        lambda x, random: truth.cost_of_logits(x["Z"], x["Y"]),
    )


def cost_of_probabilities(inputs: Callable[[Inputs], Inputs]) -> Operation:
    """Cost from the probabilities `A` and the labels `Y`; parameters as for `forward_product`."""
    return Operation(
        None,
        COST_OF_PROBABILITIES,
        "cost",
        inputs,
        lambda x: compute_cost(x["A"], x["Y"]),
        lambda x, random: truth.cost_of_probabilities(x["A"], x["Y"]),
    )


def gradient_of_cost(layer: int | None, inputs: Callable[[Inputs], Inputs]) -> Operation:
    """A − Y, of the probabilities `A`; parameters as for `forward_product`."""
    return Operation(
        None,
        GRADIENT,
        _numbered("dZ", layer),
        inputs,
        lambda x: cost_gradient(x["A"], x["Y"]),
        lambda x, random: truth.difference(x["A"], x["Y"]),
    )


def backward_products(
    layer: int | None, inputs: Callable[[Inputs], Inputs], *, input_gradient: bool
) -> list[Operation]:
    """`linear_backward`, its results apart: dW, db and, if asked for, dA.

    Parameters
    ----------
    layer : int or None
        Its number.
    inputs : callable
        Gives `dZ`, `A`, `W` and `b`.
    input_gradient : bool
        Whether dA of the layer before is judged.

    Returns
    -------
    list of Operation
    """

    def part(index: int) -> Callable[[Mapping[str, Array]], Array]:
        return lambda x: linear_backward(
            x["dZ"], (x["A"], x["W"], x["b"]), input_gradient=index == 0
        )[index]

    before = None if layer is None else layer - 1
    operations = [
        Operation(
            layer,
            DW,
            _numbered("dW", layer),
            inputs,
            part(1),
            lambda x, random: truth.matrix_product(x["dZ"], x["A"].T, x["A"].shape[1], random),
        ),
        Operation(
            layer,
            DB,
            _numbered("db", layer),
            inputs,
            part(2),
            lambda x, random: truth.mean(x["dZ"], random),
        ),
    ]
    if input_gradient:
        operations.append(
            Operation(
                layer,
                DA,
                _numbered("dA", before),
                inputs,
                part(0),
                lambda x, random: truth.matrix_product(x["W"].T, x["dZ"], None, random),
            )
        )
    return operations


def update(
    layer: int | None, name: str, rate: float, inputs: Callable[[Inputs], Inputs]
) -> Operation:
    """W − α dW or b − α db, by `update_parameters`.

    Parameters
    ----------
    layer : int or None
        Its number.
    name : {"W", "b"}
        What is updated.
    rate : float
        α.
    inputs : callable
        Gives `W`, `b`, `dW` and `db`.

    Returns
    -------
    Operation
    """

    def compute(x: Mapping[str, Array]) -> Array:
        parameters = {"W1": x["W"], "b1": x["b"]}
        return update_parameters(parameters, {"dW1": x["dW"], "db1": x["db"]}, rate)[f"{name}1"]

    return Operation(
        layer,
        UPDATE,
        _numbered(name, layer),
        inputs,
        compute,
        lambda x, random: truth.updated(x[name], x[f"d{name}"], rate),
    )


def _take(**names: str) -> Callable[[Inputs], Inputs]:
    """Rename arrays of a state to an operation's inputs."""
    return lambda state: {key: state[name] for key, name in names.items()}


def step_operations(
    L: int, activations: Sequence[Activation], rate: float
) -> tuple[Operation, ...]:
    """The operations of one training step.

    Parameters
    ----------
    L : int
        Number of layers.
    activations : sequence of Activation
        Those of the hidden layers.
    rate : float
        α.

    Returns
    -------
    tuple of Operation
        In the order of data flow. The inputs are taken from a state of these arrays: `A0` (X), `Y`,
        and for each layer `W`, `b`, `P` (W A), `Z`, `A`, `dA`, `dZ`, `dW`, `db`.
    """
    every = (*activations, get_activation("sigmoid"))
    operations = []
    for layer in range(1, L + 1):
        operations += [
            forward_product(layer, _take(A=f"A{layer - 1}", W=f"W{layer}")),
            forward_bias(layer, _take(Z=f"P{layer}", b=f"b{layer}")),
            activation(layer, every[layer - 1], _take(Z=f"Z{layer}")),
        ]
    operations += [
        cost(_take(Z=f"Z{L}", Y="Y")),
        cost_of_probabilities(_take(A=f"A{L}", Y="Y")),
        gradient_of_cost(L, _take(A=f"A{L}", Y="Y")),
    ]
    for layer in range(L, 0, -1):
        given = _take(dZ=f"dZ{layer}", A=f"A{layer - 1}", W=f"W{layer}", b=f"b{layer}")
        operations += backward_products(layer, given, input_gradient=layer > 1)
        if layer > 1:
            g = every[layer - 2]
            before = _take(dA=f"dA{layer - 1}", Z=f"Z{layer - 1}")
            operations.append(activation_backward(layer - 1, g, before))
    for layer in range(1, L + 1):
        given = _take(W=f"W{layer}", b=f"b{layer}", dW=f"dW{layer}", db=f"db{layer}")
        operations += [update(layer, name, rate, given) for name in ("W", "b")]
    return tuple(operations)


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
