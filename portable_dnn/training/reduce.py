"""Adding up over the processes of a run; alone, there is nothing to add."""

from dataclasses import dataclass
from typing import Protocol

from portable_dnn.arrays.contract import Arrays

__all__ = ["ALONE", "Alone", "Reduce"]


class Reduce(Protocol):
    """What several processes do together in a training step: a part of it."""

    def sum(self, arrays: Arrays) -> Arrays:
        """Return the sums over all processes, in an order that every process keeps to."""


@dataclass(frozen=True)
class Alone:
    """One process."""

    def sum(self, arrays: Arrays) -> Arrays:
        """Return the arrays as they are."""
        return arrays


ALONE = Alone()
"""The `Reduce` of a run in one process."""
