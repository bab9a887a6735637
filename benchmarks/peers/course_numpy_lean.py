"""The course's NumPy program without the product it throws away (the derivative by X)."""

from collections.abc import Callable

from benchmarks.peers.course_numpy import train
from benchmarks.peers.peer import Outcome, Peer
from benchmarks.problem import Problem

__all__ = ["PEER", "prepare"]


def prepare(problem: Problem) -> Callable[[], Outcome]:
    """Make the run; see `Peer`."""
    return lambda: train(problem, input_gradient=False)


PEER = Peer(
    "course-lean", "the same without unused dA0", prepare, ("numpy",), ("numpy",), openblas=True
)
