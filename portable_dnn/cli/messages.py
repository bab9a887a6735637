"""What is said on the standard error: one sentence a line, and nothing that steers the terminal."""

import contextlib
import os
import sys
import traceback
from typing import NoReturn

import typer

from portable_dnn.errors import PortableDnnError
from portable_dnn.files.text import one_line, printable

__all__ = ["fail", "fail_to_write", "report_bug", "warn"]

_BUG = 70  # EX_SOFTWARE of sysexits.h; 1 means something with some commands


def warn(sentence: str) -> None:
    """Tell of something that is no error.

    It is no Python warning, because those may be switched off, or be made errors that end a run.

    Parameters
    ----------
    sentence : str
        What the user is to know.
    """
    with contextlib.suppress(OSError):  # where the terminal is gone, nobody reads it
        typer.echo(f"portable-dnn: warning: {one_line(sentence)}", err=True)


def fail(sentence: str, code: int = 2) -> NoReturn:
    """End the program because of bad input.

    Parameters
    ----------
    sentence : str
        What was wrong, where, and what would be right.
    code : int
        The exit code.

    Raises
    ------
    SystemExit
        With that code.
    """
    with contextlib.suppress(OSError):
        typer.echo(f"portable-dnn: error: {one_line(sentence)}", err=True)
    raise SystemExit(code)


def fail_to_write(error: OSError, code: int = 2) -> NoReturn:
    """End the program because something could not be written; a closed pipe needs no words.

    Parameters
    ----------
    error : OSError
        Why.
    code : int
        The exit code.

    Raises
    ------
    SystemExit
        With that code.
    """
    if isinstance(error, BrokenPipeError):
        with contextlib.suppress(OSError, ValueError):  # else Python would try once more, and say
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(code)
    if isinstance(error, PortableDnnError):
        fail(str(error), code)
    # The standard output has no name here; a file that was read or written has.
    trouble = "cannot write the output"
    if error.filename is not None:
        trouble = f"{error.filename} cannot be used"
    fail(f"{trouble}: {error.strerror or error}", code)


def report_bug() -> NoReturn:
    """End the program because of an error that is not the user's, with the whole traceback.

    Raises
    ------
    SystemExit
        With code 70.
    """
    with contextlib.suppress(OSError):
        for line in traceback.format_exc().splitlines():
            typer.echo(printable(line), err=True)
        typer.echo(
            "portable-dnn: error: this is a fault of the program, not of the input; please report "
            "it with all these lines",
            err=True,
        )
    raise SystemExit(_BUG)
