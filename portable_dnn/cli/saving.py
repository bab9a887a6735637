"""Finished work is kept: each thing that is left to be done with it is done, even if one fails."""

import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from portable_dnn.cli.console import Output
from portable_dnn.errors import OutputError, UnsavedError

__all__ = ["Keeper", "this_command"]


def this_command() -> str:
    """Write the command that runs, as a shell would take it.

    Returns
    -------
    str
    """
    return shlex.join(["portable-dnn", *sys.argv[1:]])


class Keeper:
    """Shows and saves what is finished, and tells at the end what could not be."""

    def __init__(self) -> None:
        self._failures: list[OSError] = []

    def attempt(self, step: Callable[[], object]) -> None:
        """Show or save one thing.

        Parameters
        ----------
        step : callable
            Does it. An OSError is kept until `check`.
        """
        try:
            step()
        except OSError as error:
            self._failures.append(error)

    def save(
        self, output: Output, path: Path | None, write: Callable[[Path], Iterable[str]]
    ) -> None:
        """Save one thing, and say where it is.

        Parameters
        ----------
        output : Output
            Where to say it.
        path : Path or None
            Where to save it; None for nowhere.
        write : callable
            Writes it there, and gives lines about it.
        """

        def step() -> None:
            for line in () if path is None else write(path):
                output.line(line)

        self.attempt(step)

    def check(self) -> None:
        """Raise what went wrong, as one error.

        Raises
        ------
        UnsavedError
            If something had to be saved elsewhere, or is lost.
        OutputError
            If something could not be saved.
        OSError
            If nothing but the printed lines is missing.
        """
        unsaved = [error for error in self._failures if isinstance(error, OutputError)]
        if unsaved:
            lost = any(isinstance(error, UnsavedError) for error in unsaved)
            raise (UnsavedError if lost else OutputError)("; ".join(map(str, unsaved)))
        if self._failures:
            raise self._failures[0]
