"""The version of a file's layout: older ones are read, newer ones refused."""

from pathlib import Path
from typing import Any

from portable_dnn.errors import DataError
from portable_dnn.files.text import shortened

__all__ = ["check_format_version"]


def check_format_version(version: Any, newest: int, path: Path) -> None:
    """Refuse a file of a newer version, before anything else of it is read.

    Parameters
    ----------
    version : object
        What the file says.
    newest : int
        The newest that is read.
    path : Path
        The file's path, for the message.

    Raises
    ------
    DataError
        If it is newer, or no version at all.
    """
    # True is an integer in Python.
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DataError(
            f"{path}: format_version is {shortened(version)}; a whole number from 1 is right"
        )
    if version > newest:
        raise DataError(
            f"{path} has format version {version}, newer than version {newest} that this "
            "portable_dnn reads: upgrade portable_dnn"
        )
