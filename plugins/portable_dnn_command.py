"""What the installed command calls first: Ctrl-C while the package is imported ends it in silence.

It is no part of the package, because whatever imports a part of that has imported all of it before.
"""

import signal

__all__ = ["main"]


def main() -> None:
    """Import the command line, and run it.

    Raises
    ------
    SystemExit
        Always; see `portable_dnn.cli.main`.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # else it is ignored, as in a job in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from portable_dnn.cli import main as run

    try:
        signal.signal(signal.SIGINT, before)
        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
