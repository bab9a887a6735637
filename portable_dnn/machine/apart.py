"""Trying in a process of its own what might end this one: a library may abort, exit or hang."""

import signal
import subprocess
import sys

__all__ = ["how_it_ends", "signal_name"]

_DONE = b"\x06done"
_SECONDS = 60.0


def how_it_ends(statements: str, seconds: float = _SECONDS) -> str:
    """Run statements in another Python, and say how that ended if they ended it.

    Parameters
    ----------
    statements : str
        Python, such as "import dpctl". An error that they raise is none here: it can be met, and
        caught, in this process.
    seconds : float
        How long to wait for them.

    Returns
    -------
    str
        Such as "ends the process (SIGABRT): terminate called"; empty if they came to their end.

    Examples
    --------
    >>> from portable_dnn.machine.apart import how_it_ends
    >>> how_it_ends("1 / 0")
    ''
    >>> how_it_ends("import os; os._exit(3)")
    'ends the process (exit code 3)'
    """
    script = (
        f"import os, sys\ntry:\n    exec({statements!r})\n"
        f"except (Exception, SystemExit):\n    pass\nos.write(1, {_DONE!r})\nos._exit(0)\n"
    )
    # A current folder in Python's path is so here as well, or a plug-in there would not be found.
    command = [sys.executable, *(["-P"] if sys.flags.safe_path else []), "-c", script]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return f"does not answer within {seconds:g} s"
    if done.stdout.endswith(_DONE):
        return ""
    code = done.returncode
    how = f"exit code {code}" if code >= 0 else signal_name(-code)
    said = [line.strip() for line in done.stderr.decode(errors="replace").splitlines()]
    last = next((line for line in reversed(said) if line), "")[:300].rstrip(".")
    return f"ends the process ({how})" + (f": {last}" if last else "")


def signal_name(number: int) -> str:
    """Name a signal; those for real-time use have none.

    Parameters
    ----------
    number : int

    Returns
    -------
    str

    Examples
    --------
    >>> from portable_dnn.machine.apart import signal_name
    >>> signal_name(6)
    'SIGABRT'
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
