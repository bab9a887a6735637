"""Activations and costs: the other operations of a training step."""

from collections.abc import Callable

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact import costs as exact_costs
from portable_dnn.equivalence.exact.maps import (
    applied,
    difference,
    leaky,
    rectified,
    rectified_slope,
    slope,
)
from portable_dnn.equivalence.exact.truth import Truth
from portable_dnn.equivalence.operations.operation import (
    ACTIVATION,
    BACKWARD,
    COST,
    COST_OF_PROBABILITIES,
    GRADIENT,
    Inputs,
    Operation,
    numbered,
)
from portable_dnn.network.activations import Activation
from portable_dnn.network.losses import compute_cost, compute_cost_from_logits, cost_gradient

__all__ = [
    "activation",
    "activation_backward",
    "cost",
    "cost_of_probabilities",
    "gradient_of_cost",
    "slope_of",
]


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
        numbered("A", layer),
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
        numbered("dZ", layer),
        inputs,
        lambda x: g.backward(x["dA"], x["Z"]),
        lambda x, random: _differentiated(g, x["dA"], x["Z"], random),
    )


def slope_of(g: Activation) -> float:
    """Return the slope of a leaky ReLU."""
    _, _, setting = g.name.partition(":")
    return float(setting) if setting else 0.01


def _activated(g: Activation, z: HostArray, random: np.random.RandomState) -> Truth:
    """Truth of an activation."""
    kind = g.name.partition(":")[0]
    if kind == "relu":
        return rectified(z)
    if kind == "leaky_relu":
        return leaky(z, z, slope_of(g))
    return applied(kind, z, random)


def _differentiated(
    g: Activation, dA: HostArray, z: HostArray, random: np.random.RandomState
) -> Truth:
    """Truth of an activation's derivative."""
    kind = g.name.partition(":")[0]
    if kind == "relu":
        return rectified_slope(dA, z)
    if kind == "leaky_relu":
        return leaky(dA, z, slope_of(g))
    return slope(f"{kind} slope", dA, z, random)


def cost(inputs: Callable[[Inputs], Inputs]) -> Operation:
    """Cost from the logits `Z` and the labels `Y`; parameters as for `forward_product`."""
    return Operation(
        None,
        COST,
        "cost",
        inputs,
        lambda x: compute_cost_from_logits(x["Z"], x["Y"]),
        lambda x, random: exact_costs.cost_of_logits(x["Z"], x["Y"]),
    )


def cost_of_probabilities(inputs: Callable[[Inputs], Inputs]) -> Operation:
    """Cost from the probabilities `A` and the labels `Y`; parameters as for `forward_product`."""
    return Operation(
        None,
        COST_OF_PROBABILITIES,
        "cost",
        inputs,
        lambda x: compute_cost(x["A"], x["Y"]),
        lambda x, random: exact_costs.cost_of_probabilities(x["A"], x["Y"]),
    )


def gradient_of_cost(layer: int | None, inputs: Callable[[Inputs], Inputs]) -> Operation:
    """A − Y, of the probabilities `A`; parameters as for `forward_product`."""
    return Operation(
        None,
        GRADIENT,
        numbered("dZ", layer),
        inputs,
        lambda x: cost_gradient(x["A"], x["Y"]),
        lambda x, random: difference(x["A"], x["Y"]),
    )
