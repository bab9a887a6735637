"""From gradients to the next parameters: the update rules.

A new rule is a class with the members of `Optimizer` and a row in `OPTIMIZERS`; the fields of the
class after the learning rate are its settings, "momentum:0.9" in a text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Protocol

from portable_dnn.arrays.contract import Array, Arrays, Namespace, Parameters
from portable_dnn.arrays.namespaces import common_namespace
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.arrays.shapes import check_names, check_parameters, check_same_shape
from portable_dnn.errors import SettingError, ShapeError
from portable_dnn.setting_checks import check_number, described

__all__ = [
    "OPTIMIZERS",
    "GradientDescent",
    "Optimizer",
    "check_learning_rate",
    "get_optimizer",
    "update_parameters",
]


class Optimizer(Protocol):
    """An update rule: a part of the training step.

    Equal rules (`==`) make equal steps, so a rule is a frozen dataclass of plain numbers.
    """

    @property
    def gradient_scale(self) -> float:
        """What the gradients that `update` is given are multiplied with.

        1, or −α where the rule is linear in the gradient alone, so that the step can multiply the
        few derivatives of the logits by it instead of every gradient.
        """

    @property
    def linear(self) -> bool:
        """Whether the rule is linear in gradients, parameters and slots.

        With the same coefficients for all elements of an array, that is. Layer 1 can then be
        trained in the span of the samples.
        """

    def init(self, parameters: Parameters, *, xp: Namespace) -> Arrays:
        """Return the slots that a run begins with: what the rule remembers between steps.

        Arrays of any rank and dtype, in a flat dict; empty if it remembers nothing.
        """

    def rates(self, iteration: int) -> tuple[float, ...]:
        """Return the numbers of a step that depend on its number, such as a scheduled rate.

        They are made on the host and handed to `update` as data, so that a compiled step serves all
        iterations. Always as many; none if nothing depends on the iteration.
        """

    def update(
        self, gradients: Parameters, parameters: Parameters, slots: Arrays, rates: Array
    ) -> tuple[Arrays, Arrays]:
        """Return the next parameters and slots.

        `gradients` carry the factor `gradient_scale` and may be overwritten; `rates` is what
        `rates` gave for this step as an array (r,), in the dtype of the parameters.
        """


@dataclass(frozen=True)
class GradientDescent:
    """W ← W − α dW.

    Attributes
    ----------
    learning_rate : float
        α, above 0.
    """

    learning_rate: float
    linear = True

    @property
    def gradient_scale(self) -> float:
        """−α."""
        return -self.learning_rate

    def init(self, parameters: Parameters, *, xp: Namespace) -> Arrays:
        """Return no slots."""
        return {}

    def rates(self, iteration: int) -> tuple[float, ...]:
        """Return none: α is the same in every iteration."""
        return ()

    def update(
        self, gradients: Parameters, parameters: Parameters, slots: Arrays, rates: Array
    ) -> tuple[Arrays, Arrays]:
        """Add the gradients, which carry −α, to the parameters."""
        after = {}
        for name, array in parameters.items():
            moved = gradients[name]
            moved += array  # into the step's own array where the library can; into a new one else
            after[name] = moved
        return after, slots


OPTIMIZERS: Mapping[str, Any] = MappingProxyType(
    {
        "gradient_descent": GradientDescent,
    }
)
"""The update rules by name: dataclasses, whose fields are the learning rate and the settings."""


def get_optimizer(name: str, learning_rate: float) -> Optimizer:
    """Make an update rule by name.

    Parameters
    ----------
    name : str
        A name of `OPTIMIZERS`; settings of the rule may follow a colon, numbers with commas between
        them.
    learning_rate : float
        α, above 0.

    Returns
    -------
    Optimizer

    Raises
    ------
    SettingError
        If there is no such rule, or it cannot have these settings.
    """
    kind, colon, text = str(name).partition(":")
    rule = OPTIMIZERS.get(kind)
    if rule is None:
        raise SettingError(f"unknown optimizer {described(name)}; use {' or '.join(OPTIMIZERS)}")
    learning_rate = check_learning_rate(learning_rate)
    names = [field.name for field in fields(rule)][1:]
    parts = text.split(",") if colon else []
    try:
        settings = [float(part) for part in parts]
    except ValueError:
        settings = []
    if len(settings) != len(parts) or len(parts) > len(names):
        form = f"{kind}:{','.join(map(str.upper, names))}, in numbers," if names else "no settings"
        raise SettingError(f"optimizer {name!r}: {form} would be right")
    found: Optimizer = rule(learning_rate, *settings)
    return found


def check_learning_rate(learning_rate: float) -> float:
    """Check a learning rate.

    Parameters
    ----------
    learning_rate : float
        Step length of gradient descent.

    Returns
    -------
    float
        The same, as Python's float, so that it cannot promote an array's dtype.

    Raises
    ------
    SettingError
        If it is not a finite number above 0.
    """
    right = "a number above 0 would be right, such as 0.0075"
    return check_number(learning_rate, "learning rate", right, above=0.0)


@undisturbed
def update_parameters(
    parameters: Parameters,
    grads: Parameters,
    learning_rate: float,
    *,
    xp: Namespace | None = None,
) -> dict[str, Array]:
    """One step of gradient descent, W ← W − α dW and b ← b − α db.

    Parameters
    ----------
    parameters : mapping of str to array
        `W1, b1 … WL, bL`; not changed.
    grads : mapping of str to array
        `dW1, db1 … dWL, dbL`; further entries are ignored.
    learning_rate : float
        α, above 0.
    xp : namespace, optional
        The arrays' namespace, if the caller has checked them.

    Returns
    -------
    dict of str to array
        The new parameters.

    Raises
    ------
    SettingError
        If the learning rate is not a finite number above 0.
    ShapeError, DTypeError, DeviceError
        If gradients are missing or do not fit the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import update_parameters
    >>> parameters = {"W1": np.array([[1.0]]), "b1": np.array([[0.0]])}
    >>> grads = {"dW1": np.array([[2.0]]), "db1": np.array([[-4.0]])}
    >>> update_parameters(parameters, grads, learning_rate=0.25)
    {'W1': array([[0.5]]), 'b1': array([[1.]])}
    """
    if xp is None:
        learning_rate = check_learning_rate(learning_rate)
        _check(parameters, grads)
    return {name: array - learning_rate * grads[f"d{name}"] for name, array in parameters.items()}


def _check(parameters: Parameters, grads: Parameters) -> None:
    """Check that each parameter has its gradient, at the door."""
    check_names(parameters)
    if not isinstance(grads, Mapping):
        kind = type(grads).__name__
        raise ShapeError(f"the gradients are a {kind}; a dict dW1, db1 … dWL, dbL would be right")
    missing = [f"d{name}" for name in parameters if f"d{name}" not in grads]
    if missing:
        raise ShapeError(
            f"the gradients lack {', '.join(missing)}; give what L_model_backward returned"
        )
    common_namespace({**parameters, **{f"d{name}": grads[f"d{name}"] for name in parameters}})
    check_parameters(parameters)
    for name, array in parameters.items():
        check_same_shape(grads[f"d{name}"], array.shape, f"d{name}", name)
