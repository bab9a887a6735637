"""Finished work is kept: each thing that is left to be done with it is done, even if one fails."""

from collections.abc import Callable

from portable_dnn.errors import OutputError, UnsavedError

__all__ = ["Keeper"]


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
