"""Noting where a comparison failed: in which operation, on which side."""

from collections.abc import Iterator
from contextlib import contextmanager

from portable_dnn.equivalence.report.report import Failure
from portable_dnn.files.text import words

__all__ = ["REFERENCE", "TESTED", "BackendFailed", "during", "unfinished"]

TESTED, REFERENCE = "tested", "reference"
"""The sides."""


class BackendFailed(Exception):  # noqa: N818 - nobody outside this package meets it
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
    """Turn whatever is raised into a `BackendFailed` that says where.

    Parameters
    ----------
    operation : str
        What is being computed, as a headline names it.
    side : {"tested", "reference"}
        Where.

    Raises
    ------
    BackendFailed
        From the library's own error: out of memory, a CUDA error, anything.
    """
    try:
        yield
    except BackendFailed:  # a stage within this one has said where
        raise
    except (Exception, SystemExit) as error:  # a library may raise anything
        raise BackendFailed(Failure(operation, side, words(error))) from error


def unfinished(stage: str, side: str = TESTED, *, interrupted: bool = False) -> Failure:
    """Say where a comparison is, for a report that is kept in case the program ends here.

    Parameters
    ----------
    stage : str
        What is going on.
    side : {"tested", "reference"}
        Which side is at work; of both, the tested one.
    interrupted : bool
        Whether Ctrl-C has ended it.

    Returns
    -------
    Failure
        As of a side that failed.
    """
    error = "Ctrl-C ended it" if interrupted else "the program ended before this stage was done"
    return Failure(stage, side, error)
