"""Ctrl-C and SIGTERM: the first lets an iteration end, the second ends the program at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Asked", "Interrupted", "caught"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):  # noqa: N818 - not an error: it is what was asked for
    """A run that was ended between two iterations.

    Attributes
    ----------
    number : int
        The signal's.
    iteration : int
        Updates made.
    """

    def __init__(self, number: int, iteration: int) -> None:
        super().__init__(number, iteration)
        self.number = number
        self.iteration = iteration

    @property
    def exit_code(self) -> int:
        """The shell's: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number

    @property
    def cause(self) -> str:
        """The signal's name, for people."""
        return "Ctrl-C" if self.number == signal.SIGINT else signal.Signals(self.number).name


@dataclass
class Asked:
    """Whether somebody asked the program to end.

    Attributes
    ----------
    patient : bool
        Whether the program looks here and ends by itself; if not, a signal ends it at once.
    number : int or None
        The signal, once there was one.
    """

    patient: bool = False
    number: int | None = None

    def check(self, iteration: int) -> None:
        """Raise `Interrupted` if somebody asked."""
        if self.number is not None:
            raise Interrupted(self.number, iteration)


@contextmanager
def caught() -> Iterator[Asked]:
    """Catch both signals.

    Yields
    ------
    Asked
        Set by the first signal while it is patient. Any other raises KeyboardInterrupt or
        SystemExit, so that what is half done is cleaned up.
    """
    asked = Asked()

    def handle(number: int, _frame: object) -> None:
        if asked.patient and asked.number is None:
            asked.number = number
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():  # Python allows it nowhere else
        yield asked
        return
    # A signal that is ignored, as nohup and background jobs have it, stays ignored.
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
