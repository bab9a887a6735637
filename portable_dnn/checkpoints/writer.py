"""Writing the checkpoints of a run while it goes on, and removing those that are too old."""

import contextlib
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from portable_dnn.arrays.devices import to_host
from portable_dnn.checkpoints.background import Background
from portable_dnn.checkpoints.file import CheckpointFormat
from portable_dnn.checkpoints.folder import Found, checkpoint_path, mark
from portable_dnn.checkpoints.intervals import Every
from portable_dnn.files.atomic import remove_leftovers, replace_bytes, temporary_beside
from portable_dnn.machine.memory import free_host_memory
from portable_dnn.training.run_memory import is_shortage
from portable_dnn.training.state import Snapshot
from portable_dnn.training.step import State
from portable_dnn.training.train import Progress

__all__ = ["KEPT", "SPACING", "CheckpointWriter"]

KEPT = 2
"""How many checkpoints of a run are kept: the last, and one in case it is damaged."""
SPACING = 0.1
"""Seconds between two writes, at least: files more often would cost time and save none."""


_FEW = 2**20  # numbers of which nobody asks whether there is memory: that takes time, too


class CheckpointWriter:
    """Writes the checkpoints of a run in the background; the last two stay.

    Where the interval is shorter than 0.1 s, or than the disk takes, checkpoints that wait give way
    to newer ones; the last two of a run are written in any case. What cannot be written is tried
    again at the next interval; there is one warning for each reason.

    Parameters
    ----------
    out : Path
        The run's model file; checkpoints are in the same folder.
    run : mapping of str to object
        As `describe_run` tells it.
    every : Every
        How often.
    iterations : int
        The last iteration is kept as well.
    found : Found, optional
        The checkpoint that the run continues from, and those to remove once there is a newer one.
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
        found: Found | None = None,
        warn: Callable[[str], object],
        written: Callable[[Path], object] | None = None,
    ) -> None:
        found = found or Found(None, [], [], (), ())
        self.newest = None if found.checkpoint is None else found.checkpoint.path
        self._out = out
        self._run = run
        self._mark = mark(run)
        self._format = CheckpointFormat(run)
        self._every = every
        self._iterations = iterations
        self._warn = warn
        self._written = written
        self._files = list(found.older)
        self._damaged = list(found.damaged)
        self._unwritten: Snapshot | None = None
        self._failures: list[str] = []
        self._told: set[str] = set()
        self._last = time.monotonic()
        self._put = -1
        self._background = Background(self._write, waiting=KEPT, spacing=SPACING)
        self._temporary = self._new_temporary()

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
            self.write_now(progress)

    def write_now(self, progress: Progress) -> None:
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
            if not _fits(snapshot.state):
                self._fail("not enough memory")
                return
            try:
                snapshot = replace(snapshot, state=State(*map(to_host, snapshot.state)))
            except Exception as error:
                if not is_shortage(error):
                    raise
                self._fail("not enough memory")
            else:
                self._background.put(snapshot)

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

    def rescue(self) -> Path | None:
        """Write what could not be written next to the model into a new folder for temporary files.

        Returns
        -------
        Path or None
            The file; None if there is nothing to write, or no place for it either.
        """
        snapshot = self._unwritten
        if snapshot is None:
            return None
        try:
            folder = Path(tempfile.mkdtemp(prefix="portable_dnn-"))
            path = folder / checkpoint_path(self._out, snapshot.iteration, self._mark).name
            replace_bytes(path, self._format.to_bytes(snapshot), folder / "temporary")
        except (OSError, MemoryError):
            return None
        return path

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
        first = checkpoint_path(self._out, iteration, self._mark)
        for file in [file for file in self._files if file >= first]:
            self._remove(file)
            self._files.remove(file)
        self._tell()
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
        remove_leftovers(checkpoint_path(self._out, self._iterations, self._mark))  # of a check

    def _write(self, snapshot: Snapshot) -> None:
        """Write one, then remove what is too old; runs in the background."""
        path = checkpoint_path(self._out, snapshot.iteration, self._mark)
        self._temporary = self._new_temporary()
        try:
            replace_bytes(path, self._format.to_bytes(snapshot), self._temporary)
        except (OSError, MemoryError) as error:
            reason = "not enough memory" if isinstance(error, MemoryError) else _reason(error)
            self._fail(reason)
            self._unwritten = snapshot
            self._format = CheckpointFormat(self._run)  # this one may be half laid out
            return
        self.newest, self._unwritten = path, None
        if self._written is not None:
            self._written(path)
        self._files = [*(file for file in self._files if file != path), path]
        for file in (*self._damaged, *self._files[:-KEPT]):
            if file != path:  # a damaged one may just have been replaced
                self._remove(file)
        self._damaged, self._files = [], self._files[-KEPT:]

    def _new_temporary(self) -> Path:
        """Name the next temporary file: another each time, so that nobody knows it before."""
        return temporary_beside(self._out).with_suffix(".checkpoint")

    def _fail(self, reason: str) -> None:
        """Remember why a checkpoint was not written."""
        self._failures.append(
            f"no checkpoint can be written beside {self._out}: {reason}; training goes on, and the "
            "next interval tries again"
        )

    def _remove(self, file: Path) -> None:
        """Remove a file, or warn that it cannot be removed."""
        try:
            os.unlink(file)  # noqa: PTH108 - fewer calls
        except FileNotFoundError:
            pass
        except OSError as error:
            self._failures.append(
                f"old checkpoints beside {self._out} cannot be removed: {_reason(error)}; they are "
                "left there"
            )

    def _tell(self) -> None:
        """Warn of what could not be done, once for each reason."""
        while self._failures:
            failure = self._failures.pop(0)
            if failure not in self._told:
                self._told.add(failure)
                self._warn(failure)


def _fits(state: State) -> bool:
    """Tell whether there is memory to write a state: it is copied, laid out and put together."""
    numbers: int = sum(math.prod(array.shape) for part in state for array in part.values())
    return numbers < _FEW or 32 * numbers <= free_host_memory()


def _reason(error: OSError) -> str:
    """Say why the system did not do something."""
    return error.strerror or str(error)
