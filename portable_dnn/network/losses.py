"""The course's cost and its relatives: the checks at the door; the formulas are in `heads`."""

from portable_dnn.arrays.contract import Array, Namespace
from portable_dnn.arrays.namespaces import common_namespace
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.arrays.shapes import check_input, check_labels
from portable_dnn.network.heads import SIGMOID

__all__ = ["compute_cost", "compute_cost_from_logits", "cost_gradient"]


@undisturbed
def compute_cost(AL: Array, Y: Array, *, xp: Namespace | None = None) -> Array:
    """Cross-entropy of probabilities, −(1/m) Σ [Y log A + (1 − Y) log(1 − A)].

    0 · log 0 counts as 0, so a certain and right answer costs nothing; a certain and wrong one
    costs infinity.

    Parameters
    ----------
    AL : array
        Probabilities of class 1, shape (n_y, m).
    Y : array
        Labels 0 or 1, same shape, any real dtype.
    xp : namespace, optional
        The arrays' namespace, if the caller has checked them.

    Returns
    -------
    array
        The cost, 0-d, in the dtype of `AL`, in nats.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import compute_cost
    >>> cost = compute_cost(np.array([[0.8, 0.9, 0.4]]), np.array([[1, 1, 0]]))
    >>> print(f"{float(cost):.4f}")
    0.2798
    """
    if xp is None:
        xp = _check(AL, Y, "AL")
    Y = xp.astype(Y, AL.dtype, copy=False)
    return SIGMOID.cost_of_probabilities(AL, Y, AL.shape[1], xp=xp)


@undisturbed
def compute_cost_from_logits(ZL: Array, Y: Array, *, xp: Namespace | None = None) -> Array:
    """Cross-entropy of logits, (1/m) Σ [max(Z, 0) − Z Y + log(1 + e^−|Z|)].

    The same function of the network as `compute_cost(sigmoid(ZL), Y)`, but finite and accurate for
    every finite logit, where the probability has long rounded to 0 or 1.

    Parameters
    ----------
    ZL : array
        Logits, the output layer's Z, shape (n_y, m).
    Y : array
        Labels 0 or 1, same shape, any real dtype.
    xp : namespace, optional
        The arrays' namespace, if the caller has checked them.

    Returns
    -------
    array
        The cost, 0-d, in the dtype of `ZL`, in nats.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import compute_cost, compute_cost_from_logits, sigmoid
    >>> ZL, Y = np.array([[800.0]]), np.array([[0]])
    >>> float(compute_cost_from_logits(ZL, Y))
    800.0
    >>> float(compute_cost(sigmoid(ZL)[0], Y))  # the probability has rounded to 1
    inf
    """
    if xp is None:
        xp = _check(ZL, Y, "ZL")
    Y = xp.astype(Y, ZL.dtype, copy=False)
    return SIGMOID.cost_of_labels(ZL, Y, ZL.shape[1], xp=xp)


def cost_gradient(AL: Array, Y: Array, *, xp: Namespace | None = None) -> Array:
    """Derivative of m times the cost by the logits, A − Y.

    The course divides by A and 1 − A and multiplies by them again; the quotient cancels for a
    sigmoid output, and with it the division by 0.

    Parameters
    ----------
    AL : array
        Probabilities of class 1, shape (n_y, m).
    Y : array
        Labels 0 or 1, same shape, any real dtype.
    xp : namespace, optional
        The arrays' namespace, if the caller has checked them.

    Returns
    -------
    array
        `dZL`, shape and dtype of `AL`; not divided by m, as the course has it.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other.
    """
    if xp is None:
        xp = _check(AL, Y, "AL")
    return SIGMOID.derivative_of_probabilities(AL, xp.astype(Y, AL.dtype, copy=False))


def _check(A: Array, Y: Array, name: str) -> Namespace:
    """Check outputs against labels at the door."""
    xp = common_namespace({name: A}, {"Y": Y})
    check_input(A, A.shape[0] if A.ndim == 2 else 1, name, "the cost")
    check_labels(Y, *A.shape)
    return xp
