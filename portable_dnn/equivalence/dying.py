"""Telling where a comparison died: in which operation, on which side."""

from collections.abc import Iterator
from contextlib import contextmanager

from portable_dnn.equivalence.report import Failure
from portable_dnn.reasons import words

__all__ = ["REFERENCE", "TESTED", "Died", "during"]

TESTED, REFERENCE = "tested", "reference"
"""The sides."""


class Died(Exception):  # noqa: N818 - nobody outside this package meets it
    """A library raised something in the middle of a comparison.

    Attributes
    ----------
    failure : Failure
        Where.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.error)
        self.failure = failure


@contextmanager
def during(operation: str, side: str) -> Iterator[None]:
    """Turn whatever is raised into a `Died` that says where.

    Parameters
    ----------
    operation : str
        What is being computed, as a headline names it.
    side : {"tested", "reference"}
        Where.

    Raises
    ------
    Died
        From the library's own error: out of memory, a CUDA error, anything.
    """
    try:
        yield
    except (Exception, SystemExit) as error:  # a library may raise anything
        raise Died(Failure(operation, side, words(error))) from error
