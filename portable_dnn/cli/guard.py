"""A training run that is not lost: checkpoints, going on from one, and an orderly end."""

import shlex
import sys
import warnings
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import typer

from portable_dnn.cli.console import LOOK_SECONDS, Output
from portable_dnn.cli.signals import Asked, Interrupted
from portable_dnn.data.dataset import DataSet
from portable_dnn.devices import Device
from portable_dnn.errors import DivergenceError, SettingError
from portable_dnn.experiment import describe_run
from portable_dnn.files import check_writable
from portable_dnn.intervals import Every
from portable_dnn.settings import Settings
from portable_dnn.snapshot import Snapshot
from portable_dnn.training import Progress

if TYPE_CHECKING:
    from portable_dnn.checkpoints import Found, Keeper

__all__ = ["Guard", "check_needs_out"]


def check_needs_out(out: Path | None, every: Every, *, resume: bool) -> None:
    """Refuse checkpoints that would have no place to lie.

    Parameters
    ----------
    out : Path or None
        The model file.
    every : Every
        How often a checkpoint is asked for.
    resume : bool
        Whether to go on from one.

    Raises
    ------
    SettingError
        If there is no model file to lie beside.
    """
    if out is None and (resume or every != Every()):
        option = "--resume" if resume else "--checkpoint-every"
        raise SettingError(f"{option} needs --out MODEL.h5: checkpoints lie beside the model")


class Guard:
    """Stands by a run: writes checkpoints, and ends it in order when a signal asks for that.

    Parameters
    ----------
    out : Path or None
        The model file; without one nothing is kept.
    every : Every
        How often to write a checkpoint.
    resume : bool
        Whether to go on from one.
    output : Output
        Where to say so.
    asked : Asked
        Where a signal shows.
    """

    def __init__(
        self, out: Path | None, every: Every, *, resume: bool, output: Output, asked: Asked
    ) -> None:
        self._out = out
        self._every = every
        self._resume = resume
        self._output = output
        self._asked = asked
        self._keeper: Keeper | None = None
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
            To go on from, or None for the beginning.

        Raises
        ------
        SettingError
            If the checkpoints are those of another run.
        OutputError
            If checkpoints cannot be written.
        """
        self._iterations = settings.iterations
        if self._out is None:
            return None
        from portable_dnn.checkpoints import Found, Keeper, checkpoint_path, find

        run = self.described = describe_run(pictures, settings, device)
        found = find(self._out, run) if self._resume else Found(None, [], [], ())
        if self._every != Every():
            check_writable(checkpoint_path(self._out, settings.iterations))
        self._keeper = Keeper(
            self._out,
            run,
            every=self._every,
            iterations=settings.iterations,
            older=found.older,
            warn=_warn,
        )
        self._keeper.sweep()
        if self._resume:
            self._tell(found)
        return None if found.checkpoint is None else found.checkpoint.snapshot

    def _tell(self, found: "Found") -> None:
        """Say where the run goes on, and what was in the way."""
        for sentence in found.passed_over:
            _warn(f"{sentence}; passed over")
        if found.checkpoint is None:
            self._output.detail(f"resume   no checkpoint beside {self._out}: from the beginning")
            return
        iteration = found.checkpoint.snapshot.iteration
        self._output.detail(
            f"resume   {found.checkpoint.path}: {iteration} of {self._iterations} iterations are "
            "done"
        )
        if found.differences:
            _warn(
                f"{found.checkpoint.path} was made otherwise ({'; '.join(found.differences)}): the "
                "numbers are equal up to rounding from here on"
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
        keeper = self._keeper
        if keeper is not None:
            keeper.look(progress)
            if self._asked.number is not None:
                keeper.keep(progress)
        self._asked.check(progress.iteration + 1)

    def __enter__(self) -> "Guard":
        self._asked.patient = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Turn an ended run into an exit code; one that went well is not kept waiting."""
        self._asked.patient = False
        if error is None:
            return
        newest = self.finish()
        if isinstance(error, Interrupted):
            self._say_how_to_go_on(error, newest)
            raise typer.Exit(error.exit_code) from None
        if isinstance(error, DivergenceError) and self._keeper is not None:
            newest = self._keeper.discard(error.iteration)
        if isinstance(error, DivergenceError) and newest is not None:
            raise DivergenceError(
                f"{error}; the last checkpoint before it is {newest}", error.iteration
            ) from None

    def finish(self) -> Path | None:
        """Have everything on the disk, or give up within a second if that is interrupted.

        Returns
        -------
        Path or None
            The newest checkpoint.
        """
        keeper = self._keeper
        if keeper is None:
            return None
        try:
            return keeper.finish()
        finally:
            keeper.abandon()

    def _say_how_to_go_on(self, ended: Interrupted, newest: Path | None) -> None:
        """Say what an ended run leaves behind."""
        said = f"stopped  by {ended.cause} after {ended.iteration} of {self._iterations} iterations"
        self._output.line(said)
        if newest is None:
            where = "to keep it, name --out" if self._out is None else "no checkpoint was written"
            self._output.line(f"nothing  of it is kept: {where}")
            return
        arguments = [argument for argument in sys.argv[1:] if argument != "--resume"]
        self._output.line(f"kept     {newest}")
        self._output.line(f"go on    {shlex.join(['portable-dnn', *arguments, '--resume'])}")


def _warn(sentence: str) -> None:
    """Warn in one line."""
    warnings.warn(sentence, UserWarning, stacklevel=3)
