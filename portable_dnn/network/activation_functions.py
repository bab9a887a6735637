"""Activation functions, each a pair: the value and the derivative.

`forward(Z) -> (A, cache)` and `backward(dA, cache) -> dZ`, with `cache = Z` as in the course. They
are elementwise, take arrays of any library and shape, and keep the dtype. Nothing overflows, warns
or turns into NaN for any finite `Z`.
"""

from portable_dnn.arrays.contract import Array, Namespace
from portable_dnn.arrays.namespaces import common_namespace
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.arrays.shapes import check_same_shape
from portable_dnn.setting_checks import check_number

__all__ = [
    "leaky_relu",
    "leaky_relu_backward",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "tanh",
    "tanh_backward",
]


_SLOPE = "a finite number would be right, such as 0.01"


def sigmoid(Z: Array, *, xp: Namespace | None = None) -> tuple[Array, Array]:
    """Logistic sigmoid, 1 / (1 + e^−Z).

    Parameters
    ----------
    Z : array
        Any shape, floating.
    xp : namespace, optional
        The array's namespace, if the caller has looked it up.

    Returns
    -------
    A : array
        Shape and dtype of `Z`, in [0, 1].
    cache : array
        `Z`, for `sigmoid_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import sigmoid
    >>> A, cache = sigmoid(np.array([[-1000.0, 0.0, 1000.0]]))
    >>> A
    array([[0. , 0.5, 1. ]])
    """
    if xp is None:
        return undisturbed(sigmoid)(Z, xp=common_namespace({"Z": Z}))
    e = xp.exp(-xp.abs(Z))  # in (0, 1], so that neither side of the sigmoid can overflow
    return xp.where(Z >= 0, 1.0 / (1.0 + e), e / (1.0 + e)), Z


def sigmoid_backward(dA: Array, cache: Array, *, xp: Namespace | None = None) -> Array:
    """Derivative through the sigmoid, dA · σ(Z) · σ(−Z).

    Parameters
    ----------
    dA : array
        Derivative of the cost by `A`.
    cache : array
        `Z`, as `sigmoid` returned it.
    xp : namespace, optional
        The arrays' namespace, if the caller has looked it up.

    Returns
    -------
    array
        `dZ`, shape and dtype of `Z`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import sigmoid, sigmoid_backward
    >>> A, cache = sigmoid(np.array([[0.0, 1000.0]]))
    >>> sigmoid_backward(np.ones((1, 2)), cache)
    array([[0.25, 0.  ]])
    """
    if xp is None:
        return undisturbed(sigmoid_backward)(dA, cache, xp=_check_backward(dA, cache))
    # Not A (1 − A): where A rounds to 1, σ(−Z) still has all its digits.
    e = xp.exp(-xp.abs(cache))
    return dA * (e / ((1.0 + e) * (1.0 + e)))


def tanh(Z: Array, *, xp: Namespace | None = None) -> tuple[Array, Array]:
    """Hyperbolic tangent.

    Parameters
    ----------
    Z : array
        Any shape, floating.
    xp : namespace, optional
        The array's namespace, if the caller has looked it up.

    Returns
    -------
    A : array
        Shape and dtype of `Z`, in [−1, 1].
    cache : array
        `Z`, for `tanh_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import tanh
    >>> A, cache = tanh(np.array([[-1000.0, 0.0, 1000.0]]))
    >>> A
    array([[-1.,  0.,  1.]])
    """
    if xp is None:
        return undisturbed(tanh)(Z, xp=common_namespace({"Z": Z}))
    return xp.tanh(Z), Z


def tanh_backward(dA: Array, cache: Array, *, xp: Namespace | None = None) -> Array:
    """Derivative through tanh, dA · (1 − tanh² Z) = dA · 4 e^−2|Z| / (1 + e^−2|Z|)².

    Parameters
    ----------
    dA : array
        Derivative of the cost by `A`.
    cache : array
        `Z`, as `tanh` returned it.
    xp : namespace, optional
        The arrays' namespace, if the caller has looked it up.

    Returns
    -------
    array
        `dZ`, shape and dtype of `Z`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import tanh, tanh_backward
    >>> A, cache = tanh(np.array([[0.0, 1000.0]]))
    >>> tanh_backward(np.ones((1, 2)), cache)
    array([[1., 0.]])
    """
    if xp is None:
        return undisturbed(tanh_backward)(dA, cache, xp=_check_backward(dA, cache))
    # Not 1 − A²: where A rounds to 1, this still has all its digits.
    e = xp.exp(-xp.abs(cache))
    e = e * e
    return dA * (4.0 * e / ((1.0 + e) * (1.0 + e)))


def relu(Z: Array, *, xp: Namespace | None = None) -> tuple[Array, Array]:
    """Rectified linear unit, max(Z, 0).

    Parameters
    ----------
    Z : array
        Any shape, floating.
    xp : namespace, optional
        The array's namespace, if the caller has looked it up.

    Returns
    -------
    A : array
        Shape and dtype of `Z`, not negative; NaN stays NaN.
    cache : array
        `Z`, for `relu_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import relu
    >>> A, cache = relu(np.array([[-2.0, 0.0, 3.0]]))
    >>> A
    array([[0., 0., 3.]])
    """
    if xp is None:
        return undisturbed(relu)(Z, xp=common_namespace({"Z": Z}))
    return xp.maximum(Z, 0.0), Z


def relu_backward(dA: Array, cache: Array, *, xp: Namespace | None = None) -> Array:
    """Derivative through ReLU: dA where Z > 0, else 0; relu'(0) = 0.

    Parameters
    ----------
    dA : array
        Derivative of the cost by `A`.
    cache : array
        `Z`, as `relu` returned it.
    xp : namespace, optional
        The arrays' namespace, if the caller has looked it up.

    Returns
    -------
    array
        `dZ`, shape and dtype of `Z`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import relu, relu_backward
    >>> A, cache = relu(np.array([[-2.0, 0.0, 3.0]]))
    >>> relu_backward(np.array([[5.0, 6.0, 7.0]]), cache)
    array([[0., 0., 7.]])
    """
    if xp is None:
        return undisturbed(relu_backward)(dA, cache, xp=_check_backward(dA, cache))
    # Not dA times the mask: 0 · ∞ is NaN, which XLA turns into 0 where it compiles, and others not.
    return xp.where(cache > 0, dA, 0.0)


def leaky_relu(
    Z: Array, slope: float = 0.01, *, xp: Namespace | None = None
) -> tuple[Array, Array]:
    """Leaky ReLU: Z where Z > 0, else slope · Z.

    Parameters
    ----------
    Z : array
        Any shape, floating.
    slope : float
        Slope of the negative side; a Python number, so that it cannot promote the dtype.
    xp : namespace, optional
        The array's namespace, if the caller has looked it up.

    Returns
    -------
    A : array
        Shape and dtype of `Z`.
    cache : array
        `Z`, for `leaky_relu_backward`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import leaky_relu
    >>> A, cache = leaky_relu(np.array([[-2.0, 0.0, 3.0]]), slope=0.25)
    >>> A
    array([[-0.5,  0. ,  3. ]])
    """
    if xp is None:
        slope = check_number(slope, "slope", _SLOPE)
        return undisturbed(leaky_relu)(Z, slope, xp=common_namespace({"Z": Z}))
    return xp.where(Z > 0, Z, float(slope) * Z), Z


def leaky_relu_backward(
    dA: Array, cache: Array, slope: float = 0.01, *, xp: Namespace | None = None
) -> Array:
    """Derivative through leaky ReLU: dA where Z > 0, else slope · dA (at 0 too).

    Parameters
    ----------
    dA : array
        Derivative of the cost by `A`.
    cache : array
        `Z`, as `leaky_relu` returned it.
    slope : float
        The slope that `leaky_relu` was given.
    xp : namespace, optional
        The arrays' namespace, if the caller has looked it up.

    Returns
    -------
    array
        `dZ`, shape and dtype of `Z`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import leaky_relu, leaky_relu_backward
    >>> A, cache = leaky_relu(np.array([[-2.0, 0.0, 3.0]]), slope=0.25)
    >>> leaky_relu_backward(np.ones((1, 3)), cache, slope=0.25)
    array([[0.25, 0.25, 1.  ]])
    """
    if xp is None:
        slope = check_number(slope, "slope", _SLOPE)
        return undisturbed(leaky_relu_backward)(dA, cache, slope, xp=_check_backward(dA, cache))
    return xp.where(cache > 0, dA, float(slope) * dA)


def _check_backward(dA: Array, cache: Array) -> Namespace:
    """Check at the door that a derivative belongs to a cache."""
    xp = common_namespace({"dA": dA, "cache": cache})
    check_same_shape(dA, cache.shape, "dA", "the cache")
    return xp
