"""The linear part of a layer, Z = W A + b, and what comes back through it.

These are the formulas alone: `layers` puts them behind the course's functions and their checks,
`training.layer_forms` into the training step.
"""

from portable_dnn.arrays.contract import Array

__all__ = ["input_derivative", "linear"]


def linear(W: Array, A: Array, b: Array) -> Array:
    """Z = W A + b.

    Parameters
    ----------
    W : array
        (n_l, n_{l−1}).
    A : array
        (n_{l−1}, m).
    b : array
        (n_l, 1).

    Returns
    -------
    array
        (n_l, m).
    """
    return W @ A + b


def input_derivative(W: Array, dZ: Array) -> Array:
    """Derivative by A, Wᵀ dZ.

    Parameters
    ----------
    W : array
        (n_l, n_{l−1}).
    dZ : array
        (n_l, m).

    Returns
    -------
    array
        (n_{l−1}, m).
    """
    return W.T @ dZ
