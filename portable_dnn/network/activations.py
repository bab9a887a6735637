"""Activation functions, each a pair: the value and the derivative.

`forward(Z) -> (A, cache)` and `backward(dA, cache) -> dZ`, with `cache = Z` as in the course. They
are elementwise, take arrays of any library and shape, and keep the dtype. Nothing overflows, warns
or turns into NaN for any finite `Z`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from types import MappingProxyType
from typing import TypeAlias

from portable_dnn.arrays.contract import Array, Namespace
from portable_dnn.arrays.namespaces import common_namespace
from portable_dnn.arrays.shapes import check_same_shape
from portable_dnn.errors import SettingError

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
    """
    xp = xp or common_namespace({"Z": Z})
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
    """
    xp = xp or _check_backward(dA, cache)
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
    """
    xp = xp or common_namespace({"Z": Z})
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
    """
    xp = xp or _check_backward(dA, cache)
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
    """
    xp = xp or common_namespace({"Z": Z})
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
    """
    xp = xp or _check_backward(dA, cache)
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
    """
    xp = xp or common_namespace({"Z": Z})
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
    """
    xp = xp or _check_backward(dA, cache)
    return xp.where(cache > 0, dA, float(slope) * dA)


def _check_backward(dA: Array, cache: Array) -> Namespace:
    """Check at the door that a derivative belongs to a cache."""
    xp = common_namespace({"dA": dA, "cache": cache})
    check_same_shape(dA, cache.shape, "dA", "the cache")
    return xp


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
    """

    name: str
    forward: Callable[..., tuple[Array, Array]]
    backward: Callable[..., Array]
    rectifies: bool = False

    def __str__(self) -> str:
        return self.name


ACTIVATIONS = MappingProxyType(
    {
        "relu": Activation("relu", relu, relu_backward, rectifies=True),
        "leaky_relu": Activation("leaky_relu", leaky_relu, leaky_relu_backward),
        "tanh": Activation("tanh", tanh, tanh_backward),
        "sigmoid": Activation("sigmoid", sigmoid, sigmoid_backward),
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
        "relu", "leaky_relu", "tanh" or "sigmoid"; "leaky_relu:0.2" sets the slope.

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
    kind, _, setting = str(name).partition(":")
    if kind == "leaky_relu":
        return _leaky(name, setting)
    raise SettingError(
        f"unknown activation {name!r}; use {', '.join(ACTIVATIONS)} or leaky_relu:SLOPE"
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
        name, partial(leaky_relu, slope=slope), partial(leaky_relu_backward, slope=slope)
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
    if not isinstance(hidden, Iterable):
        raise SettingError(
            f"the hidden activation is {hidden!r}; a name such as 'relu', or a list, would be right"
        )
    found = _Resolved(get_activation(name) for name in hidden)
    if len(found) != count:
        raise SettingError(
            f"{len(found)} hidden activations ({', '.join(a.name for a in found)}) for {count} "
            "hidden layers; give one for all or one for each"
        )
    return found
