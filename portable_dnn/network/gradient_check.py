"""Checking the analytic gradients against central differences."""

import math

import array_api_compat
import numpy as np

from portable_dnn.arrays.contract import Array, Namespace, Parameters
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.network.activations import Hidden, hidden_activations
from portable_dnn.network.losses import compute_cost_from_logits
from portable_dnn.network.passes import L_model_backward, L_model_forward, check_network
from portable_dnn.network.randomness import random_stream
from portable_dnn.setting_checks import check_count, check_number

__all__ = ["gradient_check"]


@undisturbed
def gradient_check(
    X: Array,
    Y: Array,
    parameters: Parameters,
    hidden: Hidden = "relu",
    *,
    epsilon: float | None = None,
    max_entries: int | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Compare each gradient with central differences of the cost.

    Parameters
    ----------
    X : array
        Input, (n_x, m), floating; float64 is right for this.
    Y : array
        Labels 0 or 1, (n_L, m).
    parameters : mapping of str to array
        `W1, b1 … WL, bL`.
    hidden : str, Activation or sequence of these
        Activation of all hidden layers, or one for each.
    epsilon : float, optional
        Half the distance of a difference. By default the cube root of the dtype's epsilon, which
        balances rounding against the third derivative (6e-6 in float64).
    max_entries : int, optional
        Check at most this many entries of each parameter, chosen at random. By default all: two
        forward passes for each, so give a number for a wide network.
    seed : int
        Seed of that draw.

    Returns
    -------
    dict of str to float
        For each parameter ‖analytic − numerical‖ / (‖analytic‖ + ‖numerical‖), over the checked
        entries; 0 if both are 0. In float64, below 1e-7 is right; a ReLU whose Z is within
        `epsilon` of 0 may exceed it.

    Raises
    ------
    SettingError
        If `epsilon` or `max_entries` is not positive, or an activation is unknown.
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import gradient_check, initialize_parameters_deep
    >>> X, Y = np.array([[0.5, -1.0], [0.25, 2.0]]), np.array([[0, 1]])
    >>> errors = gradient_check(X, Y, initialize_parameters_deep([2, 3, 1]), hidden="tanh")
    >>> list(errors)
    ['W1', 'b1', 'W2', 'b2']
    >>> max(errors.values()) < 1e-7
    True
    """
    xp, dims = check_network(X, parameters, {"Y": Y})
    activations = hidden_activations(hidden, len(dims) - 2)
    if epsilon is None:
        epsilon = float(xp.finfo(X.dtype).eps) ** (1 / 3)
    epsilon = check_number(epsilon, "epsilon", "a number above 0 would be right", above=0.0)
    if max_entries is not None:
        check_count(max_entries, "greatest number of entries to check")

    def cost(changed: Parameters) -> float:
        _, caches = L_model_forward(X, changed, activations, xp=xp)
        return float(compute_cost_from_logits(caches[-1].activation, Y, xp=xp))

    AL, caches = L_model_forward(X, parameters, activations, xp=xp)
    grads = L_model_backward(AL, Y, caches, activations, xp=xp)
    stream = random_stream(seed)
    errors = {}
    for name, array in parameters.items():
        entries = stream.permutation(math.prod(array.shape))[:max_entries]
        analytic = np.empty(len(entries))
        numerical = np.empty(len(entries))
        flat_gradient = xp.reshape(grads[f"d{name}"], (-1,))
        for i, entry in enumerate(entries):
            bump = epsilon * _unit(array, int(entry), xp)
            above = cost({**parameters, name: array + bump})
            below = cost({**parameters, name: array - bump})
            analytic[i] = float(flat_gradient[int(entry)])
            numerical[i] = (above - below) / (2.0 * epsilon)
        scale = float(np.linalg.norm(analytic) + np.linalg.norm(numerical))
        errors[name] = float(np.linalg.norm(analytic - numerical)) / scale if scale else 0.0
    return errors


def _unit(like: Array, entry: int, xp: Namespace) -> Array:
    """Return an array like another, 0 except for a 1 at one entry of its flattened form."""
    # A comparison, because the standard has no assignment to an element that every library obeys.
    index = xp.arange(math.prod(like.shape), device=array_api_compat.device(like))
    return xp.reshape(xp.astype(index == entry, like.dtype), like.shape)
