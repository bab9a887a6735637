"""Activations and costs: the other operations of a training step."""

from collections.abc import Callable

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact import costs as exact_costs
from portable_dnn.equivalence.exact.functions import kind_of, negative_slope
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

__all__ = ["activation", "activation_backward", "cost", "cost_of_probabilities", "gradient_of_cost"]


def activation(layer: int | None, g: Activation, inputs: Callable[[Inputs], Inputs]) -> Operation:
    """g(Z), of an activation g; `layer` and `inputs` as for `forward_product`."""
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
    """Derivative through an activation, dA g′(Z); parameters as for `activation`."""
    return Operation(
        layer,
        f"{BACKWARD} ({g.name})",
        numbered("dZ", layer),
        inputs,
        lambda x: g.backward(x["dA"], x["Z"]),
        lambda x, random: _differentiated(g, x["dA"], x["Z"], random),
    )


def _activated(g: Activation, z: HostArray, random: np.random.RandomState) -> Truth:
    """Truth of an activation."""
    below = negative_slope(g)
    if below is None:
        return applied(kind_of(g), z, random)
    return rectified(z) if kind_of(g) == "relu" else leaky(z, z, below)


def _differentiated(
    g: Activation, dA: HostArray, z: HostArray, random: np.random.RandomState
) -> Truth:
    """Truth of an activation's derivative."""
    below = negative_slope(g)
    if below is None:
        return slope(f"{kind_of(g)} slope", dA, z, random)
    return rectified_slope(dA, z) if kind_of(g) == "relu" else leaky(dA, z, below)


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
