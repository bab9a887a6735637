"""The end of a network: output activation, decision, cost and derivatives of the cost in one place.

A head works on logits Z, the output layer's linear part, and on targets, its own form of the
labels. The formulas on probabilities are those of the course's functions, which are handed
probabilities; from logits the cost is finite and accurate where a probability has long rounded to 0
or 1.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from portable_dnn.arrays.contract import Array, Namespace
from portable_dnn.network.activations import sigmoid

__all__ = ["SIGMOID", "Head", "SigmoidHead"]


class Head(Protocol):
    """What a training step, prediction and the course's functions need of the end of a network."""

    def targets(self, Y: Array, *, dtype: Any, xp: Namespace) -> Array:
        """Return labels in the form that the other functions are given."""

    def derivative(self, Z: Array, targets: Array, scale: Any, xp: Namespace) -> Array:
        """Return `scale` times the derivative by Z of the sum of the samples' costs."""

    def cost(self, Z: Array, targets: Array, m: float, xp: Namespace) -> Array:
        """Return the sum of the samples' costs divided by m, 0-d.

        It divides itself, since the sum may be too large for the dtype where the mean is not.
        """

    def probabilities(self, Z: Array, xp: Namespace) -> Array:
        """Return the probabilities that the logits stand for."""

    def decide(self, probabilities: Array, xp: Namespace) -> Array:
        """Return the class that the probabilities speak for, int32."""


@dataclass(frozen=True)
class SigmoidHead:
    """Sigmoid and binary cross-entropy: each output is a question of its own, answered 0 or 1."""

    def targets(self, Y: Array, *, dtype: Any, xp: Namespace) -> Array:
        """Return labels 0 and 1 as signs, 1 − 2Y: the derivative takes one operation less."""
        return 1.0 - 2.0 * xp.astype(Y, dtype, copy=False)

    def derivative(self, Z: Array, targets: Array, scale: Any, xp: Namespace) -> Array:
        """Return scale (σ(Z) − Y), as scale / 2 · (tanh(Z / 2) + 1 − 2Y)."""
        return (xp.tanh(0.5 * Z) + targets) * (0.5 * scale)

    def cost(self, Z: Array, targets: Array, m: float, xp: Namespace) -> Array:
        """Return the cross-entropy of logits, in nats."""
        return self.cost_of_labels(Z, 0.5 * (1.0 - targets), m, xp=xp)

    def cost_of_labels(self, Z: Array, Y: Array, m: float, xp: Namespace) -> Array:
        """Return (1/m) Σ [max(Z, 0) − Z Y + log(1 + e^−|Z|)], with the labels as they are."""
        # Where the answer is right the first two terms cancel exactly, being 0 or Z − Z.
        losses = xp.maximum(Z, 0.0) - Z * Y + xp.log1p(xp.exp(-xp.abs(Z)))
        # The mean of shares of the largest loss is at most 1, so that of losses cannot overflow.
        largest = xp.max(losses)
        # Whoever divides by multiplying with 1 / share (XLA does) must not meet a subnormal there.
        limit = float(xp.finfo(losses.dtype).max) / 8.0
        share = xp.where(xp.isfinite(largest) & (largest > 0.0), xp.minimum(largest, limit), 1.0)
        return share * (xp.sum(losses / share) / m)

    def probabilities(self, Z: Array, xp: Namespace) -> Array:
        """Return σ(Z)."""
        return sigmoid(Z, xp=xp)[0]

    def decide(self, probabilities: Array, xp: Namespace) -> Array:
        """Return 1 where the probability is above 0.5, else 0."""
        return xp.astype(probabilities > 0.5, xp.int32)

    def cost_of_probabilities(self, A: Array, Y: Array, m: float, xp: Namespace) -> Array:
        """Return −(1/m) Σ [Y log A + (1 − Y) log(1 − A)], with 0 · log 0 = 0."""
        return -xp.sum(_x_log_y(Y, A, xp) + _x_log_y(1.0 - Y, 1.0 - A, xp)) / m

    def derivative_of_probabilities(self, A: Array, Y: Array) -> Array:
        """Return A − Y, the derivative by the logits of the sum of the samples' costs."""
        return A - Y


SIGMOID = SigmoidHead()
"""The head of the course's network."""


def _x_log_y(x: Array, y: Array, xp: Namespace) -> Array:
    """Return x · log y, 0 where x is 0, without the warnings of log 0 and 0 · ∞."""
    safe = xp.where(x == 0.0, 1.0, y)
    return x * xp.where(safe == 0.0, -float("inf"), xp.log(xp.where(safe == 0.0, 1.0, safe)))
