"""What a training step is given as data, and how the steps of a run share the samples out.

A batch is a pure function of the iteration, so that a run which goes on needs to remember nothing.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from portable_dnn.arrays.contract import Array, Arrays

__all__ = ["Batch", "BatchRun", "Batches", "FullBatch"]


class Batch(NamedTuple):
    """Samples as a training step takes them.

    Attributes
    ----------
    inputs : array
        Input, (n_x, m), or what the form of layer 1 has in its place (see `layer_forms`).
    targets : array
        Labels in the form of the head, (n_L, m).
    ones : array
        (1, m), the row under every layer's input that a bias is multiplied with.
    m : int or float
        What a sum over the samples is divided by: how many there are, on all workers together.
        Never read off an array's shape, since a worker's array is not all of them.
    """

    inputs: Array
    targets: Array
    ones: Array
    m: float


class BatchRun(NamedTuple):
    """The batches of several steps in a row, which can be taken in one call.

    Attributes
    ----------
    batch : Batch
        What all of the steps are given.
    rows : dict of str to array
        What differs: a row of each array a step. Empty if nothing does.
    times : int
        Steps, 1 or more.
    """

    batch: Batch
    rows: Arrays
    times: int


class Batches(Protocol):
    """How a run shares its samples out."""

    @property
    def whole(self) -> Batch:
        """All samples: what is measured."""

    def run_from(self, iteration: int, most: int) -> BatchRun:
        """Return the batches from an iteration on, of at most `most` steps."""


@dataclass(frozen=True)
class FullBatch:
    """All samples in every step.

    Attributes
    ----------
    whole : Batch
        All samples.
    """

    whole: Batch

    def run_from(self, iteration: int, most: int) -> BatchRun:
        """Return the same batch for as many steps as are asked for."""
        return BatchRun(self.whole, {}, most)
