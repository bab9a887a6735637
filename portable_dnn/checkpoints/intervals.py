"""How often to do something beside the iterations of a run."""

from typing import NamedTuple

__all__ = ["Every"]


class Every(NamedTuple):
    """How often to write a checkpoint; neither is only when asked.

    Attributes
    ----------
    iterations : int or None
        Every so many iterations, and after the last.
    seconds : float or None
        About every so many seconds, and after the last iteration.
    """

    iterations: int | None = None
    seconds: float | None = None
