"""Penalties on the weights: what a run adds to the cost so that weights stay small.

There is none yet that a setting asks for; the training step takes one that keeps to `Penalty`.
"""

from typing import Protocol

from portable_dnn.arrays.contract import Array, Namespace

__all__ = ["Penalty"]


class Penalty(Protocol):
    """A penalty on W, not on b: a part of the training step.

    It acts on the arrays that a layer's form calls `decayed`.
    """

    def cost(self, W: Array, *, xp: Namespace) -> Array:
        """Return what is added to the cost for W, 0-d."""

    def derivative(self, W: Array) -> Array:
        """Return the derivative of that by W, in the shape of W."""
