"""Checkpoints of a run, beside its model: which there are, which are kept, which to go on from.

A file is called `MODEL.h5.checkpoint-ITERATION`. Those of other runs are never touched.
"""

import contextlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from portable_dnn.background import Background
from portable_dnn.checkpoint import Checkpoint, CheckpointFormat, read_checkpoint
from portable_dnn.devices import to_host
from portable_dnn.errors import DataError, SettingError
from portable_dnn.files import remove_leftovers, replace_bytes, temporary_beside
from portable_dnn.intervals import Every
from portable_dnn.snapshot import Snapshot
from portable_dnn.training import Progress

__all__ = ["Found", "Keeper", "checkpoint_path", "find", "list_checkpoints"]

KEPT = 2
"""How many checkpoints of a run are kept: the last, and one in case it is damaged."""
SPACING = 0.1
"""Seconds between two writes, at least: files more often would cost time and save none."""
_WORD = ".checkpoint-"


def checkpoint_path(out: Path, iteration: int) -> Path:
    """Name a checkpoint.

    Parameters
    ----------
    out : Path
        The run's model file.
    iteration : int
        Updates made.

    Returns
    -------
    Path
    """
    return out.with_name(f"{out.name}{_WORD}{iteration:010d}")


def list_checkpoints(out: Path) -> list[tuple[int, Path]]:
    """List the checkpoints beside a model file, by their names.

    Parameters
    ----------
    out : Path
        The model file; it need not exist.

    Returns
    -------
    list of (int, Path)
        Iteration and file, the newest first.

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
    ends = [name.removeprefix(start) for name in names]
    numbers = [int(end) for end in ends if end.isascii() and end.isdigit() and len(end) < 20]
    return [(n, path) for n in sorted(numbers, reverse=True) for path in [checkpoint_path(out, n)]]


class Found(NamedTuple):
    """What `find` found.

    Attributes
    ----------
    checkpoint : Checkpoint or None
        The newest whole one of this run.
    passed_over : list of str
        A sentence for each newer file that cannot be used.
    differences : list of str
        What it was made with that is different here: the numbers go on, but for rounding.
    older : tuple of Path
        Files of this run and damaged ones, to be removed once newer ones are there.
    """

    checkpoint: Checkpoint | None
    passed_over: list[str]
    differences: list[str]
    older: tuple[Path, ...]


def find(out: Path, run: Mapping[str, Any]) -> Found:
    """Find the newest whole checkpoint of a run.

    Parameters
    ----------
    out : Path
        The run's model file.
    run : mapping of str to object
        As `describe_run` tells it.

    Returns
    -------
    Found

    Raises
    ------
    SettingError
        If there are whole checkpoints, but all are of other runs; the message names the
        differences.
    DataError
        If the folder cannot be listed.
    """
    newest: Checkpoint | None = None
    passed_over: list[str] = []
    older: list[Path] = []
    foreign: list[str] = []
    for _, path in list_checkpoints(out):
        try:
            found = read_checkpoint(path)
        except DataError as error:
            older.append(path)
            if newest is None:
                passed_over.append(str(error))
            continue
        different = _deciding(found.run, run)
        if different:
            foreign.append(f"{path} is of another run: {'; '.join(different)}")
            continue
        older.append(path)
        newest = newest or found
    if newest is None and foreign:
        raise SettingError(
            f"{foreign[0]}; give the command of that run, or remove its checkpoints to begin anew"
        )
    differences = [] if newest is None else list(_rounding(newest.run, run))
    return Found(newest, passed_over, differences, tuple(reversed(older)))


def _deciding(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Say in what another run differs, of what decides it."""
    theirs, ours = (json.loads(json.dumps(run)) for run in (theirs, ours))
    differences = list(_differing(theirs.get("settings"), ours["settings"]))
    their_data = theirs.get("data")
    there = their_data if isinstance(their_data, dict) else {}
    if there.get("sha256") != ours["data"]["sha256"]:
        differences.append(
            f"its data are others ({there.get('source')}, sha256 {str(there.get('sha256'))[:12]}…, "
            f"here {ours['data']['source']}, {ours['data']['sha256'][:12]}…)"
        )
    return differences


def _rounding(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
    """Say in what the same run was made otherwise."""
    if theirs.get("device") != ours["device"]:
        yield f"device {theirs.get('device')} there and {ours['device']} here"
    yield from _differing(theirs.get("versions"), ours["versions"])


def _differing(theirs: object, ours: Mapping[str, Any]) -> Iterator[str]:
    """Compare two dicts entry by entry."""
    there = theirs if isinstance(theirs, dict) else {}
    for name in sorted({*there, *ours}):
        a, b = (_plain(values.get(name)) for values in (there, ours))
        if a != b:
            yield f"{name} {a} there and {b} here"


def _plain(value: object) -> str:
    """Write a setting as on the command line."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


class Keeper:
    """Writes the checkpoints of a run, in the background, and keeps the last two.

    Where the interval is shorter than 0.1 s, or than the disk takes, checkpoints that wait give way
    to newer ones; the last two of a run are written in any case.
    What cannot be written is tried again at the next interval; each reason is told once.

    Parameters
    ----------
    out : Path
        The run's model file; checkpoints lie beside it.
    run : mapping of str to object
        As `describe_run` tells it.
    every : Every
        How often.
    iterations : int
        The last iteration is kept as well.
    older : sequence of Path
        `Found.older`.
    warn : callable
        Told once of each reason why checkpoints cannot be written.
    written : callable, optional
        Told of each file that is on the disk, in the background.
    """

    def __init__(
        self,
        out: Path,
        run: Mapping[str, Any],
        *,
        every: Every,
        iterations: int,
        older: tuple[Path, ...] = (),
        warn: Callable[[str], object],
        written: Callable[[Path], object] | None = None,
    ) -> None:
        self.newest: Path | None = older[-1] if older else None
        self._out = out
        self._format = CheckpointFormat(run)
        self._every = every
        self._iterations = iterations
        self._warn = warn
        self._written = written
        self._files = list(older)
        self._failures: list[str] = []
        self._told: set[str] = set()
        self._last = time.monotonic()
        self._put = -1
        self._background = Background(self._write, waiting=KEPT, spacing=SPACING)
        self._temporary = temporary_beside(out).with_suffix(".checkpoint")

    def look(self, progress: Progress) -> None:
        """Write a checkpoint if it is time for one.

        Parameters
        ----------
        progress : Progress
            Where the run stands.
        """
        done, every = progress.iteration + 1, self._every
        now = time.monotonic()
        due = every.iterations is not None and done % every.iterations == 0
        due |= every.seconds is not None and now - self._last >= every.seconds
        due |= every != Every() and done == self._iterations
        if due:
            self._last = now
            self.keep(progress)

    def keep(self, progress: Progress) -> None:
        """Write a checkpoint now, unless the cost is no longer finite.

        Where the run looks at that cost itself, it is not worked out here too; see `discard`.

        Parameters
        ----------
        progress : Progress
            Where the run stands.
        """
        self._tell()
        if self._put == progress.iteration:
            return
        if progress.is_recorded_next or math.isfinite(progress.cost):
            self._put = progress.iteration
            snapshot = progress.snapshot
            self._background.put(replace(snapshot, state=to_host(snapshot.state)))

    def finish(self) -> Path | None:
        """Wait until everything is on the disk.

        Returns
        -------
        Path or None
            The newest checkpoint.
        """
        self._background.wait()
        self._tell()
        return self.newest

    def discard(self, iteration: int) -> Path | None:
        """Remove the checkpoints of a run that went wrong, from where it did so.

        Parameters
        ----------
        iteration : int
            How many updates had been made where the cost was not finite.

        Returns
        -------
        Path or None
            The newest that is left.
        """
        wrong = [file for file in self._files if file >= checkpoint_path(self._out, iteration)]
        for file in wrong:
            file.unlink(missing_ok=True)
            self._files.remove(file)
        self.newest = self._files[-1] if self._files else None
        return self.newest

    def abandon(self) -> None:
        """Stop writing within a second, and leave no temporary file."""
        self._background.wait(1.0)
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove temporary files of runs that were killed while they wrote."""
        remove_leftovers(self._out)

    def _write(self, snapshot: Snapshot) -> None:
        """Write one, then remove what is too old; runs in the background."""
        path = checkpoint_path(self._out, snapshot.iteration)
        try:
            replace_bytes(path, self._format.to_bytes(snapshot), self._temporary)
            self.newest = path
            if self._written is not None:
                self._written(path)
            self._files = [*(file for file in self._files if file != path), path]
            while len(self._files) > KEPT:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._files[0])  # noqa: PTH108 - fewer calls
                del self._files[0]
        except OSError as error:
            self._failures.append(error.strerror or str(error))

    def _tell(self) -> None:
        """Warn of what could not be written, once for each reason."""
        while self._failures:
            reason = self._failures.pop(0)
            if reason not in self._told:
                self._told.add(reason)
                self._warn(
                    f"no checkpoint can be written beside {self._out}: {reason}; training goes on, "
                    "and the next interval tries again"
                )
