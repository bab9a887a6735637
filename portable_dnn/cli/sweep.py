"""`portable-dnn sweep`: which settings give the lowest cost."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from portable_dnn.cli.console import Output
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
    load_data,
    parse_layers,
    parse_names,
)
from portable_dnn.devices import choose_device
from portable_dnn.errors import DivergenceError
from portable_dnn.experiment import Experiment, Settings, run
from portable_dnn.files import check_writable

__all__ = ["sweep"]


def sweep(
    data: DataArgument = None,
    test: TestOption = None,
    learning_rate: Annotated[
        list[float] | None,
        typer.Option("--learning-rate", help="A step length to try; may be repeated."),
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option("--layers", metavar="SIZES", help="Hidden layers to try; may be repeated."),
    ] = None,
    init: Annotated[
        list[str] | None,
        typer.Option("--init", metavar="NAME", help="A start to try; may be repeated."),
    ] = None,
    hidden: HiddenOption = "relu",
    seed: SeedOption = 1,
    iterations: IterationsOption = 2500,
    dtype: DtypeOption = "float64",
    compress: CompressOption = "auto",
    device: DeviceOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="MODEL.h5", help="Save the best model here.")
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Train with every combination of settings and pick the lowest training cost.

    By default it tries the learning rates 0.003, 0.0075 and 0.01. Options that may be repeated
    make a grid: --learning-rate 0.01 --learning-rate 0.0075 --layers 20,7,5 --layers 7 has four.
    """
    from portable_dnn.store import save_model

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
    if out is not None:
        check_writable(out)
    pictures = load_data(data, test)
    target = choose_device(device)

    output = Output(quiet=quiet)
    output.detail(f"device   {target} ({target.why})")
    best: Experiment | None = None
    rows = []
    with output.progress(len(grid)) as bar:
        for number, settings in enumerate(grid, start=1):
            name = _name(settings)
            try:
                tried = run(pictures, settings, target)
            except DivergenceError as error:
                output.detail(f"run {number} of {len(grid)}: {', '.join(name)}: {error}")
                rows.append((*name, "diverged", "-", "-"))
            else:
                output.detail(
                    f"run {number} of {len(grid)}: {', '.join(name)}: "
                    f"cost {tried.training.cost:.6f}"
                )
                rows.append((*name, *_numbers(tried)))
                if best is None or tried.training.cost < best.training.cost:
                    best = tried
            bar.move(number, None if best is None else best.training.cost)
    output.table(
        ("learning rate", "layers", "start", "cost", "training accuracy", "test accuracy"), rows
    )
    if best is None:
        raise DivergenceError("no run of the sweep kept a finite cost; try smaller learning rates")
    winner = best.model.provenance["settings"]
    output.line(
        f"lowest cost: learning rate {winner['learning_rate']:g}, layers "
        f"{','.join(map(str, winner['layers']))}, start {winner['initialization']}"
    )
    if out is not None:
        save_model(best.model, out)
        output.line(f"model    {out}")


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
    return f"{tried.training.cost:.6f}", f"{tried.training.accuracy:.4f}", test
