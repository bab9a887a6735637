"""A training step in better arithmetic, and what rounding may make of it: running error analysis.

Every array is carried with a bound of its error, element by element, through the textbook's
formulas to first order (Wilkinson's running error analysis; Higham 2002, section 3.3): each
operation passes on the errors of its inputs by its derivative and adds its own rounding, from
`bounds`. So the bound holds for whoever computes the step in the dtype, whatever the order, and
however operations are fused; it is far wider than those of single operations. A ReLU whose |Z| is
within its error may be open or shut: then all of dA is uncertain.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from portable_dnn.activations import Activation
from portable_dnn.backend import HostArray
from portable_dnn.equivalence.accuracy import Accuracy
from portable_dnn.equivalence.bounds import bound, unit_roundoff
from portable_dnn.equivalence.functions import evaluate
from portable_dnn.equivalence.operations import slope_of
from portable_dnn.equivalence.precise import Pair, add, divide, multiply, pair, product, subtract
from portable_dnn.equivalence.truth import LARGEST_MAP

__all__ = ["Stepped", "Value", "exact_step", "known"]

_FOLDED = 4
"""Further roundings that a step may make at an element: α, m, α / m and what they multiply."""


class Value(NamedTuple):
    """An array in better arithmetic, and what rounding may make of it.

    Attributes
    ----------
    exact : Pair
        The array.
    error : numpy.ndarray
        Bound of the error of whoever computes it in the dtype, absolute, float64.
    """

    exact: Pair
    error: HostArray


class Stepped(NamedTuple):
    """A step.

    Attributes
    ----------
    parameters : dict of str to Value
        After the update.
    cost : Value
        Before it, from the logits.
    """

    parameters: dict[str, Value]
    cost: Value


class _Arithmetic(NamedTuple):
    """What is judged: a dtype, and a library."""

    dtype: np.dtype
    accuracy: Accuracy

    @property
    def u(self) -> float:
        """Unit roundoff."""
        return unit_roundoff(self.dtype)

    @property
    def lost(self) -> float:
        """What a result loses where it underflows."""
        information = np.finfo(self.dtype)
        flushes = self.accuracy.flushes
        return float(information.tiny if flushes else information.smallest_subnormal)

    def local(self, kind: str, size: HostArray, inner: int = 1) -> HostArray:
        """An operation's own rounding."""
        own = bound(kind, size, self.dtype, inner, self.accuracy, size.size).likely
        return own + self.lost * (inner + 1)


def known(x: HostArray) -> Value:
    """Return an input, which has no error.

    Parameters
    ----------
    x : numpy.ndarray
        As it was given, in the dtype that is judged.

    Returns
    -------
    Value
    """
    exact = pair(x)
    return Value(exact, np.zeros_like(exact.hi))


def exact_step(
    X: HostArray,
    Y: HostArray,
    parameters: Mapping[str, Value],
    activations: Sequence[Activation],
    rate: float,
    accuracy: Accuracy,
) -> Stepped:
    """Take a step of gradient descent.

    Parameters
    ----------
    X, Y : numpy.ndarray
        Input (n_x, m) and labels (1, m), in the dtype that is judged.
    parameters : mapping of str to Value
        `W1, b1 … WL, bL`, such as those of a step before.
    activations : sequence of Activation
        Those of the hidden layers.
    rate : float
        α.
    accuracy : Accuracy
        Of the library that is judged.

    Returns
    -------
    Stepped
    """
    a = _Arithmetic(X.dtype, accuracy)
    L, m = len(parameters) // 2, X.shape[1]
    A, Z = [known(X)], []
    for layer in range(1, L + 1):
        Z.append(_forward(a, A[-1], parameters[f"W{layer}"], parameters[f"b{layer}"]))
        if layer < L:
            A.append(_activate(a, activations[layer - 1], Z[-1]))
    dZ = _output(a, Z[-1], Y)
    after = {}
    for layer in range(L, 0, -1):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        ones = known(np.ones((1, m), X.dtype))
        after[f"W{layer}"] = _update(a, W, _gradient(a, dZ, A[layer - 1], m), rate)
        after[f"b{layer}"] = _update(a, b, _gradient(a, dZ, ones, m), rate)
        if layer > 1:
            dA = _product(a, _transposed(W), dZ)
            dZ = _differentiate(a, activations[layer - 2], dA, Z[layer - 2])
    return Stepped({name: after[name] for name in parameters}, _cost(a, Z[-1], Y))


def _transposed(x: Value) -> Value:
    """Transpose."""
    return Value(Pair(x.exact.hi.T, x.exact.lo.T), x.error.T)


def _product(a: _Arithmetic, x: Value, y: Value) -> Value:
    """Matrix product."""
    inner = x.error.shape[1]
    wide = a.dtype == np.float64
    exact = product(x.exact, y.exact) if wide else pair(x.exact.hi @ y.exact.hi)
    size_x, size_y = np.abs(x.exact.hi), np.abs(y.exact.hi)
    error = a.local("product", size_x @ size_y, inner + _FOLDED)
    if x.error.any():
        error = error + x.error @ (size_y + y.error)
    if y.error.any():
        error = error + size_x @ y.error
    return Value(exact, error)


def _forward(a: _Arithmetic, A: Value, W: Value, b: Value) -> Value:
    """Linear part: W A + b."""
    P = _product(a, W, A)
    Z = add(P.exact, b.exact)
    size = np.abs(Z.hi) + np.abs(b.exact.hi)
    return Value(Z, P.error + b.error + a.local("pixels", size))


def _reaching(Z: Value) -> Pair:
    """The value nearest to 0 that Z may have, where slopes are largest."""
    return pair(np.maximum(np.abs(Z.exact.hi) - Z.error, 0.0))


def _evaluate(a: _Arithmetic, function: str, z: Pair) -> Value:
    """Evaluate a function; of many float64 numbers in float64, whose error counts then."""
    if a.dtype == np.float64 and z.hi.size > LARGEST_MAP:
        plain = evaluate(function, pair(z.hi), np.dtype(np.float32))
        return Value(plain, np.abs(plain.hi) * 16.0 * a.u)
    exact = evaluate(function, z, a.dtype)
    return Value(exact, np.zeros_like(exact.hi))


def _activate(a: _Arithmetic, g: Activation, Z: Value) -> Value:
    """An activation: its Lipschitz constant near Z passes the error on."""
    kind = g.name.partition(":")[0]
    z = Z.exact
    if kind in ("relu", "leaky_relu"):
        factor = 0.0 if kind == "relu" else slope_of(g)
        shut = multiply(z, pair(np.asarray(factor)))
        value = Pair(*(np.where(z.hi > 0, x, y) for x, y in zip(z, shut, strict=True)))
        steepest = np.where(z.hi > -Z.error, max(1.0, abs(factor)), abs(factor))
        own = a.local("slope", np.abs(shut.hi)) if factor else 0.0
        return Value(value, steepest * Z.error + own)
    found = _evaluate(a, kind, z)
    steepest = evaluate(f"{kind} slope", _reaching(Z), np.dtype(np.float32)).hi
    own = a.local(kind, np.abs(found.exact.hi))
    # A sigmoid may also be computed from tanh, to an absolute error.
    return Value(found.exact, steepest * Z.error + own + found.error + a.u * _sigmoid_units(a))


def _sigmoid_units(a: _Arithmetic) -> float:
    """Absolute error of tanh(z / 2) / 2 + 1/2 in units of u, where tanh has its documented one."""
    return a.accuracy.tanh + 2.0


def _output(a: _Arithmetic, Z: Value, Y: HostArray) -> Value:
    """Derivative by the logits, σ(Z) − Y."""
    A = _evaluate(a, "sigmoid", Z.exact)
    value = subtract(A.exact, pair(Y))
    steepest = evaluate("sigmoid slope", _reaching(Z), np.dtype(np.float32)).hi
    own = a.local("sigmoid", A.exact.hi) + a.u * _sigmoid_units(a)
    return Value(value, steepest * Z.error + A.error + own + a.u * np.abs(value.hi))


def _differentiate(a: _Arithmetic, g: Activation, dA: Value, Z: Value) -> Value:
    """Derivative through an activation."""
    kind = g.name.partition(":")[0]
    z = Z.exact.hi
    if kind in ("relu", "leaky_relu"):
        factor = 0.0 if kind == "relu" else slope_of(g)
        shut = multiply(dA.exact, pair(np.asarray(factor)))
        value = Pair(*(np.where(z > 0, x, y) for x, y in zip(dA.exact, shut, strict=True)))
        doubtful = np.abs(z) <= Z.error
        gap = np.where(doubtful, abs(1.0 - factor) * (np.abs(dA.exact.hi) + dA.error), 0.0)
        steepest = np.where(z > 0, 1.0, abs(factor))
        own = a.local("slope", np.abs(shut.hi)) if factor else 0.0
        return Value(value, steepest * dA.error + gap + own)
    slope = _evaluate(a, f"{kind} slope", Z.exact)
    value = multiply(dA.exact, slope.exact)
    steepest = evaluate(f"{kind} slope", _reaching(Z), np.dtype(np.float32)).hi
    # |g″| is at most 2 g′ for tanh, and at most g′ for the sigmoid.
    moved = np.abs(dA.exact.hi) * (2.0 * steepest * Z.error + slope.error)
    own = a.local(f"{kind} slope", np.abs(value.hi)) + np.abs(dA.exact.hi) * 8.0 * a.lost
    return Value(value, steepest * dA.error + moved + own)


def _gradient(a: _Arithmetic, dZ: Value, A: Value, m: int) -> Value:
    """Gradient of a layer's weights, dZ Aᵀ / m; of its bias with ones in the place of A."""
    G = _product(a, dZ, _transposed(A))
    return Value(divide(G.exact, m), G.error / m)


def _update(a: _Arithmetic, x: Value, gradient: Value, rate: float) -> Value:
    """New parameters, x − α gradient."""
    move = multiply(gradient.exact, pair(np.asarray(rate)))
    after = subtract(x.exact, move)
    size = np.abs(after.hi) + np.abs(move.hi) * _FOLDED
    return Value(after, x.error + rate * gradient.error + a.local("arithmetic", size))


def _cost(a: _Arithmetic, Z: Value, Y: HostArray) -> Value:
    """Cost from the logits; its derivative by each is at most 1 / m."""
    z, m = Z.exact, Z.error.shape[1]
    wrong = np.where(Y == 1, z.hi <= 0, z.hi >= 0)
    losses = _evaluate(a, "softplus", z)
    magnitude = Pair(*(np.where(wrong, np.copysign(1.0, z.hi) * part, 0.0) for part in z))
    each = add(magnitude, losses.exact)
    exact = divide(product(each, pair(np.ones((m, 1)))), m)
    size = np.abs(z.hi) + np.abs(losses.exact.hi)
    own = a.local("cost from logits", np.asarray(size.sum() / m), m)
    error = np.asarray((Z.error + losses.error).sum() / m) + own
    return Value(Pair(exact.hi.reshape(()), exact.lo.reshape(())), error)
