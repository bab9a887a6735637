"""One layer, forward and backward: Z = W A + b, then the activation."""

from typing import NamedTuple

from portable_dnn.arrays.contract import Array, Namespace
from portable_dnn.arrays.namespaces import common_namespace
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.arrays.shapes import check_input, check_layer, check_same_shape
from portable_dnn.errors import ShapeError
from portable_dnn.network.activations import Activation, get_activation
from portable_dnn.network.linear import input_derivative, linear
from portable_dnn.setting_checks import check_flag

__all__ = [
    "LayerCache",
    "LinearCache",
    "check_cache",
    "check_linear_cache",
    "linear_activation_backward",
    "linear_activation_forward",
    "linear_backward",
    "linear_forward",
]


class LinearCache(NamedTuple):
    """What the linear part of a layer remembers; any tuple of the three will do.

    Attributes
    ----------
    A_prev : array
        The layer's input, (n_{l−1}, m).
    W : array
        (n_l, n_{l−1}).
    b : array
        (n_l, 1).
    """

    A_prev: Array
    W: Array
    b: Array


class LayerCache(NamedTuple):
    """What a layer remembers for the way back; any tuple of the two will do.

    Attributes
    ----------
    linear : LinearCache
        `(A_prev, W, b)`.
    activation : array
        `Z`, (n_l, m).
    """

    linear: LinearCache
    activation: Array


@undisturbed
def linear_forward(
    A: Array, W: Array, b: Array, *, xp: Namespace | None = None
) -> tuple[Array, LinearCache]:
    """Linear part of a layer, Z = W A + b.

    Parameters
    ----------
    A : array
        The layer's input, (n_{l−1}, m).
    W : array
        (n_l, n_{l−1}).
    b : array
        (n_l, 1).
    xp : namespace, optional
        The arrays' namespace, if the caller has checked them.

    Returns
    -------
    Z : array
        (n_l, m).
    cache : LinearCache
        `(A, W, b)`.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import linear_forward
    >>> A, W, b = np.ones((3, 4)), np.ones((2, 3)), np.array([[0.0], [-5.0]])
    >>> Z, cache = linear_forward(A, W, b)
    >>> Z.shape
    (2, 4)
    >>> Z[:, 0]
    array([ 3., -2.])
    """
    if xp is None:
        xp = common_namespace({"A": A, "W": W, "b": b})
        check_layer(W, b)
        check_input(A, W.shape[1], "A", "W")
    return linear(W, A, b), LinearCache(A, W, b)


@undisturbed
def linear_activation_forward(
    A_prev: Array,
    W: Array,
    b: Array,
    activation: str | Activation,
    *,
    xp: Namespace | None = None,
) -> tuple[Array, LayerCache]:
    """Run a layer, A = g(W A_prev + b).

    Parameters
    ----------
    A_prev : array
        The layer's input, (n_{l−1}, m).
    W : array
        (n_l, n_{l−1}).
    b : array
        (n_l, 1).
    activation : str or Activation
        g; see `get_activation`.
    xp : namespace, optional
        The arrays' namespace, if the caller has checked them.

    Returns
    -------
    A : array
        (n_l, m).
    cache : LayerCache
        `((A_prev, W, b), Z)`.

    Raises
    ------
    SettingError
        If the activation is unknown.
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import linear_activation_forward
    >>> A_prev, W, b = np.ones((3, 4)), np.ones((2, 3)), np.array([[0.0], [-5.0]])
    >>> A, cache = linear_activation_forward(A_prev, W, b, "relu")
    >>> A[:, 0]
    array([3., 0.])
    """
    g = get_activation(activation)
    if xp is None:
        xp = common_namespace({"A_prev": A_prev, "W": W, "b": b})
        check_layer(W, b)
        check_input(A_prev, W.shape[1], "A_prev", "W")
    Z, linear_cache = linear_forward(A_prev, W, b, xp=xp)
    A, activation_cache = g.forward(Z, xp=xp)
    return A, LayerCache(linear_cache, activation_cache)


@undisturbed
def linear_backward(
    dZ: Array,
    cache: LinearCache | tuple[Array, Array, Array],
    *,
    input_gradient: bool = True,
    xp: Namespace | None = None,
) -> tuple[Array | None, Array, Array]:
    """Linear part of a layer backward, for the cost as a mean over m samples.

    dW = (1/m) dZ A_prevᵀ, db = (1/m) Σ dZ over the samples, dA_prev = Wᵀ dZ (not divided by m, as
    the course has it).

    Parameters
    ----------
    dZ : array
        Derivative of m times the cost by Z, (n_l, m).
    cache : LinearCache or tuple
        `(A_prev, W, b)`, as `linear_forward` returned it.
    input_gradient : bool
        Whether dA_prev is wanted; for the first layer of a wide network it is a third of the work.
    xp : namespace, optional
        The arrays' namespace, if the caller has checked them.

    Returns
    -------
    dA_prev : array or None
        (n_{l−1}, m), or None if not wanted.
    dW : array
        Shape of W.
    db : array
        Shape of b.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import linear_backward, linear_forward
    >>> A_prev, W, b = np.ones((3, 4)), np.ones((2, 3)), np.zeros((2, 1))
    >>> Z, cache = linear_forward(A_prev, W, b)
    >>> dA_prev, dW, db = linear_backward(np.ones((2, 4)), cache)
    >>> dA_prev.shape, dW.shape, db.shape
    ((3, 4), (2, 3), (2, 1))
    """
    if xp is None:
        xp = _check_backward({"dZ": dZ}, *check_linear_cache(cache))
        check_flag(input_gradient, "input_gradient")
    A_prev, W, _ = cache
    m = A_prev.shape[1]
    dW = dZ @ A_prev.T / m
    db = xp.sum(dZ, axis=1, keepdims=True) / m
    dA_prev = input_derivative(W, dZ) if input_gradient else None
    return dA_prev, dW, db


@undisturbed
def linear_activation_backward(
    dA: Array,
    cache: LayerCache | tuple[tuple[Array, Array, Array], Array],
    activation: str | Activation,
    *,
    input_gradient: bool = True,
    xp: Namespace | None = None,
) -> tuple[Array | None, Array, Array]:
    """Run a layer backward: dZ = dA · g′(Z), then `linear_backward`.

    Parameters
    ----------
    dA : array
        Derivative of m times the cost by A, (n_l, m).
    cache : LayerCache or tuple
        `((A_prev, W, b), Z)`, as `linear_activation_forward` returned it.
    activation : str or Activation
        g; see `get_activation`.
    input_gradient : bool
        Whether dA_prev is wanted.
    xp : namespace, optional
        The arrays' namespace, if the caller has checked them.

    Returns
    -------
    dA_prev : array or None
        (n_{l−1}, m), or None if not wanted.
    dW : array
        Shape of W.
    db : array
        Shape of b.

    Raises
    ------
    SettingError
        If the activation is unknown.
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import linear_activation_backward, linear_activation_forward
    >>> A_prev, W, b = np.ones((3, 4)), np.ones((2, 3)), np.array([[0.0], [-5.0]])
    >>> A, cache = linear_activation_forward(A_prev, W, b, "relu")
    >>> dA_prev, dW, db = linear_activation_backward(np.ones((2, 4)), cache, "relu")
    >>> dW  # no gradient through the second unit, which the ReLU cuts off
    array([[1., 1., 1.],
           [0., 0., 0.]])
    """
    g = get_activation(activation)
    if xp is None:
        (A_prev, W, b), Z = check_cache(cache)
        xp = _check_backward({"dA": dA, "Z": Z}, A_prev, W, b)
        check_flag(input_gradient, "input_gradient")
    linear_cache, Z = cache
    dZ = g.backward(dA, Z, xp=xp)
    return linear_backward(dZ, linear_cache, input_gradient=input_gradient, xp=xp)


def check_linear_cache(cache: object) -> tuple[Array, Array, Array]:
    """Check that something is the cache of a linear part.

    Parameters
    ----------
    cache : object
        To be a tuple `(A_prev, W, b)`.

    Returns
    -------
    tuple
        The same.

    Raises
    ------
    ShapeError
        If it is anything else.
    """
    if not isinstance(cache, tuple | list) or len(cache) != 3:
        raise ShapeError("the linear cache is not (A_prev, W, b), as linear_forward returns it")
    A_prev, W, b = cache
    return A_prev, W, b


def check_cache(cache: object) -> tuple[tuple[Array, Array, Array], Array]:
    """Check that something is the cache of a layer.

    Parameters
    ----------
    cache : object
        To be a tuple `((A_prev, W, b), Z)`.

    Returns
    -------
    tuple
        The same.

    Raises
    ------
    ShapeError
        If it is anything else.
    """
    if not isinstance(cache, tuple | list) or len(cache) != 2:
        raise ShapeError(
            "the cache is not ((A_prev, W, b), Z), as linear_activation_forward returns it"
        )
    return check_linear_cache(cache[0]), cache[1]


def _check_backward(outputs: dict[str, Array], A_prev: Array, W: Array, b: Array) -> Namespace:
    """Check a layer's cache against what comes back, at the door."""
    xp = common_namespace({**outputs, "A_prev": A_prev, "W": W, "b": b})
    check_layer(W, b)
    check_input(A_prev, W.shape[1], "A_prev", "W")
    for name, array in outputs.items():
        check_same_shape(array, (W.shape[0], A_prev.shape[1]), name, "the layer's Z")
    return xp
