"""The exit codes of the commands that use more than 0 and 2, shown at the end of their help."""

from collections.abc import Mapping
from textwrap import wrap

__all__ = ["EVERY_COMMAND", "EXIT_CODES", "shown_exit_codes"]

_BAD_INPUT = "Bad input; one sentence says what was wrong and what would be right."
_BUG = "A fault of the program itself: its lines are a report to be sent."
_CLOSED = "Stopped because the terminal was closed (SIGHUP)."
_TERMINATED = "Stopped by SIGTERM."

EVERY_COMMAND: Mapping[int, str] = {
    0: "Success.",
    1: "The output could not be written because its reader, such as head, had closed it, or a "
    "result had to be saved elsewhere (the message says where).",
    2: _BAD_INPUT,
    70: _BUG,
    130: "Stopped by Ctrl-C.",
}
"""What an exit code means unless the command's own help says otherwise."""

EXIT_CODES: Mapping[str, Mapping[int, str]] = {
    "train": {
        0: "The network was trained, and everything asked for was saved.",
        1: "Training finished, but the model or the history could not be saved in its file (the "
        "message says where it is instead), or the results could not be printed.",
        2: "Bad input, an output that cannot be written, too little memory, or a cost that is no "
        "longer a finite number.",
        70: _BUG,
        129: _CLOSED,
        130: "Stopped by Ctrl-C.",
        143: _TERMINATED,
    },
    "sweep": {
        0: "All settings were tried, and everything asked for was saved.",
        1: "Training finished, but the best model or the history could not be saved in its file "
        "(the message says where it is instead), or the results could not be printed.",
        2: "Bad input, an output that cannot be written, too little memory, or no run that kept a "
        "finite cost.",
        70: _BUG,
        129: _CLOSED,
        130: "Stopped by Ctrl-C; the runs that were finished are shown, and the best is saved.",
        143: _TERMINATED,
    },
    "compare": {
        0: "The same numbers, or differences that rounding explains.",
        1: "A result is wrong; the verdict names the first wrong operation.",
        2: "Bad input, or the comparison could not be finished or decided, or its output could "
        "not be written; the verdict is shown before that.",
        70: _BUG,
        130: "Stopped by Ctrl-C; --json keeps the report so far.",
    },
    "doctor": {
        0: "The backend can be used here.",
        1: "The backend cannot be used here; the last line says how to fix that.",
        2: _BAD_INPUT,
        70: _BUG,
    },
}
"""By command; the others use those of `EVERY_COMMAND`."""

_WIDTH = 70  # columns of a help of 80, less the indentation and the code


def shown_exit_codes(codes: Mapping[int, str]) -> str:
    r"""Write exit codes as a list for the end of a help.

    Parameters
    ----------
    codes : mapping of int to str
        What each code means.

    Returns
    -------
    str
        Lines that the help shows as they are: that is what the leading backspace asks for.

    Examples
    --------
    >>> print(shown_exit_codes({0: "Success.", 2: "Bad input."}).removeprefix("\b\n"))
    Exit codes:
      0    Success.
      2    Bad input.
    """
    lines = ["\b", "Exit codes:"]
    for code, means in codes.items():
        first, *rest = wrap(means, _WIDTH)
        lines += [f"  {code:<5}{first}", *(f"       {line}" for line in rest)]
    return "\n".join(lines)
