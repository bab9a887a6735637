"""How far two ways of taking the same step may differ: rounding, counted operation by operation.

A sum of k products, in any order, fused or not, is off by at most k u Σ|products| / (1 − k u), with
u half the spacing of numbers at 1 (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd
ed., section 3.1). Errors of what goes in are carried along by the largest slopes of the functions.
Only at the kink of a ReLU is a slope not bounded: where Z may be on either side, the whole step of
the derivative is allowed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from portable_dnn.arrays.contract import Array, Arrays, Namespace
from portable_dnn.network.activations import Activation
from portable_dnn.training.batches import Batch
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
    parameters: Arrays,
    batch: Batch,
    xp: Namespace,
) -> Arrays:
    """Bound how far apart the parameters are that two ways of taking a step lead to.

    Parameters
    ----------
    step : TrainingStep
        Gradient descent in the span.
    hidden : sequence of Hidden
        Its activations.
    parameters : dict of str to array
        Those of the state that it is given.
    batch : Batch
        What else it is given.
    xp : namespace
        The arrays' namespace.

    Returns
    -------
    dict of str to array
        For each array of the parameters, the largest difference of each number.
    """
    layers = tuple(zip((form.W for form in step.forms[1:]), step.activations, strict=True))
    ones = batch.ones
    u = float(xp.finfo(batch.targets.dtype).eps) / 2
    Z = _Value(parameters["Z1"], xp.zeros_like(parameters["Z1"]))
    inputs, slopes = [], []
    for (name, g), kind in zip(layers, hidden, strict=True):
        A, slope = _activate(Z, g, kind, u, xp)
        A = _Value(xp.concat((A.of, ones)), xp.concat((A.off, xp.zeros_like(ones))))
        Z = _product(_exact(parameters[name], xp), A, u, xp)
        inputs.append(A)
        slopes.append(slope)
    factor = -0.5 * step.optimizer.gradient_scale / batch.m
    # The sum is at most 2; the factor, the sum and the product are rounded.
    dZ = _Value(
        (xp.tanh(0.5 * Z.of) + batch.targets) * -factor,
        factor * (0.5 * Z.off + _FUNCTION * u + 8 * u),
    )
    moves = {}
    for (name, _), A, slope in zip(layers[::-1], inputs[::-1], slopes[::-1], strict=True):
        moves[name] = _product(dZ, _Value(A.of.T, A.off.T), u, xp)
        dA = _product(_exact(parameters[name][:, :-1].T, xp), dZ, u, xp)
        dZ = _times(slope, dA, u, xp)
    moves["C1"] = dZ
    moves["Z1"] = _product(dZ, _exact(batch.inputs, xp), u, xp)
    # Each way is off by this much; second-order terms and the rounding of the bound itself are
    # below a hundredth of it, for sums of fewer than 0.01 / u terms.
    return {
        name: 2.02 * (moves[name].off + u * (xp.abs(array) + xp.abs(moves[name].of)))
        for name, array in parameters.items()
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
