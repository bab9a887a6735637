"""Saying now and then what is being done, where no bar can be drawn."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread

__all__ = ["heartbeat"]

VARIABLE = "PORTABLE_DNN_PROGRESS"
"""Set to "off", nothing is said."""
FIRST_SECONDS = 2.0
"""How long nothing is said: most of what is done takes less. Then twice as long each time."""
LONGEST_SECONDS = 60.0
"""How long it is between two lines at most."""


@contextlib.contextmanager
def heartbeat(say: Callable[[str], object], state: Callable[[], str]) -> Iterator[None]:
    """Say what is being done, and for how long, while it is.

    Parameters
    ----------
    say : callable
        Takes a sentence; called in another thread. If nobody hears it any more, it is not called
        again.
    state : callable
        Gives what is being done.

    Yields
    ------
    None
    """
    if os.environ.get(VARIABLE) == "off":
        yield
        return
    began, ended = time.monotonic(), Event()

    def beat() -> None:
        pause = FIRST_SECONDS
        with contextlib.suppress(OSError):
            while not ended.wait(pause):
                say(f"{state()}, {time.monotonic() - began:.0f} s so far")
                pause = min(2 * pause, LONGEST_SECONDS)

    thread = Thread(target=beat, name="heartbeat", daemon=True)
    with contextlib.suppress(RuntimeError):  # no thread is to be had: the work is done all the same
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if thread.ident is not None:
            thread.join()
