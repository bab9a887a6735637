"""How often to do something during the iterations of a run."""

from typing import NamedTuple

__all__ = ["Every"]


class Every(NamedTuple):
    """How often to write a checkpoint; neither is only when asked.

    Attributes
    ----------
    iterations : int or None
        After this many iterations each, and after the last.
    seconds : float or None
        After about this many seconds each, and after the last iteration.
    """

    iterations: int | None = None
    seconds: float | None = None
