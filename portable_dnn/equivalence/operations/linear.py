"""Products, sums and updates: the linear operations of a training step.

Each is a public function of this package, called so that it performs a single operation:
`linear_forward` with a bias of 0 is the product alone. The bias is added as `linear_forward` adds
it, without a product: with one, the bias would be found wrong where products are wrong.
"""

from collections.abc import Callable, Mapping

import numpy as np

from portable_dnn.arrays.contract import Array
from portable_dnn.equivalence.exact.maps import scaled_pixels, summed, updated
from portable_dnn.equivalence.exact.products import matrix_product, mean
from portable_dnn.equivalence.operations.operation import (
    BIAS,
    DA,
    DB,
    DW,
    PRODUCT,
    SCALING,
    UPDATE,
    Inputs,
    Operation,
    numbered,
)
from portable_dnn.network.layers import linear_backward, linear_forward
from portable_dnn.network.pixels import scale_pixels
from portable_dnn.training.optimizers import update_parameters

__all__ = ["backward_products", "forward_bias", "forward_product", "input_scaling", "update"]


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
        lambda x, random: scaled_pixels(x["X"]),
        np.dtype(dtype),
    )


def forward_product(layer: int | None, inputs: Callable[[Inputs], Inputs]) -> Operation:
    """W A: `linear_forward` with a bias of 0.

    Parameters
    ----------
    layer : int or None
        Its number; None in a probe.
    inputs : callable
        Takes what is computed with from a state: here `A` and `W`.

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
        numbered("Z", layer),
        take,
        lambda x: linear_forward(x["A"], x["W"], x["b"])[0],
        lambda x, random: matrix_product(x["W"], x["A"], None, random),
    )


def forward_bias(layer: int | None, inputs: Callable[[Inputs], Inputs]) -> Operation:
    """Z + b, as `linear_forward` adds them; parameters as for `forward_product`."""
    return Operation(
        layer,
        BIAS,
        numbered("Z", layer),
        inputs,
        lambda x: x["Z"] + x["b"],
        lambda x, random: summed(x["Z"], x["b"]),
    )


def backward_products(
    layer: int | None, inputs: Callable[[Inputs], Inputs], *, input_gradient: bool
) -> list[Operation]:
    """`linear_backward`, its results apart: dW, db and, if asked for, dA.

    Parameters
    ----------
    layer, inputs
        As for `forward_product`; of `dZ`, `A`, `W` and `b`.
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
            numbered("dW", layer),
            inputs,
            part(1),
            lambda x, random: matrix_product(x["dZ"], x["A"].T, x["A"].shape[1], random),
        ),
        Operation(
            layer,
            DB,
            numbered("db", layer),
            inputs,
            part(2),
            lambda x, random: mean(x["dZ"], random),
        ),
    ]
    if input_gradient:
        operations.append(
            Operation(
                layer,
                DA,
                numbered("dA", before),
                inputs,
                part(0),
                lambda x, random: matrix_product(x["W"].T, x["dZ"], None, random),
            )
        )
    return operations


def update(
    layer: int | None, name: str, rate: float, inputs: Callable[[Inputs], Inputs]
) -> Operation:
    """W − α dW or b − α db, by `update_parameters`.

    Parameters
    ----------
    layer, inputs
        As for `forward_product`; of `W`, `b`, `dW` and `db`.
    name : {"W", "b"}
        What is updated.
    rate : float
        α.

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
        numbered(name, layer),
        inputs,
        compute,
        lambda x, random: updated(x[name], x[f"d{name}"], rate),
    )
