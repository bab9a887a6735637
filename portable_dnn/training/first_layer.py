"""How a run holds its first layer: by its weights, or (see `span`) in the span of the samples.

The first layer of a wide network is where the work is. The step treats its linear part through the
three functions of `FirstLayer`, and is otherwise the same.
"""

from collections.abc import Callable
from typing import NamedTuple

import array_api_compat

from portable_dnn.arrays.contract import Array, Namespace, Parameters
from portable_dnn.training.joined import join, split
from portable_dnn.training.norms import gradient_norm

__all__ = ["WEIGHTS", "FirstLayer", "Held", "Samples", "hold", "ones_for"]


class Samples(NamedTuple):
    """What a step is given as its input.

    Attributes
    ----------
    X : array
        The input, (n_x, m); in the span the samples' products with each other, (m, m).
    ones : array
        (1, m), the row under every layer's input that b is multiplied with.
    """

    X: Array
    ones: Array


class FirstLayer(NamedTuple):
    """The linear part of layer 1.

    Attributes
    ----------
    forward : callable
        `(state, samples, *, xp) -> Z1`.
    moves : callable
        `(dZ1, samples, *, xp) -> moves`: by how much its part of the state moves, by name, where
        `dZ1` carries the factor −α/m.
    norms : callable
        `(moves, samples, *, xp) -> {"W1": …, "b1": …}`, 0-d arrays: how far W1 and b1 move.
    """

    forward: Callable[..., Array]
    moves: Callable[..., dict[str, Array]]
    norms: Callable[..., dict[str, Array]]


def _forward(state: Parameters, samples: Samples, *, xp: Namespace) -> Array:
    """Z1 = W1 X + b1."""
    Z = state["W1"] @ samples.X
    Z += state["b1"]
    return Z


def _moves(dZ1: Array, samples: Samples, *, xp: Namespace) -> dict[str, Array]:
    """What W1 and b1 move by."""
    return {"W1": dZ1 @ samples.X.T, "b1": dZ1 @ samples.ones.T}


def _norms(moves: Parameters, samples: Samples, *, xp: Namespace) -> dict[str, Array]:
    """How far W1 and b1 move."""
    return {name: gradient_norm(moves[name], xp=xp) for name in ("W1", "b1")}


WEIGHTS = FirstLayer(_forward, _moves, _norms)
"""Layer 1 held by W1 and b1."""


class Held(NamedTuple):
    """A run's input and parameters as its step takes them.

    Attributes
    ----------
    first : FirstLayer
        How layer 1 is held.
    data : Samples
        What the step is given as X.
    state : dict of str to array
        What the step is given as parameters: those of layer 1, and [W b] of each layer from the
        second on, as `W2 … WL` (see `joined`).
    parameters_of : callable
        Turns such a state into `W1, b1 … WL, bL`.
    """

    first: FirstLayer
    data: Samples
    state: dict[str, Array]
    parameters_of: Callable[[Parameters], dict[str, Array]]


def hold(X: Array, parameters: Parameters, *, xp: Namespace) -> Held:
    """Hold layer 1 by its weights.

    Parameters
    ----------
    X : array
        Input, (n_x, m), floating.
    parameters : mapping of str to array
        `W1, b1 … WL, bL`.
    xp : namespace
        The arrays' namespace.

    Returns
    -------
    Held
        X as it is; `W1`, `b1` and the joined layers as state.
    """
    first = {name: parameters[name] for name in ("W1", "b1")}
    state = {**first, **join(parameters, xp=xp)}
    return Held(WEIGHTS, Samples(X, ones_for(X, xp=xp)), state, _leave)


def _leave(state: Parameters) -> dict[str, Array]:
    """Turn a state of the run back into `W1, b1 … WL, bL`."""
    return {"W1": state["W1"], "b1": state["b1"], **split(state)}


def ones_for(X: Array, *, xp: Namespace) -> Array:
    """Make the row of ones under a layer's input.

    Parameters
    ----------
    X : array
        (…, m), floating.
    xp : namespace
        The array's namespace.

    Returns
    -------
    array
        (1, m), dtype and device of X.
    """
    return xp.ones((1, X.shape[1]), dtype=X.dtype, device=array_api_compat.device(X))
