"""How a run holds its first layer: by its weights, or (see `span`) in the span of the samples.

The first layer of a wide network is where the work is. The step treats its linear part through the
three functions of `FirstLayer`, and is otherwise the same.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from portable_dnn.backend import Array, Namespace, Parameters
from portable_dnn.layers import LinearCache, linear_backward, linear_forward
from portable_dnn.norms import gradient_norm

__all__ = ["WEIGHTS", "FirstLayer", "Held", "hold"]


class FirstLayer(NamedTuple):
    """The linear part of layer 1.

    Attributes
    ----------
    forward : callable
        `(X, parameters, *, xp) -> (Z1, cache)`.
    backward : callable
        `(dZ1, cache, *, input_gradient, xp) -> (dA0, grads)`, the gradients of its parameters by
        name, and the derivative by X or None.
    gradient_norms : callable
        `(grads, cache, *, xp) -> {"W1": …, "b1": …}`, 0-d arrays.
    """

    forward: Callable[..., tuple[Array, Any]]
    backward: Callable[..., tuple[Array | None, dict[str, Array]]]
    gradient_norms: Callable[..., dict[str, Array]]


def _forward(X: Array, parameters: Parameters, *, xp: Namespace) -> tuple[Array, LinearCache]:
    """Z1 = W1 X + b1."""
    return linear_forward(X, parameters["W1"], parameters["b1"], xp=xp)


def _backward(
    dZ1: Array, cache: LinearCache, *, input_gradient: bool, xp: Namespace
) -> tuple[Array | None, dict[str, Array]]:
    """Gradients of W1 and b1."""
    dA0, dW1, db1 = linear_backward(dZ1, cache, input_gradient=input_gradient, xp=xp)
    return dA0, {"dW1": dW1, "db1": db1}


def _gradient_norms(grads: Parameters, cache: LinearCache, *, xp: Namespace) -> dict[str, Array]:
    """Norms of the gradients of W1 and b1."""
    return {name: gradient_norm(grads[f"d{name}"], xp=xp) for name in ("W1", "b1")}


WEIGHTS = FirstLayer(_forward, _backward, _gradient_norms)
"""Layer 1 held by W1 and b1, like every other layer."""


class Held(NamedTuple):
    """A run's input and parameters as its step takes them.

    Attributes
    ----------
    first : FirstLayer
        How layer 1 is held.
    data : array
        What the step is given as X.
    state : dict of str to array
        What the step is given as parameters.
    parameters_of : callable
        Turns such a state into `W1, b1 … WL, bL`.
    """

    first: FirstLayer
    data: Array
    state: dict[str, Array]
    parameters_of: Callable[[dict[str, Array]], dict[str, Array]]


def hold(X: Array, parameters: Parameters) -> Held:
    """Hold layer 1 by its weights.

    Parameters
    ----------
    X : array
        Input, (n_x, m).
    parameters : mapping of str to array
        `W1, b1 … WL, bL`.

    Returns
    -------
    Held
        X and the parameters as they are.
    """
    return Held(WEIGHTS, X, dict(parameters), dict)
