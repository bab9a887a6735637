"""A training run that is not lost: checkpoints, continuing from one, and an orderly end."""

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import typer

from portable_dnn.arrays.devices import Device
from portable_dnn.checkpoints.intervals import Every
from portable_dnn.cli.console import LOOK_SECONDS, Output
from portable_dnn.cli.messages import warn
from portable_dnn.cli.signals import Asked, Interrupted
from portable_dnn.data.dataset import DataSet
from portable_dnn.errors import DataError, DivergenceError, OutputError, SettingError
from portable_dnn.files.atomic import check_writable
from portable_dnn.isolation.runner import Limits
from portable_dnn.results.experiment import describe_run
from portable_dnn.training.settings import Settings
from portable_dnn.training.state import Snapshot
from portable_dnn.training.train import Progress

if TYPE_CHECKING:
    from portable_dnn.checkpoints.file import Checkpoint
    from portable_dnn.checkpoints.folder import Found
    from portable_dnn.checkpoints.writer import CheckpointWriter

__all__ = ["Guard", "check_needs_out"]


def check_needs_out(out: Path | None, every: Every, *, resume: bool) -> None:
    """Refuse checkpoints if there is no model file to write them next to.

    Parameters
    ----------
    out : Path or None
        The model file.
    every : Every
        How often a checkpoint is asked for.
    resume : bool
        Whether to continue from one.

    Raises
    ------
    SettingError
        If there is no model file.
    """
    if out is None and (resume or every != Every()):
        option = "--resume" if resume else "--checkpoint-every"
        raise SettingError(
            f"{option} needs --out MODEL.h5: checkpoints are written next to the model"
        )


class Guard:
    """Writes the checkpoints of a run, and ends it in order when a signal asks for that.

    Parameters
    ----------
    out : Path or None
        The model file; without one no checkpoint is written.
    every : Every
        How often to write a checkpoint.
    resume : bool
        Whether to continue from one.
    output : Output
        Where to report it.
    asked : Asked
        Where a signal that came is noted.
    limits : Limits or None
        Read checkpoints in another process within these; None for this process.
    """

    def __init__(
        self,
        out: Path | None,
        every: Every,
        *,
        resume: bool,
        output: Output,
        asked: Asked,
        limits: Limits | None = None,
    ) -> None:
        self._out = out
        self._every = every
        self._resume = resume
        self._output = output
        self._asked = asked
        self._limits = limits
        self._writer: CheckpointWriter | None = None
        self._iterations = 0
        self.described: dict[str, Any] | None = None

    @property
    def stop_every(self) -> int | None:
        """After how many iterations the run must look here, if it must."""
        return self._every.iterations

    @property
    def look_seconds(self) -> float:
        """After how many seconds it should."""
        return min(LOOK_SECONDS, self._every.seconds or LOOK_SECONDS)

    def begin(self, pictures: DataSet, settings: Settings, device: Device) -> Snapshot | None:
        """Find out where the run begins.

        Parameters
        ----------
        pictures, settings, device
            As for `run`.

        Returns
        -------
        Snapshot or None
            Where the run continues, or None for the beginning.

        Raises
        ------
        SettingError
            If the checkpoints are those of another run.
        DataError
            If a checkpoint that may be whole cannot be read.
        OutputError
            If checkpoints cannot be written.
        """
        self._iterations = settings.iterations
        if self._out is None:
            return None
        from portable_dnn.checkpoints.folder import checkpoint_path, find, mark
        from portable_dnn.checkpoints.writer import CheckpointWriter

        run = self.described = describe_run(pictures, settings, device)
        found = find(self._out, run, self._read()) if self._resume else None
        if self._every != Every():
            check_writable(checkpoint_path(self._out, settings.iterations, mark(run)))
        self._writer = CheckpointWriter(
            self._out,
            run,
            every=self._every,
            iterations=settings.iterations,
            found=found,
            warn=warn,
        )
        self._writer.sweep()
        if found is None:
            _tell_of_unfinished(self._out, mark(run), settings.iterations)
            return None
        self._tell(found)
        return None if found.checkpoint is None else found.checkpoint.snapshot

    def _read(self) -> Callable[[Path], "Checkpoint"]:
        """Choose what reads a checkpoint: this process, or another with --isolate."""
        if self._limits is None:
            from portable_dnn.checkpoints.file import read_checkpoint

            return read_checkpoint
        from portable_dnn.isolation.readers import read_checkpoint_isolated

        return partial(read_checkpoint_isolated, limits=self._limits)

    def _tell(self, found: "Found") -> None:
        """Say where the run continues, and which checkpoints could not be used."""
        for sentence in found.passed_over:
            warn(f"{sentence}; skipped")
        if found.checkpoint is None:
            self._output.detail(
                f"resume   no checkpoint next to {self._out}: starting from the beginning"
            )
            return
        iteration = found.checkpoint.snapshot.iteration
        self._output.detail(
            f"resume   {found.checkpoint.path}: {iteration} of {self._iterations} iterations are "
            "done"
        )
        if found.differences:
            warn(
                f"{found.checkpoint.path} was made under other conditions "
                f"({'; '.join(found.differences)}): the numbers are equal up to "
                "rounding from here on"
            )

    def look(self, progress: Progress) -> None:
        """Write a checkpoint if it is time, and end the run if somebody asked for that.

        Parameters
        ----------
        progress : Progress
            Where the run stands.

        Raises
        ------
        Interrupted
            If a signal came.
        """
        if self._writer is not None:
            self._writer.look(progress)
        number = self._asked.number  # a signal may come after this look: then it waits for the next
        if number is not None:
            self.write_now(progress)
            raise Interrupted(number, progress.iteration + 1)

    def write_now(self, progress: Progress) -> None:
        """Write a checkpoint now: the run is about to end.

        Parameters
        ----------
        progress : Progress
            Where the run stands.
        """
        if self._writer is not None:
            self._writer.write_now(progress)

    def __enter__(self) -> "Guard":
        self._asked.patient = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait until everything is on the disk, and turn an ended run into an exit code."""
        if error is not None and not isinstance(error, Exception):
            self.abandon()  # the second signal: at once
            return
        newest = self.finish()
        self._asked.patient = False
        number = self._asked.number
        if number is not None and isinstance(error, OSError) and not isinstance(error, OutputError):
            raise typer.Exit(128 + number) from None  # the terminal is gone: nobody to tell
        if isinstance(error, Interrupted):
            self._say_how_to_go_on(error, newest)
            raise typer.Exit(error.exit_code) from None
        if isinstance(error, DivergenceError) and self._writer is not None:
            newest = self._writer.discard(error.iteration)
        if isinstance(error, DivergenceError) and newest is not None:
            raise DivergenceError(
                f"{error}; the last checkpoint before it is {newest}", error.iteration
            ) from None
        if error is None and number is not None:
            late = Interrupted(number, self._iterations)
            self._output.line(
                f"stopped  by {late.cause} after the last iteration: everything is saved"
            )
            raise typer.Exit(late.exit_code)

    def abandon(self) -> None:
        """Stop writing within a second."""
        if self._writer is not None:
            self._writer.abandon()

    def finish(self) -> Path | None:
        """Wait until everything is on the disk, or give up within a second if that is interrupted.

        Returns
        -------
        Path or None
            The newest checkpoint.
        """
        writer = self._writer
        if writer is None:
            return None
        try:
            return writer.finish()
        finally:
            writer.abandon()

    def _say_how_to_go_on(self, ended: Interrupted, newest: Path | None) -> None:
        """Say what an ended run leaves behind."""
        # Where the terminal is gone, nobody reads it.
        with contextlib.suppress(OSError):
            for line in self._left_behind(ended, newest):
                self._output.line(line)

    def _left_behind(self, ended: Interrupted, newest: Path | None) -> Iterator[str]:
        """Give the lines of it."""
        done = ended.iteration
        yield f"stopped  by {ended.cause} after {done} of {self._iterations} iterations"
        saved = None if self._writer is None else self._writer.rescue()
        if saved is not None:
            yield f"kept     {saved}, since it cannot be written next to the model"
            yield f"resume   move it next to {self._out}, then run {_go_on(sys.argv[1:])}"
        elif newest is None:
            where = "to keep a run, add --out" if self._out is None else "no checkpoint was written"
            yield f"kept     nothing: {where}"
        else:
            from portable_dnn.checkpoints.folder import iteration_of

            lost = done - iteration_of(newest)
            note = f", {lost} iterations earlier: those are lost" if lost else ""
            yield f"kept     {newest}{note}"
            yield f"resume   {_go_on(sys.argv[1:])}"


def _go_on(arguments: Sequence[str]) -> str:
    """Write the command that continues from a checkpoint; what follows `--` is not an option."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != "--resume"]
    return shlex.join(["portable-dnn", *options, "--resume", *arguments[end:]])


def _tell_of_unfinished(out: Path, run_mark: str, iterations: int) -> None:
    """Name the checkpoint that a run which starts from the beginning could have continued from."""
    from portable_dnn.checkpoints.folder import list_checkpoints

    try:
        listed = list_checkpoints(out, run_mark)
    except DataError:  # a folder may be written to that cannot be listed
        return
    if listed and listed[0][0] < iterations:
        warn(
            f"{listed[0][1]} is of this run, which now starts from the beginning: it is kept until "
            "the run has come as far; to continue from it instead, stop and add --resume"
        )
