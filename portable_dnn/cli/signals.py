"""Ctrl-C, SIGTERM, a closed terminal: the run ends in order; a second Ctrl-C ends it at once."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from portable_dnn.errors import StoppedBySignal

__all__ = ["Asked", "Interrupted", "caught"]

_ENDS = (signal.SIGINT, signal.SIGTERM)
# A closed terminal. Kernel, shell and service manager may each send it, so a second one does not
# mean that somebody wants the program to end at once. Windows has none.
_HANG_UP = tuple(getattr(signal, name) for name in ("SIGHUP",) if hasattr(signal, name))
_GRACE = 1.0  # seconds for Python's handler, before a program that computes is ended from outside


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
        """The shell's: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
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
    handled : int
        How many signals Python has handled, without those of a closed terminal.
    """

    patient: bool = False
    number: int | None = None
    handled: int = 0


@contextmanager
def caught() -> Iterator[Asked]:
    """Catch the signals.

    Python handles a signal between two of its own instructions. A library may compute for minutes
    in one of them; a second signal then ends the program from another thread.

    Yields
    ------
    Asked
        Set by the first signal. While it is not patient, and at the second Ctrl-C or SIGTERM,
        KeyboardInterrupt or SystemExit is raised, so that what is half done is cleaned up.
    """
    asked = Asked()

    def handle(number: int, _frame: object) -> None:
        if number in _HANG_UP and asked.number is not None:
            return
        asked.handled += number in _ENDS
        asked.number = asked.number or number
        if asked.patient and asked.handled < 2:
            return
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise StoppedBySignal(128 + number)

    if threading.current_thread() is not threading.main_thread():  # Python allows it nowhere else
        yield asked
        return
    # A signal that is ignored, as nohup and background jobs have it, stays ignored.
    before = {number: signal.getsignal(number) for number in (*_ENDS, *_HANG_UP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        with _watched(asked):
            yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watched(asked: Asked) -> Iterator[None]:
    """Have a thread end the program at the second signal, if Python itself does not handle it."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    over = threading.Event()
    try:
        threading.Thread(target=_watch, args=(ours, asked, over), daemon=True).start()
    except RuntimeError:  # the system has no thread to give: a signal waits for Python
        ours.close()
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        theirs.close()


def _watch(wakeup: socket.socket, asked: Asked, over: threading.Event) -> None:
    """Read the numbers of signals as they come, until the other end is closed."""
    come = 0
    with wakeup:
        while numbers := wakeup.recv(1):
            come += numbers[0] in _ENDS
            if come < 2 or asked.handled >= come or over.wait(_GRACE):
                continue
            if asked.handled < come:
                os._exit(128 + numbers[0])
