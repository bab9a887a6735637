"""Writing several results of a run, so that one that cannot be written does not cost the others."""

import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from portable_dnn.cli.console import Output
from portable_dnn.errors import OutputError

__all__ = ["save_each", "this_command"]


def this_command() -> str:
    """Write the command that runs, as a shell would take it.

    Returns
    -------
    str
    """
    return shlex.join(["portable-dnn", *sys.argv[1:]])


def save_each(
    output: Output, results: Sequence[tuple[Path | None, Callable[[Path], Iterable[str]]]]
) -> None:
    """Write what was asked for; if one thing cannot be written, or said, the others still are.

    Parameters
    ----------
    output : Output
        Where to say what was written.
    results : sequence of (Path or None, callable)
        Where to write each, None for nowhere, and what writes it there and gives lines about it.

    Raises
    ------
    OutputError
        If some could not be written, with a sentence about each.
    OSError
        If all was written, and something could not be said.
    """
    failures: list[OutputError] = []
    unsaid: list[OSError] = []
    for path, write in results:
        if path is None:
            continue
        try:
            for line in write(path):
                try:
                    output.line(line)
                except OSError as error:
                    unsaid.append(error)
        except OutputError as error:
            failures.append(error)
    if failures:
        raise type(failures[0])("; ".join(map(str, failures)))
    if unsaid:
        raise unsaid[0]
