"""How far two ways of taking the same step may differ: rounding, counted operation by operation.

A sum of k products, in any order, fused or not, is off by at most k u Σ|products| / (1 − k u), with
u half the spacing of numbers at 1 (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd
ed., section 3.1). Errors of what goes in are carried along by the largest slopes of the functions.
Only at the kink of a ReLU is a slope not bounded: where Z may be on either side, the whole step of
the derivative is allowed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from portable_dnn.arrays.contract import Array, Namespace
from portable_dnn.network.activations import Activation
from portable_dnn.training.first_layer import Samples
from portable_dnn.training.joined import weights_of
from portable_dnn.training.step import TrainingStep
from portable_dnn_cupy.kernel.recognize import Hidden

__all__ = ["bounds"]

# exp and tanh are within 4 units in the last place, 8 u, in NumPy (its SIMD ones) and in CUDA (2,
# by its programming guide). The derivative of tanh squares e^−|Z|, 17 u, in numerator and, squared
# again, in denominator, 2 · 18 u; three more roundings make less than 64 u for every formula.
_FUNCTION = 64.0


class _Value(NamedTuple):
    """Numbers, and how far they may be off."""

    of: Array
    off: Array


def bounds(
    step: TrainingStep,
    hidden: Sequence[Hidden],
    state: dict[str, Array],
    samples: Samples,
    signs: Array,
) -> dict[str, Array]:
    """Bound how far apart the states are that two ways of taking a step lead to.

    Parameters
    ----------
    step : TrainingStep
        In the span.
    hidden : sequence of Hidden
        Its activations.
    state, samples, signs
        What it is given.

    Returns
    -------
    dict of str to array
        For each array of the state, the largest difference of each number.
    """
    xp = step.xp
    u = float(xp.finfo(signs.dtype).eps) / 2
    Z = _Value(state["Z1"], xp.zeros_like(state["Z1"]))
    inputs, slopes = [], []
    for (name, g), kind in zip(step.layers, hidden, strict=True):
        A, slope = _activate(Z, g, kind, u, xp)
        A = _Value(xp.concat((A.of, samples.ones)), xp.concat((A.off, xp.zeros_like(samples.ones))))
        Z = _product(_exact(state[name], xp), A, u, xp)
        inputs.append(A)
        slopes.append(slope)
    factor = 0.5 * step.learning_rate / signs.shape[1]
    # The sum is at most 2; the factor, the sum and the product are rounded.
    dZ = _Value(
        (xp.tanh(0.5 * Z.of) + signs) * -factor,
        factor * (0.5 * Z.off + _FUNCTION * u + 8 * u),
    )
    moves = {}
    for (name, _), A, slope in zip(step.layers[::-1], inputs[::-1], slopes[::-1], strict=True):
        moves[name] = _product(dZ, _Value(A.of.T, A.off.T), u, xp)
        dA = _product(_exact(weights_of(state[name]).T, xp), dZ, u, xp)
        dZ = _times(slope, dA, u, xp)
    moves["C1"] = dZ
    moves["Z1"] = _product(dZ, _exact(samples.X, xp), u, xp)
    # Each way is off by this much; second-order terms and the rounding of the bound itself are
    # below a hundredth of it, for sums of fewer than 0.01 / u terms.
    return {
        name: 2.02 * (moves[name].off + u * (xp.abs(array) + xp.abs(moves[name].of)))
        for name, array in state.items()
    }


def _exact(array: Array, xp: Namespace) -> _Value:
    """Numbers that both ways are given."""
    return _Value(array, xp.zeros_like(array))


def _product(a: _Value, b: _Value, u: float, xp: Namespace) -> _Value:
    """A matrix product."""
    A, B = xp.abs(a.of), xp.abs(b.of)
    off = a.off @ (B + b.off) + A @ b.off + (A.shape[1] + 1) * u * (A @ B)
    return _Value(a.of @ b.of, off)


def _times(a: _Value, b: _Value, u: float, xp: Namespace) -> _Value:
    """A product of each number with each."""
    A, B = xp.abs(a.of), xp.abs(b.of)
    return _Value(a.of * b.of, a.off * (B + b.off) + A * b.off + u * A * B)


def _activate(
    Z: _Value, g: Activation, kind: Hidden, u: float, xp: Namespace
) -> tuple[_Value, _Value]:
    """g(Z) and g'(Z)."""
    value, _ = g.forward(Z.of, xp=xp)
    slope = g.backward(xp.ones_like(Z.of), Z.of, xp=xp)
    # The largest |g'| and |g''|, and how far g' jumps at 0.
    steepest, curvature, jump = {
        "relu": (1.0, 0.0, 1.0),
        "leaky_relu": (max(1.0, abs(kind.slope)), 0.0, abs(1.0 - kind.slope)),
        "tanh": (1.0, 0.77, 0.0),  # 4 / 3√3
        "sigmoid": (0.25, 0.1, 0.0),  # 1 / 6√3
    }[kind.name]
    near = xp.astype(xp.abs(Z.of) <= 2.0 * Z.off, Z.of.dtype)
    return (
        _Value(value, steepest * Z.off + _FUNCTION * u * xp.abs(value)),
        _Value(slope, curvature * Z.off + _FUNCTION * u * xp.abs(slope) + jump * near),
    )
