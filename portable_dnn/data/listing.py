"""Listing the pictures in a folder, and naming what is left out."""

import os
import stat
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from portable_dnn.data.pictures import READABLE, is_picture
from portable_dnn.errors import DataError
from portable_dnn.files.paths import entries, existing_folder, leads_out

__all__ = ["PICTURES", "SUBFOLDERS", "left_out", "other_files", "picture_files", "sort_out"]

PICTURES = "pictures"
"""A kind of `sort_out`."""
SUBFOLDERS = "subfolders"
"""A kind of `sort_out`."""
_MOST_NAMED = 5


def picture_files(path: str | Path, *, follow_links: bool = False) -> list[Path]:
    """List the pictures in a folder, sorted by name.

    A picture is known by its content or by its extension. Subfolders are not entered; hidden files
    and links that lead out of the folder are left out.

    Parameters
    ----------
    path : str or Path
        The folder.
    follow_links : bool, default False
        Take links that lead out of the folder as well.

    Returns
    -------
    list of Path
        At least one file.

    Raises
    ------
    DataError
        If the folder is missing, is not a folder, cannot be listed or holds no picture.

    Examples
    --------
    >>> from pathlib import Path
    >>> from portable_dnn.data import picture_files
    >>> for name in ("b.png", "a.JPG", "notes.txt"):
    ...     Path(name).touch()
    >>> [file.name for file in picture_files(".")]
    ['a.JPG', 'b.png']
    """
    folder = existing_folder(path, "a folder of pictures")
    found = sort_out(folder, follow_links=follow_links)
    if PICTURES not in found:
        rest = f"; it has {_told(found)}" if found else ""
        raise DataError(f"the folder {folder} holds no {READABLE} pictures{rest}")
    return found[PICTURES]


def other_files(folder: Path, *, follow_links: bool = False) -> list[Path]:
    """List what `picture_files` passes over; `left_out` says why.

    Parameters
    ----------
    folder : Path
        The folder.
    follow_links : bool, default False
        As for `picture_files`.

    Returns
    -------
    list of Path
        Whatever else is in the folder, sorted by name.

    Raises
    ------
    DataError
        If the folder cannot be listed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from portable_dnn.data import other_files
    >>> for name in ("b.png", "a.JPG", "notes.txt"):
    ...     Path(name).touch()
    >>> [file.name for file in other_files(Path("."))]
    ['notes.txt']
    """
    found = sort_out(folder, follow_links=follow_links)
    return sorted(chain.from_iterable(files for kind, files in found.items() if kind != PICTURES))


def left_out(folder: str | Path, *, taken: str = PICTURES, follow_links: bool = False) -> list[str]:
    """Say what of a folder is left out.

    Parameters
    ----------
    folder : str or Path
        The folder.
    taken : str
        The kind of `sort_out` that is taken.
    follow_links : bool, default False
        As for `picture_files`.

    Returns
    -------
    list of str
        A sentence, or none if nothing is left out.

    Raises
    ------
    DataError
        If the folder cannot be listed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from portable_dnn.data import left_out
    >>> Path("album", "2024").mkdir(parents=True)
    >>> for name in ("b.png", "2024/a.png"):
    ...     Path("album", name).touch()
    >>> left_out("album")
    ['left out of album: subfolders (1: 2024 with 1 file)']
    """
    found = sort_out(Path(folder), follow_links=follow_links)
    rest = {kind: files for kind, files in found.items() if kind != taken}
    return [f"left out of {folder}: {_told(rest)}"] if rest else []


def sort_out(folder: Path, *, follow_links: bool) -> dict[str, list[Path]]:
    """Sort what is in a folder by what it is.

    Parameters
    ----------
    folder : Path
        An existing folder.
    follow_links : bool
        Whether links that lead out of it are taken for what they lead to.

    Returns
    -------
    dict of str to list of Path
        By kind, in words; the files of a kind are sorted by name.

    Raises
    ------
    DataError
        If the folder, or something in it, cannot be looked at.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    for entry in entries(folder):
        found[_kind(entry, folder, follow_links)].append(entry)
    return dict(found)


def _kind(entry: Path, folder: Path, follow_links: bool) -> str:
    """Say in words what an entry of a folder is."""
    if entry.name.startswith("."):
        return "hidden files or folders"
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        if os.path.islink(entry):  # noqa: PTH114 - the method may raise as well
            return "links that lead nowhere"
        raise DataError(
            f"{entry} cannot be looked at: {error.strerror}; to enter the folder {folder} takes "
            "the right to search it, as 'chmod a+x' gives it"
        ) from error
    if not follow_links and leads_out(entry, folder):
        return "links that lead out of the folder"
    if stat.S_ISDIR(mode):
        return SUBFOLDERS
    if not stat.S_ISREG(mode):
        return "pipes, devices or the like"
    return PICTURES if is_picture(entry) else f"files that are no {READABLE} pictures"


def _told(found: Mapping[str, Sequence[Path]]) -> str:
    """Count and name what was found."""
    return "; ".join(
        f"{kind} ({len(files)}: {_names(kind, files)})" for kind, files in found.items()
    )


def _names(kind: str, files: Sequence[Path]) -> str:
    """Name a few files, and of folders what is in them."""
    names = [
        file.name + (f" with {_files_below(file)}" if kind == SUBFOLDERS else "")
        for file in files[:_MOST_NAMED]
    ]
    rest = len(files) - len(names)
    return ", ".join(names) + (f" and {rest} more" if rest else "")


def _files_below(folder: Path) -> str:
    """Count the files in a folder and the folders in it."""
    closed: list[OSError] = []
    count = sum(len(files) for _, _, files in os.walk(folder, onerror=closed.append))
    hidden = " that can be listed" if closed else ""
    return f"{count} file{'s' * (count != 1)}{hidden}"
