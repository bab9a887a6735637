"""Which training steps the kernel is for."""

from functools import partial
from typing import NamedTuple

from portable_dnn.arrays.contract import Step
from portable_dnn.network.activations import (
    ACTIVATIONS,
    Activation,
    leaky_relu,
    leaky_relu_backward,
)
from portable_dnn.training.span import SPAN
from portable_dnn.training.step import TrainingStep

__all__ = ["MAX_LAYERS", "Hidden", "hidden_of"]

MAX_LAYERS = 16  # LAYERS in body.h

# In the order of the enumeration in body.h.
_NUMBERS = {name: number for number, name in enumerate(("relu", "leaky_relu", "tanh", "sigmoid"))}
_SLOPE = 0.01  # leaky_relu's own


class Hidden(NamedTuple):
    """The activation of a hidden layer, as the kernel knows it.

    Attributes
    ----------
    name : str
        "relu", "leaky_relu", "tanh" or "sigmoid".
    slope : float
        That of leaky ReLU; else 0.
    """

    name: str
    slope: float

    @property
    def number(self) -> int:
        """What body.h calls it."""
        return _NUMBERS[self.name]


def hidden_of(step: Step) -> tuple[Hidden, ...] | None:
    """Recognise a step.

    Parameters
    ----------
    step : Step
        Any.

    Returns
    -------
    tuple of Hidden, or None
        The hidden layers' activations, if the kernel can take this step: one of `make_step` in
        the span that measures nothing, with activations of ours and not too many layers.
    """
    if not isinstance(step, TrainingStep) or step.measured or step.first is not SPAN:
        return None
    if len(step.layers) >= MAX_LAYERS:
        return None
    found = [_recognize(activation) for _, activation in step.layers]
    known = tuple(hidden for hidden in found if hidden is not None)
    return known if len(known) == len(found) else None


def _recognize(activation: Activation) -> Hidden | None:
    """Recognise an activation by its functions: its name proves nothing."""
    name = activation.name.partition(":")[0]
    if activation == ACTIVATIONS.get(name):
        return Hidden(name, _SLOPE if name == "leaky_relu" else 0.0)
    forward, backward = activation.forward, activation.backward
    if not (isinstance(forward, partial) and isinstance(backward, partial)):
        return None
    if (forward.func, backward.func) != (leaky_relu, leaky_relu_backward):
        return None
    slope = forward.keywords.get("slope")
    same = forward.keywords == backward.keywords == {"slope": slope}
    if not same or forward.args or backward.args or not isinstance(slope, float):
        return None
    return Hidden("leaky_relu", slope)
