"""`portable-dnn sweep`: which settings give the lowest cost."""

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
from portable_dnn.cli.options import (
    CompressOption,
    DataArgument,
    DeviceOption,
    DtypeOption,
    HiddenOption,
    IterationsOption,
    PathOption,
    QuietOption,
    SeedOption,
    TestOption,
    check_outputs,
    parse_layers,
    parse_names,
)
from portable_dnn.cli.results import network_of, show_cost, show_remarks
from portable_dnn.data.dataset import DataSet
from portable_dnn.errors import DivergenceError
from portable_dnn.network.initializers import INITIALIZATIONS
from portable_dnn.results.experiment import Experiment, run
from portable_dnn.training.settings import Settings
from portable_dnn.training.train import Progress

__all__ = ["sweep"]


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
    from portable_dnn.models.store import save_model

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
    for settings in grid:
        network_of(settings, pictures)
    target = choose_device(device)

    output = Output(quiet=quiet)
    show_remarks(output, pictures)
    output.detail(f"device   {target} ({target.why})")
    best: tuple[Settings, Experiment] | None = None
    rows = []
    with output.progress(len(grid) * iterations) as bar:
        for number, settings in enumerate(grid):
            shift = partial(_move, bar, number * iterations)
            tried = _try(pictures, settings, target, shift)
            if isinstance(tried, DivergenceError):
                result, outcome = ("diverged", "-", "-"), str(tried)
            else:
                result = _numbers(tried)
                outcome = f"cost {result[0]}"
                if best is None or tried.training.cost < best[1].training.cost:
                    best = settings, tried
            rows.append((*_name(settings), *result))
            name = ", ".join(_name(settings))
            output.detail(f"run {number + 1} of {len(grid)}: {name}: {outcome}")
    output.table(
        ("learning rate", "layers", "start", "cost", "training accuracy", "test accuracy"), rows
    )
    if best is None:
        raise DivergenceError("no run of the sweep kept a finite cost; try smaller learning rates")
    rate, sizes, start = _name(best[0])
    output.line(f"lowest cost: learning rate {rate}, layers {sizes}, start {start}")
    if out is not None:
        save_model(best[1].model, out)
        output.line(f"model    {out}")


def _try(
    pictures: DataSet, settings: Settings, device: Device, callback: Callable[[Progress], object]
) -> Experiment | DivergenceError:
    """Train at one point of the grid; a run that diverges is a result too."""
    try:
        return run(pictures, settings, device, callback=callback, callback_seconds=LOOK_SECONDS)
    except DivergenceError as error:
        return error


def _move(bar: Bar, before: int, progress: Progress) -> None:
    """Move the bar of the whole sweep."""
    cost = None if progress.record is None else progress.record.cost
    bar.move(before + progress.iteration + 1, cost)


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
