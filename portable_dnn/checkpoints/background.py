"""Work that must not delay a loop: a thread does it, on the newest pieces only."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Background"]

_T = TypeVar("_T")


class Background(Generic[_T]):
    """A thread that works on what it was given last.

    While a piece is worked on, a few wait; a newer one takes the place of the oldest of them.

    Parameters
    ----------
    work : callable
        What to do with a piece; called in the thread.
    waiting : int
        How many may wait.
    spacing : float
        Seconds from the beginning of one to that of the next, at least; once somebody waits for
        the end, nothing is spaced out.
    """

    def __init__(
        self, work: Callable[[_T], object], *, waiting: int = 1, spacing: float = 0.0
    ) -> None:
        self._work = work
        self._spacing = spacing
        self._hurry = False
        self._changed = threading.Condition()
        self._waiting: deque[_T] = deque(maxlen=waiting)
        self._busy = False
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def put(self, piece: _T) -> None:
        """Hand over a piece and return at once.

        Parameters
        ----------
        piece : object
            What to work on. An error of an earlier piece is raised here. Where no thread can be
            had, the work is done before this returns.
        """
        with self._changed:
            self._raise()
            self._hurry = False
            if self._thread is not None or self._start():
                self._waiting.append(piece)
                self._changed.notify_all()
                return
        self._work(piece)

    def _start(self) -> bool:
        """Start the thread, if the system has one to give."""
        # A daemon, so that a disk that hangs cannot keep the program from ending.
        thread = threading.Thread(target=self._run, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        return True

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until all is done.

        Parameters
        ----------
        seconds : float, optional
            At most so long; what still waits then is given up.

        Returns
        -------
        bool
            Whether all is done. An error of the work is raised here.
        """
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not (self._waiting or self._busy), seconds)
            self._waiting.clear()
            self._raise()
            return done

    def _raise(self) -> None:
        """Raise the error of the thread, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _run(self) -> None:
        """Work without end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                piece = self._waiting.popleft()
                self._busy = True
            began = time.monotonic()
            try:
                self._work(piece)
            except BaseException as error:  # it belongs to the thread that handed the piece over
                self._error = error
            del piece
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                rest = began + self._spacing - time.monotonic()
                self._changed.wait_for(lambda: self._hurry, max(rest, 0.0))
