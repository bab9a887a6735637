"""`portable-dnn sweep`: which settings give the lowest cost."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from portable_dnn.arrays.devices import Device, choose_device
from portable_dnn.cli.console import LOOK_SECONDS, Bar, Output
from portable_dnn.cli.inputs import (
    IsolateMemoryOption,
    IsolateOption,
    IsolateSecondsOption,
    isolation_limits,
    load_data,
)
from portable_dnn.cli.keeping import Keeper
from portable_dnn.cli.options import (
    CompressOption,
    DataArgument,
    DeviceOption,
    DtypeOption,
    HiddenOption,
    IterationsOption,
    QuietOption,
    SeedOption,
    TestOption,
    check_outputs,
    output_file,
    parse_layers,
    parse_names,
)
from portable_dnn.cli.results import show_cost
from portable_dnn.cli.signals import Asked, Interrupted, caught
from portable_dnn.data.dataset import DataSet
from portable_dnn.errors import DivergenceError, OutputError
from portable_dnn.network.initializers import INITIALIZATIONS
from portable_dnn.results.experiment import Experiment, check_out, run, training_pictures
from portable_dnn.training.settings import Settings
from portable_dnn.training.train import Progress

__all__ = ["sweep"]

_COLUMNS = ("learning rate", "layers", "start", "cost", "training accuracy", "test accuracy")


def sweep(
    data: DataArgument = None,
    test: TestOption = None,
    learning_rate: Annotated[
        list[float] | None,
        typer.Option(
            "--learning-rate",
            metavar="RATE",
            help="A learning rate to try; may be repeated. By default 0.003, 0.0075 and 0.01.",
            show_default=False,
        ),
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(
            "--layers",
            metavar="SIZES",
            help="Units of the hidden layers to try, separated by commas; may be repeated. By "
            "default 20,7,5.",
            show_default=False,
        ),
    ] = None,
    init: Annotated[
        list[str] | None,
        typer.Option(
            "--init",
            metavar="|".join(INITIALIZATIONS),
            help="A way to draw the initial weights to try; may be repeated. By default lecun.",
            show_default=False,
        ),
    ] = None,
    hidden: HiddenOption = "relu",
    seed: SeedOption = 1,
    iterations: IterationsOption = 2500,
    dtype: DtypeOption = "float64",
    compress: CompressOption = "auto",
    device: DeviceOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            parser=output_file,
            metavar="MODEL.h5",
            help="File to save the model with the lowest cost in: HDF5, or safetensors if the "
            "name ends in .safetensors. Without it no model is saved.",
        ),
    ] = None,
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Train with several settings, and report the lowest cost.

    The cost is that on the training pictures. Repeated options make a grid: with --learning-rate
    0.01 --learning-rate 0.0075 --layers 20,7,5 --layers 7 four networks are trained.
    """
    base = Settings(
        hidden=parse_names(hidden), seed=seed, iterations=iterations, dtype=dtype, compress=compress
    )
    grid = [
        replace(base, learning_rate=rate, layers=parse_layers(sizes), initialization=start)
        for rate, sizes, start in product(
            learning_rate or [0.003, 0.0075, 0.01], layers or ["20,7,5"], init or ["lecun"]
        )
    ]
    for settings in grid:
        settings.check()
    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    check_outputs({"--out": out}, {"DATA": data, "--test": test})
    pictures = load_data(data, test, limits)
    training_pictures(pictures)
    if out is not None:
        for settings in grid:
            check_out(pictures, settings, out)
    target = choose_device(device)

    output = Output(quiet=quiet)
    output.detail(f"device   {target} ({target.why})")
    tried = _Tried(out)
    with caught() as asked:
        asked.patient = True  # until all is kept
        try:
            with output.progress(len(grid) * iterations) as bar:
                for number, settings in enumerate(grid):
                    look = partial(_look, bar, asked, number * iterations)
                    outcome = tried.add(settings, _try(pictures, settings, target, look))
                    name = ", ".join(_name(settings))
                    output.detail(f"run {number + 1} of {len(grid)}: {name}: {outcome}")
        except Interrupted as ended:
            with contextlib.suppress(OSError):  # where the terminal is gone, nobody reads it
                done = f"{len(tried.rows)} of {len(grid)} runs"
                output.line(f"stopped  by {ended.cause} after {done}")
        except Exception:  # what is finished is kept, whatever ends the others
            tried.keep(output)
            raise
        tried.keep(output)
    if asked.number is not None:
        raise typer.Exit(128 + asked.number)
    if tried.best is None:
        raise DivergenceError("no run of the sweep kept a finite cost; try smaller learning rates")


class _Tried:
    """The runs that are finished; the best model is saved as soon as there is one.

    Parameters
    ----------
    out : Path or None
        Where to.
    """

    def __init__(self, out: Path | None) -> None:
        self.rows: list[tuple[str, ...]] = []
        self.best: tuple[Settings, Experiment] | None = None
        self._out = out
        self._saved = False

    def add(self, settings: Settings, tried: Experiment | DivergenceError) -> str:
        """Take a run that is finished, and say how it went."""
        from portable_dnn.models.store import save_model  # it brings h5py

        if isinstance(tried, DivergenceError):
            self.rows.append((*_name(settings), "diverged", "-", "-"))
            return str(tried)
        result = _numbers(tried)
        self.rows.append((*_name(settings), *result))
        if self.best is None or tried.training.cost < self.best[1].training.cost:
            self.best, self._saved = (settings, tried), False
            if self._out is not None:
                with contextlib.suppress(OutputError):  # it is tried again at the end, and told
                    save_model(tried.model, self._out)
                    self._saved = True
        return f"cost {result[0]}"

    def keep(self, output: Output) -> None:
        """Show the runs, and see that the best model is saved."""
        keeper = Keeper()
        if self.rows:
            keeper.attempt(lambda: output.table(_COLUMNS, self.rows))
        if self.best is not None:
            keeper.attempt(partial(self._keep_best, output, *self.best))
        keeper.check()

    def _keep_best(self, output: Output, settings: Settings, best: Experiment) -> None:
        """Save the best model, unless that is done, and say which it is."""
        from portable_dnn.models.store import save_model_somewhere

        if self._out is not None and not self._saved:
            save_model_somewhere(best.model, self._out)
        rate, sizes, start = _name(settings)
        output.line(f"lowest cost: learning rate {rate}, layers {sizes}, start {start}")
        if self._out is not None:
            output.line(f"model    {self._out}")


def _try(
    pictures: DataSet, settings: Settings, device: Device, callback: Callable[[Progress], object]
) -> Experiment | DivergenceError:
    """Train at one point of the grid; a run that diverges is a result too."""
    try:
        return run(pictures, settings, device, callback=callback, callback_seconds=LOOK_SECONDS)
    except DivergenceError as error:
        return error


def _look(bar: Bar, asked: Asked, before: int, progress: Progress) -> None:
    """Move the bar of the whole sweep, and end it if somebody asked for that."""
    cost = None if progress.record is None else progress.record.cost
    bar.move(before + progress.iteration + 1, cost)
    if asked.number is not None:
        raise Interrupted(asked.number, progress.iteration + 1)


def _name(settings: Settings) -> tuple[str, str, str]:
    """Name a point of the grid."""
    return (
        f"{settings.learning_rate:g}",
        ",".join(map(str, settings.layers)) or "none",
        settings.initialization,
    )


def _numbers(tried: Experiment) -> tuple[str, str, str]:
    """Write how a run went."""
    test = "-" if tried.test is None else f"{tried.test.accuracy:.4f}"
    return show_cost(tried.training.cost), f"{tried.training.accuracy:.4f}", test
