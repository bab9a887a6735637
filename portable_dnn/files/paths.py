"""Looking at what a path leads to, with every failure as one sentence."""

import errno
import os
import re
import stat
from pathlib import Path

from portable_dnn.errors import DataError
from portable_dnn.files.text import shortened

__all__ = [
    "entries",
    "existing_file",
    "existing_folder",
    "is_folder",
    "leads_out",
    "path_of",
    "web_address",
]

# A path keeps one slash of the two; a drive of Windows has one letter.
_WEB = re.compile(r"(https?|ftps?|s3|gs|hf|file):[/\\]+(?=[^/\\])")


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
    wanted = f"the path of {what}"
    path = path_of(path, wanted)
    mode = _mode(path, wanted)
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a folder, not {what}")
    # A pipe or a device might never end.
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is not a plain file; give {wanted}")
    return path


def path_of(path: object, wanted: str) -> Path:
    """Take a path from a caller.

    Parameters
    ----------
    path : object
        To be a text or a path.
    wanted : str
        What it should lead to, for the message: "the path of a model file".

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If it is anything else, such as a number.
    """
    if not isinstance(path, str | os.PathLike):
        kind = type(path).__name__
        raise DataError(f"the path is a {kind}; {wanted} as a str or Path would be right")
    text = os.fspath(path)
    if not text:
        raise DataError(f"the path is empty; give {wanted}")
    try:
        allowed = isinstance(text, str) and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        allowed = False
    if not allowed:
        raise DataError(f"{text!r} holds a character that no path may have; give {wanted}")
    return Path(text)


def existing_folder(path: str | Path, what: str) -> Path:
    """Check that a path leads to a folder; parameters and errors as for `existing_file`."""
    path = path_of(path, what)
    if not is_folder(path, what):
        raise DataError(f"{path} is not a folder; give {what}")
    return path


def is_folder(path: Path, what: str) -> bool:
    """Tell whether a path leads to a folder.

    Parameters
    ----------
    path : Path
        The path.
    what : str
        What would be right, for the message: "a picture or a folder of pictures".

    Returns
    -------
    bool

    Raises
    ------
    DataError
        If nothing is there, or it cannot be looked at.
    """
    return stat.S_ISDIR(_mode(path, what))


def _mode(path: Path, wanted: str) -> int:
    """Return the mode of what a path leads to, or say why there is none."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError) as error:  # a ValueError for a character that no path may have
        raise DataError(_why_not(path, error, wanted)) from error


def _why_not(path: Path, error: OSError | ValueError, wanted: str) -> str:
    """Say why a path leads to nothing, and what would be right."""
    code = getattr(error, "errno", None)
    if code == errno.ENAMETOOLONG:
        return f"{shortened(path)} is too long for a path; give {wanted}"
    if address := web_address(path):
        if address.startswith("file:"):
            return f"{path} is an address; give {wanted} itself, without file://"
        return f"{address} is a web address; download it and give {wanted}"
    if code == errno.ELOOP:
        return f"{path} is a link that leads back to itself; give {wanted}"
    if code in (errno.ENOENT, errno.ENOTDIR):
        if path.is_symlink():
            return f"{path} is a link to {path.readlink()}, which does not exist; give {wanted}"
        return f"{path} does not exist; give {wanted}"
    if code == errno.EACCES:
        return f"{path} cannot be looked at: a folder on the way to it may not be entered"
    return f"{path} cannot be looked at: {getattr(error, 'strerror', None) or error}"


def web_address(path: Path) -> str | None:
    """Tell whether a path was meant as an address of the web.

    Parameters
    ----------
    path : Path
        What a user gave.

    Returns
    -------
    str or None
        The address as it was given; None if it is none.

    Examples
    --------
    >>> from pathlib import PurePosixPath
    >>> web_address(PurePosixPath("https://example.org/dog.png"))
    'https://example.org/dog.png'
    """
    text = str(path)
    scheme = _WEB.match(text)
    if scheme is None:
        return None
    return f"{scheme[1]}://{text[scheme.end() :].replace(os.sep, '/')}"


def entries(folder: Path) -> list[Path]:
    """List what is in a folder, sorted by name.

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
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be listed: {error.strerror}") from error


def leads_out(entry: Path, folder: Path) -> bool:
    """Tell whether a folder's entry is a link to somewhere outside the folder.

    Parameters
    ----------
    entry, folder : Path
        The entry, which leads to something, and the folder it is in.

    Returns
    -------
    bool
    """
    return entry.is_symlink() and not entry.resolve().is_relative_to(folder.resolve())
