"""Looking at what a path leads to, with every failure as one sentence."""

from pathlib import Path

from portable_dnn.errors import DataError

__all__ = ["entries", "existing_file", "existing_folder", "leads_out"]


def existing_file(path: str | Path, what: str) -> Path:
    """Check that a path leads to a plain file.

    Parameters
    ----------
    path : str or Path
        The path.
    what : str
        What the file should be, for the message: "an HDF5 data file".

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    DataError
        If nothing is there, it cannot be looked at, or it is a folder or a device.
    """
    path = Path(path)
    if not _exists(path):
        raise DataError(f"{path} does not exist; give the path of {what}")
    if path.is_dir():
        raise DataError(f"{path} is a folder, not {what}")
    # A pipe or a device might never end.
    if not path.is_file():
        raise DataError(f"{path} is not a plain file; give the path of {what}")
    return path


def existing_folder(path: str | Path, what: str) -> Path:
    """Check that a path leads to a folder; parameters and errors as for `existing_file`."""
    path = Path(path)
    if not _exists(path):
        raise DataError(f"{path} does not exist; give {what}")
    if not path.is_dir():
        raise DataError(f"{path} is not a folder; give {what}")
    return path


def _exists(path: Path) -> bool:
    """Tell whether there is something at a path."""
    try:
        return path.exists()
    except OSError as error:  # a folder on the way may not be entered, or the name is too long
        raise DataError(f"{path} cannot be looked at: {error.strerror}") from error


def entries(folder: Path) -> list[Path]:
    """List what is in a folder, sorted by name, without hidden files.

    Parameters
    ----------
    folder : Path
        An existing folder.

    Returns
    -------
    list of Path

    Raises
    ------
    DataError
        If the folder cannot be listed.
    """
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be listed: {error.strerror}") from error


def leads_out(entry: Path, folder: Path) -> bool:
    """Tell whether a folder's entry is a link to somewhere outside the folder.

    Parameters
    ----------
    entry, folder : Path
        The entry and the folder it is in.

    Returns
    -------
    bool
    """
    return not entry.resolve().is_relative_to(folder.resolve())
