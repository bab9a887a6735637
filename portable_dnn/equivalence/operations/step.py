"""The operations of one training step, in the order of data flow: one table."""

from collections.abc import Callable

from portable_dnn.equivalence.operations.activations import (
    activation,
    activation_backward,
    cost,
    cost_of_probabilities,
    gradient_of_cost,
)
from portable_dnn.equivalence.operations.linear import (
    backward_products,
    forward_bias,
    forward_product,
    update,
)
from portable_dnn.equivalence.operations.operation import Inputs, Operation
from portable_dnn.network.activations import get_activation
from portable_dnn.training.settings import Settings

__all__ = ["step_operations"]


def _take(**names: str) -> Callable[[Inputs], Inputs]:
    """Rename arrays of a state to an operation's inputs."""
    return lambda state: {key: state[name] for key, name in names.items()}


def step_operations(settings: Settings) -> tuple[Operation, ...]:
    """The operations of one training step.

    Parameters
    ----------
    settings : Settings
        Layers, activations and learning rate.

    Returns
    -------
    tuple of Operation
        In the order of data flow. The inputs are taken from a state of these arrays: `A0` (X), `Y`,
        and for each layer `W`, `b`, `P` (W A), `Z`, `A`, `dA`, `dZ`, `dW`, `db`.
    """
    every = (*settings.hidden_activations, get_activation("sigmoid"))
    L, rate = len(every), settings.learning_rate
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
