"""Checkpoints of runs, beside their model: what they are called, and which to go on from.

A file is called `MODEL.h5.checkpoint-ITERATION-MARK`. The mark tells runs apart whose settings or
data differ, so that one never replaces the file of another; without a mark is allowed as well.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from portable_dnn.checkpoints.file import Checkpoint, read_checkpoint
from portable_dnn.errors import DamagedError, DataError, SettingError
from portable_dnn.training.settings import as_of_today, without_later

__all__ = ["Found", "checkpoint_path", "find", "iteration_of", "list_checkpoints", "mark"]

_WORD = ".checkpoint-"
_END = re.compile(r"([0-9]{1,19})(?:-([0-9a-f]{8}))?", re.ASCII)
_MOST_DIFFERENCES = 5
_MOST_SHOWN = 60  # characters of a setting


def mark(run: Mapping[str, Any]) -> str:
    """Return what tells the files of a run from those of others in the same folder.

    Parameters
    ----------
    run : mapping of str to object
        As `describe_run` tells it.

    Returns
    -------
    str
        Eight hexadecimal digits, of the settings and the data.
    """
    deciding = [without_later(run["settings"]), run["data"]["sha256"]]
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:8]


def checkpoint_path(out: Path, iteration: int, run_mark: str = "") -> Path:
    """Name a checkpoint.

    Parameters
    ----------
    out : Path
        The run's model file.
    iteration : int
        Updates made.
    run_mark : str
        What `mark` says of the run.

    Returns
    -------
    Path
    """
    end = f"-{run_mark}" if run_mark else ""
    return out.with_name(f"{out.name}{_WORD}{iteration:010d}{end}")


def iteration_of(path: Path) -> int:
    """Read an iteration off the name that `checkpoint_path` gave.

    Parameters
    ----------
    path : Path
        A checkpoint.

    Returns
    -------
    int
    """
    named = _END.fullmatch(path.name.rpartition(_WORD)[2])
    return int(named[1]) if named else 0


def list_checkpoints(out: Path, run_mark: str | None = None) -> list[tuple[int, Path]]:
    """List the checkpoints beside a model file, by their names.

    Parameters
    ----------
    out : Path
        The model file; it need not exist.
    run_mark : str, optional
        Those of one run only.

    Returns
    -------
    list of (int, Path)
        Iteration and file, the newest first. Folders are no checkpoints, whatever their names.

    Raises
    ------
    DataError
        If the folder cannot be listed.
    """
    start = f"{out.name}{_WORD}"
    try:
        names = [path.name for path in out.parent.iterdir() if path.name.startswith(start)]
    except OSError as error:
        raise DataError(f"the folder {out.parent} cannot be listed: {error.strerror}") from error
    ends = {name: _END.fullmatch(name.removeprefix(start)) for name in names}
    found = [
        (int(end[1]), out.with_name(name))
        for name, end in ends.items()
        if end is not None and run_mark in (None, end[2])
    ]
    return sorted(((n, path) for n, path in found if not _is_folder(path)), reverse=True)


def _is_folder(path: Path) -> bool:
    """Tell whether a path is a folder for sure."""
    try:
        return path.is_dir()
    except OSError:
        return False  # whoever reads it says what is wrong


class Found(NamedTuple):
    """What `find` found.

    Attributes
    ----------
    checkpoint : Checkpoint or None
        The newest whole one of this run.
    passed_over : list of str
        A sentence for each newer file that is damaged.
    differences : list of str
        What it was made with that is different here: the numbers go on, but for rounding.
    older : tuple of Path
        Whole files of this run, the oldest first, the last of which is `checkpoint`.
    damaged : tuple of Path
        Damaged files of this run: of no use once there is a new one.
    """

    checkpoint: Checkpoint | None
    passed_over: list[str]
    differences: list[str]
    older: tuple[Path, ...]
    damaged: tuple[Path, ...]


def find(
    out: Path, run: Mapping[str, Any], read: Callable[[Path], Checkpoint] = read_checkpoint
) -> Found:
    """Find the newest whole checkpoint of a run.

    Only a file whose checksum is wrong is passed over. One that cannot be read now, for want of
    memory or of a newer version, may be hours of work: whoever asks must decide.

    Parameters
    ----------
    out : Path
        The run's model file.
    run : mapping of str to object
        As `describe_run` tells it.
    read : callable, default read_checkpoint
        Path → checkpoint.

    Returns
    -------
    Found

    Raises
    ------
    SettingError
        If there are whole checkpoints, but all are of other runs; the message names the
        differences.
    DataError
        If the folder cannot be listed, or the newest checkpoint cannot be read but is not known
        to be damaged.
    """
    newest: Checkpoint | None = None
    passed_over: list[str] = []
    older: list[Path] = []
    damaged: list[Path] = []
    foreign: list[str] = []
    ours = checkpoint_path(out, 0, mark(run)).name[-9:]
    listed = [path for _, path in list_checkpoints(out)]
    # Files of other marks are looked at only where there is none of ours, to name the differences.
    for path in sorted(listed, key=lambda path: _is_marked_otherwise(path, ours)):
        is_other = _is_marked_otherwise(path, ours)
        if is_other and (newest is not None or foreign):
            break
        try:
            found = read(path)
        except DamagedError as error:
            if path.name.endswith(ours):
                damaged.append(path)
            if newest is None:
                passed_over.append(str(error))
            continue
        except DataError as error:
            if newest is None:
                raise DataError(
                    f"{error}; it may be intact, so it was not skipped: fix the cause, or move the "
                    "file away to continue without it"
                ) from error
            continue
        different = _deciding(found.run, run)
        if different:
            foreign.append(f"{path} is of another run: {'; '.join(different)}")
            continue
        older.append(path)
        newest = newest or found
    if newest is None and foreign and not damaged:
        raise SettingError(
            f"{foreign[0]}; give the command of that run, or leave out --resume to begin anew"
        )
    differences = [] if newest is None else list(_rounding(newest.run, run))
    return Found(newest, passed_over, differences, tuple(reversed(older)), tuple(damaged))


def _is_marked_otherwise(path: Path, end: str) -> bool:
    """Tell whether a file's name says that it is of another run."""
    marked = _END.fullmatch(path.name.rpartition(_WORD)[2])
    return marked is not None and marked[2] is not None and not path.name.endswith(end)


def _deciding(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Say in what another run differs, of what decides it."""
    theirs, ours = (json.loads(json.dumps(run)) for run in (theirs, ours))
    settings = theirs.get("settings")
    there = as_of_today(settings) if isinstance(settings, dict) else settings
    differences = list(_differing(there, as_of_today(ours["settings"])))
    if len(differences) > _MOST_DIFFERENCES:
        more = len(differences) - _MOST_DIFFERENCES
        differences[_MOST_DIFFERENCES:] = [f"and {more} more"]
    their_data = theirs.get("data")
    there = their_data if isinstance(their_data, dict) else {}
    if there.get("sha256") != ours["data"]["sha256"]:
        source, sha256 = _short(there.get("source")), str(there.get("sha256"))[:12]
        differences.append(
            f"its data are others ({source}, sha256 {sha256}…, "
            f"here {ours['data']['source']}, {ours['data']['sha256'][:12]}…)"
        )
    return differences


def _rounding(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
    """Say in what the same run was made otherwise."""
    if theirs.get("device") != ours["device"]:
        yield f"device {_short(theirs.get('device'))} there and {ours['device']} here"
    yield from _differing(theirs.get("versions"), ours["versions"])


def _differing(theirs: object, ours: Mapping[str, Any]) -> Iterator[str]:
    """Compare two dicts entry by entry."""
    there = theirs if isinstance(theirs, dict) else {}
    for name in sorted({*there, *ours}):
        a, b = (_plain(values.get(name)) for values in (there, ours))
        if a != b:
            yield f"{_short(name)} {_short(a)} there and {_short(b)} here"


def _short(value: object) -> str:
    """Cut what a file says, so that it does not hide what follows."""
    text = str(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _plain(value: object) -> str:
    """Write a setting as on the command line."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
