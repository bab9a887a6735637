"""`portable-dnn sweep`: which settings give the lowest cost."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import compress, product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

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
from portable_dnn.cli.options import (
    CompressOption,
    DataArgument,
    DeviceOption,
    DtypeOption,
    HiddenOption,
    HistoryOption,
    IterationsOption,
    PathOption,
    QuietOption,
    SeedOption,
    TestOption,
    check_outputs,
    output_file,
    parse_layers,
    parse_names,
)
from portable_dnn.cli.results import network_of, show_cost, show_remarks
from portable_dnn.cli.saving import Keeper, this_command
from portable_dnn.cli.signals import Asked, Interrupted, caught
from portable_dnn.data.dataset import DataSet
from portable_dnn.errors import DivergenceError, OutputError
from portable_dnn.files.atomic import write_somewhere
from portable_dnn.network.initializers import INITIALIZATIONS
from portable_dnn.results.experiment import Experiment, check_out, planned, run
from portable_dnn.results.reports import describe_experiment, draw_costs, write_histories
from portable_dnn.training.settings import Settings
from portable_dnn.training.train import Progress

__all__ = ["sweep"]

_HEADINGS = ("learning rate", "layers", "start")


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
        PathOption(
            "--out",
            parser=output_file,
            metavar="MODEL.h5",
            help="File to save the model with the lowest cost in: HDF5, or safetensors if the "
            "name ends in .safetensors. Without it no model is saved.",
        ),
    ] = None,
    history: HistoryOption = None,
    plots: Annotated[
        Path | None,
        PathOption(
            "--plots",
            metavar="DIR",
            help="Folder to draw a chart in with the cost of every run over the iterations. It is "
            "made if it does not exist.",
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
    check_outputs({"--out": out, "--history": history}, {"DATA": data, "--test": test}, plots)
    target = choose_device(device)
    output = Output(quiet=quiet)
    with output.working(lambda: "reading the data"):
        pictures = load_data(data, test, limits)
    for settings in grid:
        network_of(settings, pictures)
        if out is not None:
            check_out(pictures, settings, out)
        planned(pictures, settings, target, beside=grid if len(grid) > 1 else ())

    show_remarks(output, pictures)
    output.detail(f"device   {target} ({target.why})")
    sweeping = _Sweep(output, out, history, plots)
    with caught() as asked:
        asked.patient = True  # until all is kept
        try:
            with output.progress(len(grid) * iterations) as bar:
                for number, settings in enumerate(grid):
                    look = partial(_look, bar, asked, number * iterations)
                    outcome = sweeping.add(*_try(pictures, settings, target, look))
                    name = ", ".join(_name(settings))
                    output.detail(f"run {number + 1} of {len(grid)}: {name}: {outcome}")
        except Interrupted as ended:
            with contextlib.suppress(OSError):  # where the terminal is gone, nobody reads it
                done = f"{len(sweeping.done)} of {len(grid)} runs"
                output.line(f"stopped  by {ended.cause} after {done}")
        except Exception:  # what is finished is kept, whatever ends the others
            sweeping.keep()
            raise
        sweeping.keep()
    if asked.number is not None:
        raise typer.Exit(128 + asked.number)
    if sweeping.best is None:
        raise DivergenceError("no run of the sweep kept a finite cost; try smaller learning rates")


class _Run(NamedTuple):
    """What is kept of every run of a sweep.

    Attributes
    ----------
    settings : Settings
        A point of the grid.
    numbers : (str, str, str)
        Cost and both accuracies, for the table.
    outcome : str
        How it went, in words.
    curve : (list of int, list of float)
        Iterations and costs, as far as it came.
    described : dict of str to object
        For the file of --history.
    """

    settings: Settings
    numbers: tuple[str, str, str]
    outcome: str
    curve: tuple[list[int], list[float]]
    described: dict[str, Any]


def _try(
    pictures: DataSet, settings: Settings, device: Device, look: Callable[[Progress], object]
) -> tuple[_Run, Experiment | None]:
    """Train at one point of the grid; a run that diverges is a result too."""
    curve: tuple[list[int], list[float]] = [], []

    def follow(progress: Progress) -> None:
        record = progress.record
        if record is not None:
            curve[0].append(record.iteration)
            curve[1].append(record.cost)
        look(progress)

    try:
        tried = run(pictures, settings, device, callback=follow, callback_seconds=LOOK_SECONDS)
    except DivergenceError as error:
        told = {
            "settings": settings.as_dict(),
            "iteration": curve[0],
            "cost": curve[1],
            "diverged": str(error),
        }
        return _Run(settings, ("diverged", "-", "-"), str(error), curve, told), None
    curve[0].append(settings.iterations)
    curve[1].append(tried.history.final_cost)
    numbers = _numbers(tried)
    return _Run(settings, numbers, f"cost {numbers[0]}", curve, describe_experiment(tried)), tried


def _look(bar: Bar, asked: Asked, before: int, progress: Progress) -> None:
    """Move the bar of the whole sweep, and end it if somebody asked for that."""
    record = progress.record
    bar.move(before + progress.iteration + 1, None if record is None else record.cost)
    if asked.number is not None:
        raise Interrupted(asked.number, progress.iteration + 1)


@dataclass
class _Sweep:
    """The runs that are finished; the best model is saved as soon as there is one.

    Attributes
    ----------
    output : Output
        Where to show them.
    out, history, plots : Path or None
        Where to keep what was asked for.
    done : list of _Run
        All of them.
    best : (Settings, Experiment) or None
        The one with the lowest cost.
    saved : bool
        Whether its model is in the file of `out`.
    """

    output: Output
    out: Path | None
    history: Path | None
    plots: Path | None
    done: list[_Run] = field(default_factory=list)
    best: tuple[Settings, Experiment] | None = None
    saved: bool = False

    def add(self, tried: _Run, experiment: Experiment | None) -> str:
        """Take a run that is finished, and say how it went."""
        from portable_dnn.models.store import save_model  # it brings h5py

        self.done.append(tried)
        if experiment is not None and (
            self.best is None or experiment.training.cost < self.best[1].training.cost
        ):
            self.best, self.saved = (tried.settings, experiment), False
            if self.out is not None:
                with contextlib.suppress(OutputError):  # it is tried again at the end, and told
                    save_model(experiment.model, self.out)
                    self.saved = True
        return tried.outcome

    def keep(self) -> None:
        """Show the runs, and write what was asked for."""
        if not self.done:
            return
        keeper = Keeper()
        keeper.attempt(self._show)
        if self.best is not None:
            keeper.save(self.output, self.out, self._save_model)
        keeper.save(self.output, self.history, self._save_history)
        keeper.save(self.output, self.plots, self._save_plots)
        keeper.check()

    def _show(self) -> None:
        """Print how all runs went, and which was the best."""
        self.output.table(
            (*_HEADINGS, "cost", "training accuracy", "test accuracy"),
            [(*_name(tried.settings), *tried.numbers) for tried in self.done],
        )
        if self.best is not None:
            self.output.line(f"lowest cost: {_told(_HEADINGS, _name(self.best[0]))}")

    def _save_model(self, path: Path) -> Iterator[str]:
        """Save the best model, unless that is done."""
        from portable_dnn.models.store import save_model_somewhere

        if self.best is not None and not self.saved:
            save_model_somewhere(self.best[1].model, path)
        yield f"model    {path}"

    def _save_history(self, path: Path) -> Iterator[str]:
        runs = [tried.described for tried in self.done]
        write_somewhere(path, partial(write_histories, runs, this_command()), "the history")
        yield f"history  {path}"

    def _save_plots(self, path: Path) -> Iterator[str]:
        title, names = _captions([tried.settings for tried in self.done])
        curves = {
            name + (" (diverged)" if "diverged" in tried.described else ""): tried.curve
            for name, tried in zip(names, self.done, strict=True)
        }
        return (f"picture  {p}" for p in draw_costs(curves, title, path))


def _captions(grid: Sequence[Settings]) -> tuple[str, list[str]]:
    """Say what all points of a grid have in common, and what sets each apart."""
    names = [_name(settings) for settings in grid]
    differs = [len(set(column)) > 1 for column in zip(*names, strict=True)]
    differs[0] |= not any(differs)  # of one point, its learning rate is its name
    common = [not differ for differ in differs]
    title = _told(compress(_HEADINGS, common), compress(names[0], common))
    return title, [_told(compress(_HEADINGS, differs), compress(n, differs)) for n in names]


def _told(headings: Iterable[str], name: Iterable[str]) -> str:
    """Write parts of a name with what they are."""
    return ", ".join(f"{heading} {part}" for heading, part in zip(headings, name, strict=True))


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
