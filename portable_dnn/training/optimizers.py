"""From gradients to the next parameters."""

import math

from portable_dnn.arrays.contract import Array, Namespace, Parameters
from portable_dnn.arrays.namespaces import common_namespace
from portable_dnn.arrays.shapes import check_parameters, check_same_shape
from portable_dnn.errors import SettingError, ShapeError

__all__ = ["check_learning_rate", "update_parameters"]


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
    try:
        rate = float(learning_rate)
    except (TypeError, ValueError):
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise SettingError(
            f"the learning rate is {learning_rate!r}; a number above 0 would be right, "
            "such as 0.0075"
        )
    return rate


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
    check_parameters(parameters)
    missing = [f"d{name}" for name in parameters if f"d{name}" not in grads]
    if missing:
        raise ShapeError(
            f"the gradients lack {', '.join(missing)}; give what L_model_backward returned"
        )
    common_namespace({**parameters, **{f"d{name}": grads[f"d{name}"] for name in parameters}})
    for name, array in parameters.items():
        check_same_shape(grads[f"d{name}"], array.shape, f"d{name}", name)
