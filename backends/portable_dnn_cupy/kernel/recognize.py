"""Which training steps the kernel is for."""

from functools import partial
from typing import NamedTuple

from portable_dnn.arrays.contract import Function
from portable_dnn.arrays.repeat import OneByOne
from portable_dnn.network.activations import (
    ACTIVATIONS,
    Activation,
    leaky_relu,
    leaky_relu_backward,
)
from portable_dnn.network.heads import SIGMOID
from portable_dnn.training.optimizers import GradientDescent
from portable_dnn.training.step import Bound, TrainingStep, forms_for

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


def hidden_of(function: Function) -> tuple[Hidden, ...] | None:
    """Recognise a step that is taken again and again.

    The steps that the kernel can do are built anew and compared: whatever a step has beyond them,
    such as another optimizer, makes it one that is not the kernel's.

    Parameters
    ----------
    function : Function
        Any.

    Returns
    -------
    tuple of Hidden, or None
        The hidden layers' activations, if the kernel can take this step: gradient descent in the
        span, with activations of ours and not too many layers.
    """
    if not (isinstance(function, OneByOne) and isinstance(function.step, Bound)):
        return None
    step = function.step.func
    if not isinstance(step, TrainingStep) or len(step.activations) >= MAX_LAYERS:
        return None
    if not isinstance(step.optimizer, GradientDescent):
        return None
    forms = forms_for(len(step.activations) + 1, compressed=True)
    optimizer = GradientDescent(step.optimizer.learning_rate)
    known = TrainingStep(forms, step.activations, SIGMOID, optimizer)
    if step != known:
        return None
    found = [_recognize(activation) for activation in step.activations]
    hidden = tuple(h for h in found if h is not None)
    return hidden if len(hidden) == len(found) else None


def _recognize(activation: Activation) -> Hidden | None:
    """Recognise an activation by its functions: its name proves nothing."""
    name = activation.name.partition(":")[0]
    if name not in _NUMBERS:
        return None
    if activation == ACTIVATIONS.get(name):
        return Hidden(name, _SLOPE if name == "leaky_relu" else 0.0)
    forward, backward = activation.forward, activation.backward
    if not (isinstance(forward, partial) and isinstance(backward, partial)):
        return None
    slope = forward.keywords.get("slope")
    if not isinstance(slope, float):
        return None
    known = partial(leaky_relu, slope=slope), partial(leaky_relu_backward, slope=slope)
    same = all(
        (one.func, one.args, one.keywords) == (other.func, other.args, other.keywords)
        for one, other in zip((forward, backward), known, strict=True)
    )
    return Hidden("leaky_relu", slope) if same else None
