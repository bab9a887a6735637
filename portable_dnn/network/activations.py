"""Activations by name; the functions themselves are in `activation_functions`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import TypeAlias

from portable_dnn.arrays.contract import Array
from portable_dnn.errors import SettingError
from portable_dnn.network.activation_functions import (
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from portable_dnn.setting_checks import described

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Hidden",
    "get_activation",
    "hidden_activations",
    "leaky_relu",
    "leaky_relu_backward",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "tanh",
    "tanh_backward",
]


@dataclass(frozen=True)
class Activation:
    """An activation with its settings bound.

    Attributes
    ----------
    name : str
        What `get_activation` turns back into this.
    forward : callable
        `(Z, *, xp) -> (A, cache)`.
    backward : callable
        `(dA, cache, *, xp) -> dZ`.
    rectifies : bool
        Whether the derivative is 0 for all Z ≤ 0, so that a unit can die.
    temporaries : int
        Arrays of the size of Z that `backward` makes and holds at once, its result among them.
    """

    name: str
    forward: Callable[..., tuple[Array, Array]]
    backward: Callable[..., Array]
    rectifies: bool = False
    temporaries: int = 5

    def __str__(self) -> str:
        return self.name


ACTIVATIONS = MappingProxyType(
    {
        "relu": Activation("relu", relu, relu_backward, rectifies=True, temporaries=1),
        "leaky_relu": Activation("leaky_relu", leaky_relu, leaky_relu_backward, temporaries=2),
        "tanh": Activation("tanh", tanh, tanh_backward),
        "sigmoid": Activation("sigmoid", sigmoid, sigmoid_backward, temporaries=4),
    }
)

Hidden: TypeAlias = str | Activation | Sequence[str | Activation]
"""The activation of all hidden layers, or one for each."""


class _Resolved(tuple[Activation, ...]):
    """Activations that have been looked up."""

    __slots__ = ()


def get_activation(name: str | Activation) -> Activation:
    """Look an activation up by name.

    Parameters
    ----------
    name : str or Activation
        A name of `ACTIVATIONS`; "leaky_relu:0.2" sets the slope.

    Returns
    -------
    Activation

    Raises
    ------
    SettingError
        If there is no such activation, or its slope is not a finite number.
    """
    if isinstance(name, Activation):
        return name
    if isinstance(name, str) and name in ACTIVATIONS:
        return ACTIVATIONS[name]
    if isinstance(name, str) and name.startswith("leaky_relu:"):
        return _leaky(name, name.partition(":")[2])
    raise SettingError(
        f"unknown activation {described(name)}; use {', '.join(ACTIVATIONS)} or leaky_relu:SLOPE"
    )


@cache  # so that equal names give equal activations, and equal steps
def _leaky(name: str, setting: str) -> Activation:
    """Bind the slope of a leaky ReLU."""
    try:
        slope = float(setting)
    except ValueError:
        slope = float("nan")
    if not abs(slope) < float("inf"):
        raise SettingError(
            f"activation {name!r} has the slope {setting!r}; a finite number would be right, "
            "such as leaky_relu:0.2"
        )
    return Activation(
        name,
        partial(leaky_relu, slope=slope),
        partial(leaky_relu_backward, slope=slope),
        temporaries=2,
    )


def hidden_activations(hidden: Hidden, count: int) -> tuple[Activation, ...]:
    """Give each hidden layer its activation.

    Parameters
    ----------
    hidden : str, Activation or sequence of these
        One for all hidden layers, or one for each, first layer first.
    count : int
        Number of hidden layers.

    Returns
    -------
    tuple of Activation
        Of length `count`.

    Raises
    ------
    SettingError
        If an activation is unknown, or a sequence has another length.
    """
    if type(hidden) is _Resolved and len(hidden) == count:
        return hidden  # looked up before: a training step asks every time
    if isinstance(hidden, str | Activation):
        return _Resolved((get_activation(hidden),) * count)
    if not isinstance(hidden, Sequence):
        raise SettingError(
            f"the hidden activation is {described(hidden)}; a name such as 'relu', or a list, "
            "would be right"
        )
    found = _Resolved(get_activation(name) for name in hidden)
    if len(found) != count:
        raise SettingError(
            f"{len(found)} hidden activations ({', '.join(a.name for a in found)}) for {count} "
            "hidden layers; give one for all or one for each"
        )
    return found
