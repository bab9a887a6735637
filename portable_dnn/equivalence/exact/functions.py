"""The functions of a training step, more accurate than judged ones: in float64, or in decimals."""

from collections.abc import Callable
from decimal import Context, Decimal, localcontext

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.pairs import DIGITS, Pair, decimals, from_decimals
from portable_dnn.network.activations import Activation

__all__ = ["FUNCTIONS", "evaluate", "kind_of", "negative_slope"]


def _sigmoid(z: Decimal) -> Decimal:
    """1 / (1 + e^−z)."""
    e = (-abs(z)).exp()
    return (1 if z >= 0 else e) / (1 + e)


def _tanh(z: Decimal) -> Decimal:
    """Hyperbolic tangent; where 1 − e^−2z cancels, its series z − z³/3 + 2z⁵/15."""
    if abs(z) < Decimal("1e-12"):
        return z - z**3 / 3 + 2 * z**5 / 15
    e = (-2 * abs(z)).exp()
    return ((1 - e) / (1 + e)).copy_sign(z)


def _sigmoid_slope(z: Decimal) -> Decimal:
    """Derivative of the sigmoid."""
    e = (-abs(z)).exp()
    return e / ((1 + e) * (1 + e))


def _tanh_slope(z: Decimal) -> Decimal:
    """Derivative of tanh."""
    e = (-2 * abs(z)).exp()
    return 4 * e / ((1 + e) * (1 + e))


def _softplus(z: Decimal) -> Decimal:
    """log(1 + e^−|z|); where 1 + e rounds to 1, the series e − e²/2."""
    e = (-abs(z)).exp()
    return (1 + e).ln() if e > Decimal("1e-25") else e - e * e / 2


def _log(x: Decimal) -> Decimal:
    """Natural logarithm of a positive number."""
    return x.ln()


_DECIMAL: dict[str, Callable[[Decimal], Decimal]] = {
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "sigmoid slope": _sigmoid_slope,
    "tanh slope": _tanh_slope,
    "softplus": _softplus,
    "log": _log,
}


def _stable_sigmoid(z: HostArray) -> HostArray:
    """1 / (1 + e^−z) without overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def _stable_slope(z: HostArray) -> HostArray:
    """σ(z) σ(−z) without overflow."""
    e = np.exp(-np.abs(z))
    return e / (1.0 + e) ** 2


_FLOAT64: dict[str, Callable[[HostArray], HostArray]] = {
    "sigmoid": _stable_sigmoid,
    "tanh": np.tanh,
    "sigmoid slope": _stable_slope,
    "tanh slope": lambda z: 4.0 * _stable_slope(2.0 * z),
    "softplus": lambda z: np.log1p(np.exp(-np.abs(z))),
    "log": np.log,
}

FUNCTIONS = tuple(_DECIMAL)
"""What `evaluate` knows."""


def kind_of(g: Activation) -> str:
    """Name an activation without its settings, such as "leaky_relu"."""
    return g.name.partition(":")[0]


def negative_slope(g: Activation) -> float | None:
    """Return the slope of ReLU or leaky ReLU below 0; None for what is no ReLU."""
    kind, _, setting = g.name.partition(":")
    if kind == "leaky_relu":
        return float(setting) if setting else 0.01
    return 0.0 if kind == "relu" else None


def evaluate(function: str, x: Pair, dtype: np.dtype) -> Pair:
    """Evaluate a function so well that a result in a dtype can be judged.

    Parameters
    ----------
    function : str
        One of `FUNCTIONS`; "softplus" is log(1 + e^−|z|), a "slope" is a derivative.
    x : Pair
        Arguments; NaN and infinity too.
    dtype : numpy.dtype
        What is judged: for float32, float64 is enough (its functions are right to a few units of
        2⁻⁵³, which is 2⁻²⁷ of a unit of float32); for float64 it is `decimal`.

    Returns
    -------
    Pair
    """
    with np.errstate(under="ignore", invalid="ignore"):
        plain = np.asarray(_FLOAT64[function](x.hi))
    if dtype == np.float32:
        return Pair(plain, np.zeros_like(x.hi))
    finite = np.isfinite(x.hi)
    known = Pair(np.where(finite, x.hi, 1.0), np.where(finite, x.lo, 0.0))
    with localcontext(Context(prec=DIGITS)):
        value = from_decimals([_DECIMAL[function](z) for z in decimals(known)], x.hi.shape)
    return Pair(np.where(finite, value.hi, plain), np.where(finite, value.lo, 0.0))
