"""A training step in better arithmetic, and what rounding may make of it: running error analysis.

Every array is carried through the textbook's formulas, to first order, with two measures of its
error, element by element (Wilkinson's running error analysis; Higham 2002, section 3.3):

- a bound of what may be systematic: the errors of functions and single roundings, which are
  propagated with the magnitudes of derivatives, Σ |W| |e|;
- a standard deviation of many independent roundings: those of products and sums, which are
  propagated with their squares, Σ W² σ². A product's own is that of `limits.noise`. Where terms
  repeat they are not independent: equal samples, equal features and equal terms have equal errors,
  and those of c such terms add up to c times one, not √c times.

Under the assumption of `limits.rounding` such an error is sub-Gaussian with variance 3 σ², so that
all of N elements are within √3 σ √(2 log(2 N / δ)), except with a probability of δ; a factor of 2
allows for other orders of summation, as in `limits.noise`. That and the bound make the limit. It
holds for any computation of the step in the dtype, however operations are fused. A ReLU whose |Z|
is within its limit may be open or shut: then all of dA is uncertain. Where numbers may overflow on
the way, nothing is known about what becomes of them: the limit is infinite or NaN.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.functions import evaluate, kind_of, negative_slope
from portable_dnn.equivalence.exact.pairs import (
    Pair,
    add,
    divide,
    multiply,
    pair,
    product,
    subtract,
)
from portable_dnn.equivalence.exact.running_value import (
    FOLDED,
    Arithmetic,
    Value,
    evaluated,
    known,
    matmul,
    own_rounding,
    transposed,
    within,
)
from portable_dnn.equivalence.limits.accuracy import Accuracy
from portable_dnn.equivalence.limits.repeats import class_sizes
from portable_dnn.network.activations import Activation
from portable_dnn.training.settings import Settings

__all__ = ["Apart", "Stepped", "exact_step"]


class Apart(NamedTuple):
    """Layer 1 after an update, its deviations told apart by where they come from.

    Attributes
    ----------
    W, b : Value
        With the deviation of the update's own roundings, which differ from weight to weight.
    carried : numpy.ndarray
        Deviation of Z1 = W1 X + b1 that comes of dZ1's. A sample's error there is in all weights at
        once, in proportion to its picture: by the products of the samples with each other it comes
        back, and not as that of many independent weights.
    """

    W: Value
    b: Value
    carried: HostArray


class Stepped(NamedTuple):
    """A step.

    Attributes
    ----------
    parameters : dict of str to Value
        After the update.
    cost : Value
        Before it, from the logits.
    Z1 : Value or None
        In the span: layer 1 after the update, as the span computes it.
    apart : Apart or None
        Held by its weights: what the next step makes its errors of.
    """

    parameters: dict[str, Value]
    cost: Value
    Z1: Value | None
    apart: Apart | None


def exact_step(
    X: HostArray,
    Y: HostArray,
    parameters: Mapping[str, Value],
    settings: Settings,
    accuracy: Accuracy,
    K: HostArray | None = None,
    Z1: Value | None = None,
    apart: Apart | None = None,
) -> Stepped:
    """Take a step of gradient descent.

    Parameters
    ----------
    X, Y : numpy.ndarray
        Input (n_x, m) and labels (1, m), in the dtype that is judged.
    parameters : mapping of str to Value
        `W1, b1 … WL, bL`, such as those of a step before.
    settings : Settings
        Activations and learning rate.
    accuracy : Accuracy
        Of the library that is judged.
    K : numpy.ndarray, optional
        Xᵀ X + 1, float64, if another step follows; without it that step's limits are wider.
    Z1 : Value, optional
        What the step before left in the span; None in the first step, and out of it.
    apart : Apart, optional
        What it left of layer 1 held by its weights; None in the first step, and in the span.

    Returns
    -------
    Stepped
    """
    a = Arithmetic(X.dtype, accuracy)
    activations, rate = settings.hidden_activations, settings.learning_rate
    L, m = len(parameters) // 2, X.shape[1]
    features, samples = class_sizes(X, X.dtype), class_sizes(X.T, X.dtype)
    A, Z = [known(X)], []
    for layer in range(1, L + 1):
        if layer == 1:
            Z.append(_first(a, A[0], parameters, features, Z1, apart))
        else:
            Z.append(_forward(a, A[-1], parameters[f"W{layer}"], parameters[f"b{layer}"]))
        if layer < L:
            A.append(_activate(a, activations[layer - 1], Z[-1]))
    # A derivative may carry α / m from the beginning.
    d = a._replace(folded=min(1.0, rate / m), grown=max(1.0, rate / m))
    dZ = _output(d, Z[-1], Y)
    after = {}
    for layer in range(L, 0, -1):
        W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
        ones = known(np.ones((1, m), X.dtype))
        after[f"W{layer}"] = _update(a, W, _gradient(d, dZ, A[layer - 1], samples), rate)
        after[f"b{layer}"] = _update(a, b, _gradient(d, dZ, ones, samples), rate)
        if layer > 1:
            dA = matmul(d, transposed(W), dZ)
            dZ = _differentiate(d, activations[layer - 2], dA, Z[layer - 2])
    found = {name: after[name] for name in parameters}, _cost(a, Z[-1], Y, samples)
    if K is None:
        return Stepped(*found, None, None)
    # K is rounded to the dtype.
    kernel = within(d, Value(pair(K), d.u * np.abs(K), np.zeros_like(K)), np.abs(K))
    move = matmul(d, dZ, kernel, samples)
    left = _apart(d, after["W1"], after["b1"], A[0], dZ, move, rate / m)
    return Stepped(*found, _moved(d, Z[0], move, rate / m), left)


def _first(
    a: Arithmetic,
    X: Value,
    parameters: Mapping[str, Value],
    features: HostArray,
    Z1: Value | None,
    apart: Apart | None,
) -> Value:
    """Layer 1's linear part; equal features have had equal gradients, and equal errors of them."""
    if Z1 is None:
        apart = apart or _at_once(X, parameters["W1"], parameters["b1"])
        Z = _forward(a, X, apart.W, apart.b, features)
        return Z._replace(deviation=np.hypot(Z.deviation, apart.carried))
    Z = _forward(a, X, parameters["W1"], parameters["b1"], features)
    return Value(Z.exact, Z1.error, Z1.deviation)


def _at_once(X: Value, W: Value, b: Value) -> Apart:
    """Do without K: deviations of all weights may agree, and then add up linearly."""
    carried = W.deviation @ np.abs(X.exact.hi) + b.deviation
    own = [value._replace(deviation=np.zeros_like(value.deviation)) for value in (W, b)]
    return Apart(own[0], own[1], carried)


def _apart(
    a: Arithmetic, W: Value, b: Value, X: Value, dZ1: Value, move: Value, share: float
) -> Apart:
    """Tell layer 1's own roundings from what dZ1's make of it."""
    ones = known(np.ones((X.exact.hi.shape[1], 1), a.dtype))
    own = [share * own_rounding(a, dZ1, y)[1] for y in (transposed(X), ones)]
    return Apart(W._replace(deviation=own[0]), b._replace(deviation=own[1]), share * move.deviation)


def _moved(a: Arithmetic, Z1: Value, move: Value, share: float) -> Value:
    """Layer 1 in the span after a step, Z1 − (α / m) dZ1 K, without its exact value."""
    # A few roundings more are those of α / m.
    size = np.abs(Z1.exact.hi) + (1 + FOLDED) * share * np.abs(move.exact.hi)
    error = Z1.error + share * move.error + a.local("arithmetic", size)
    after = Value(Z1.exact, error, np.hypot(Z1.deviation, share * move.deviation))
    return within(a, after, size)


def _forward(a: Arithmetic, A: Value, W: Value, b: Value, common: HostArray | None = None) -> Value:
    """Linear part: W A + b."""
    P = matmul(a, W, A, common)
    Z = add(P.exact, b.exact)
    size = np.abs(Z.hi) + np.abs(b.exact.hi)
    error = P.error + b.error + a.local("pixels", size)
    return within(a, Value(Z, error, np.hypot(P.deviation, b.deviation)), size)


def _steepest(kind: str, Z: Value) -> HostArray:
    """Largest slope of a sigmoid or tanh near Z: at the value nearest to 0 that Z may have."""
    nearest = pair(np.maximum(np.abs(Z.exact.hi) - Z.limit, 0.0))
    return evaluate(f"{kind} slope", nearest, np.dtype(np.float32)).hi


def _rectified(x: Pair, z: HostArray, below: float) -> tuple[Pair, HostArray]:
    """The branches of a (leaky) ReLU, or of its derivative, joined; and the one for z ≤ 0, |x|."""
    shut = multiply(x, pair(np.asarray(below)))
    value = Pair(*(np.where(z > 0, a, b) for a, b in zip(x, shut, strict=True)))
    return value, np.abs(shut.hi)


def _activate(a: Arithmetic, g: Activation, Z: Value) -> Value:
    """An activation: its Lipschitz constant near Z passes the error on."""
    kind, below, z = kind_of(g), negative_slope(g), Z.exact
    if below is not None:
        value, shut = _rectified(z, z.hi, below)
        steepest = np.where(z.hi > -Z.limit, max(1.0, abs(below)), abs(below))
        own = a.local("slope", shut) if below else 0.0
        return Value(value, steepest * Z.error + own, steepest * Z.deviation)
    found = evaluated(a, kind, z)
    steepest = _steepest(kind, Z)
    own = a.local(kind, np.abs(found.exact.hi))
    # A sigmoid may also be computed from tanh, to an absolute error.
    error = steepest * Z.error + own + found.error + _from_tanh(a)
    return Value(found.exact, error, steepest * Z.deviation)


def _from_tanh(a: Arithmetic) -> float:
    """Absolute error of tanh(z / 2) / 2 + 1/2, where tanh has its documented one."""
    return a.u * (a.accuracy.tanh + 2.0)


def _output(a: Arithmetic, Z: Value, Y: HostArray) -> Value:
    """Derivative by the logits, σ(Z) − Y."""
    A = evaluated(a, "sigmoid", Z.exact)
    value = subtract(A.exact, pair(Y))
    steepest = _steepest("sigmoid", Z)
    own = a.local("sigmoid", A.exact.hi) + _from_tanh(a)
    error = steepest * Z.error + A.error + own + a.u * np.abs(value.hi)
    return within(a, Value(value, error, steepest * Z.deviation), np.abs(value.hi))


def _differentiate(a: Arithmetic, g: Activation, dA: Value, Z: Value) -> Value:
    """Derivative through an activation."""
    kind, below, z = kind_of(g), negative_slope(g), Z.exact.hi
    if below is not None:
        value, shut = _rectified(dA.exact, z, below)
        doubtful = ~(np.abs(z) > Z.limit)  # also where the limit is NaN
        gap = np.where(doubtful, abs(1.0 - below) * (np.abs(dA.exact.hi) + dA.limit), 0.0)
        steepest = np.where(z > 0, 1.0, abs(below))
        own = a.local("slope", shut) if below else 0.0
        found = Value(value, steepest * dA.error + gap + own, steepest * dA.deviation)
        return within(a, found, np.abs(value.hi))
    slope = evaluated(a, f"{kind} slope", Z.exact)
    value = multiply(dA.exact, slope.exact)
    steepest = _steepest(kind, Z)
    # |g″| is at most 2 g′ for tanh, and at most g′ for the sigmoid.
    bent = 2.0 * steepest * np.abs(dA.exact.hi)
    moved = bent * Z.error + np.abs(dA.exact.hi) * slope.error
    own = a.local(f"{kind} slope", np.abs(value.hi)) + np.abs(dA.exact.hi) * 8.0 * a.lost
    deviation = np.hypot(steepest * dA.deviation, bent * Z.deviation)
    return Value(value, steepest * dA.error + moved + own, deviation)


def _gradient(a: Arithmetic, dZ: Value, A: Value, samples: HostArray) -> Value:
    """Gradient of a layer's weights, dZ Aᵀ / m; of its bias with ones in the place of A."""
    G, m = matmul(a, dZ, transposed(A), samples), len(samples)
    return Value(divide(G.exact, m), G.error / m, G.deviation / m)


def _update(a: Arithmetic, x: Value, gradient: Value, rate: float) -> Value:
    """New parameters, x − α gradient."""
    move = multiply(gradient.exact, pair(np.asarray(rate)))
    after = subtract(x.exact, move)
    size = np.abs(after.hi) + np.abs(move.hi) * FOLDED
    error = x.error + rate * gradient.error + a.local("arithmetic", size)
    found = Value(after, error, np.hypot(x.deviation, rate * gradient.deviation))
    return within(a, found, size)


def _cost(a: Arithmetic, Z: Value, Y: HostArray, samples: HostArray) -> Value:
    """Cost from the logits; its derivative by each is at most 1 / m."""
    z, m = Z.exact, Z.error.shape[1]
    wrong = np.where(Y == 1, z.hi <= 0, z.hi >= 0)
    losses = evaluated(a, "softplus", z)
    magnitude = Pair(*(np.where(wrong, np.copysign(1.0, z.hi) * part, 0.0) for part in z))
    each = add(magnitude, losses.exact)
    exact = divide(product(each, pair(np.ones((m, 1)))), m)
    # A sum of losses, or of their parts; each loss has the error of its functions, and a few more.
    size = np.abs(z.hi) + np.abs(losses.exact.hi)
    own = a.local("cost from logits", np.asarray(size.sum() / m), 1)
    error = np.asarray((Z.error + losses.error).sum() / m) + own
    terms = Value(pair(size), np.zeros_like(size), Z.deviation)
    ones = known(np.ones((m, 1)))
    own_sum = matmul(a, terms, ones, samples)
    error = error + own_rounding(a, terms, ones)[0].reshape(()) / m
    deviation = own_sum.deviation.reshape(()) / m
    return Value(Pair(exact.hi.reshape(()), exact.lo.reshape(())), error, deviation)
