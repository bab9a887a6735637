"""`portable-dnn compare`: whether another backend computes the same numbers."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.devices import Device, choose_device
from portable_dnn.arrays.registry import backend_names
from portable_dnn.arrays.versions import backend_versions
from portable_dnn.cli.console import Output
from portable_dnn.cli.inputs import load_data
from portable_dnn.cli.options import (
    QuietOption,
    parse_layers,
    parse_names,
)
from portable_dnn.data.dataset import DataSet
from portable_dnn.errors import DeviceError, SettingError
from portable_dnn.network.pixels import flatten_images
from portable_dnn.results.experiment import start_parameters, training_pictures
from portable_dnn.training.settings import Settings

if TYPE_CHECKING:
    from portable_dnn.equivalence import Report

__all__ = ["compare"]

DEFAULTS = Settings(dtype="float32", iterations=200)
"""Those of the published run, but in the dtype where there is most to go wrong."""


def compare(
    backend: Annotated[
        str | None,
        typer.Option("--backend", metavar="DEVICE", help="What to judge: a backend or a device."),
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Judge every backend that can run here."),
    ] = False,
    reference: Annotated[
        str, typer.Option("--reference", metavar="DEVICE", help="What it is held against.")
    ] = "numpy",
    dtype: Annotated[
        str | None,
        typer.Option("--dtype", metavar="float64|float32", help="Default: float32."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DATA.h5",
            help="HDF5 file with the course's keys; without it, the built-in pictures.",
        ),
    ] = None,
    iterations: Annotated[
        int | None, typer.Option("--iterations", help="Of the free run. Default: 200.")
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option("--layers", metavar="SIZES", help="Hidden layers. Default: 20,7,5."),
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option("--hidden", metavar="NAMES", help="Their activations. Default: relu."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of the start parameters. Default: 1.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="REPORT.json",
            help="Hold this machine's run against another machine's report.",
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="REPORT.json", help="Save the report here.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="REPORT.html", help="And as a page to read.")
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option("--plots", metavar="DIR", help="Draw its pictures into this folder."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Say whether two backends compute the same numbers.

    Every operation of a training step is computed by both from the same inputs, and held against
    a better computation: what differs by more than rounding explains is named. Then both train on
    their own. Exit code 0: the same numbers, or rounding only. 1: something is wrong. 2: it could
    not be compared.
    """
    # Imported here, so that the other commands do not wait for it.
    from portable_dnn.cli.show_comparison import run_comparison, show_report, show_summary
    from portable_dnn.equivalence.report.against import (
        check_same_settings,
        check_same_setup,
        hold_against,
        settings_of,
    )
    from portable_dnn.equivalence.report.file import read_report
    from portable_dnn.equivalence.report.save import Kept
    from portable_dnn.equivalence.report.setup import setup_of

    if (backend is None) != every:
        raise SettingError("name what to judge: --backend cupy, or --all; one of the two")
    if every and against is not None:
        raise SettingError("--against holds one backend against one report; name it with --backend")
    saved = None if against is None else read_report(against)
    made_with = None if saved is None else settings_of(saved.setup, str(against))
    settings = _settings(made_with or DEFAULTS, dtype, iterations, layers, hidden, seed)
    settings.check()
    if made_with is not None:
        check_same_settings(settings, made_with, str(against))
    theirs = choose_device(reference)
    targets, missing = _others(theirs) if backend is None else ([choose_device(backend)], [])
    names = [_name(target, settings) if every else "" for target in targets]
    kept = [Kept(json, html, plots, name) for name in names]
    for files in kept:
        files.check({"--data": data, "--against": against})
    pictures = load_data(data)
    X, Y = _arrays(pictures)
    start = start_parameters(pictures, settings)  # refuses what no memory holds
    if saved is not None:
        setup = setup_of(X, Y, settings, start, pictures.source)
        check_same_setup(setup, saved, str(against))

    def finish(report: "Report") -> "Report":
        return report if saved is None else hold_against(report, saved, str(against))

    output = Output(quiet=quiet)
    reports = []
    for target, files in zip(targets, kept, strict=True):
        _show_start(output, pictures, settings)
        output.detail(f"judged   {_with_version(target)}")
        other = _with_version(theirs) if saved is None else f"{saved.tested.device} of {against}"
        output.detail(f"against  {other}")
        arrays = (X, Y, pictures.source)
        report = run_comparison(output, target, theirs, arrays, settings, files, finish)
        show_report(output, report, table=not every)
        for line in files.write(report):
            output.line(line)
        reports.append(report)
    if every:
        show_summary(output, reports, missing)
    raise typer.Exit(_code(reports))


def _settings(
    base: Settings,
    dtype: str | None,
    iterations: int | None,
    layers: str | None,
    hidden: str | None,
    seed: int | None,
) -> Settings:
    """Take what was asked for, and the rest from other settings."""
    return Settings(
        layers=base.layers if layers is None else parse_layers(layers),
        hidden=base.hidden if hidden is None else parse_names(hidden),
        initialization=base.initialization,
        seed=base.seed if seed is None else seed,
        learning_rate=base.learning_rate,
        iterations=base.iterations if iterations is None else iterations,
        dtype=base.dtype if dtype is None else dtype,
        compress=base.compress,
    )


def _others(reference: Device) -> tuple[list[Device], list[str]]:
    """List what can be compared here: each backend's default device, and its first card."""
    found, missing = [], []
    for name in backend_names():
        try:
            first = choose_device(name)
        except DeviceError as error:
            missing.append(str(error))
            continue
        cards = [device for device in first.backend.devices() if device.startswith("cuda")]
        devices = dict.fromkeys([first.name, *cards[:1]])
        found += [Device(first.backend, device, "it can run here") for device in devices]
    others = [device for device in found if device != reference]
    if not others:
        raise DeviceError("; ".join([f"nothing but {reference} can run here", *missing]))
    return others, missing


def _name(target: Device, settings: Settings) -> str:
    """Name a run among several, for its files."""
    return f"{target}-{settings.dtype}".replace(":", "-")


def _arrays(pictures: DataSet) -> tuple[HostArray, HostArray]:
    """Return X and Y."""
    part = training_pictures(pictures)
    return flatten_images(part.images), part.labels.reshape(1, -1)


def _code(reports: "list[Report]") -> int:
    """Return the exit code: 0 all right, 1 something wrong, 2 something not compared."""
    outcomes = {report.outcome for report in reports}
    return 1 if "wrong" in outcomes else 2 if "could not be compared" in outcomes else 0


def _show_start(output: Output, pictures: DataSet, settings: Settings) -> None:
    """Say what is about to happen."""
    part = training_pictures(pictures)
    sizes = "-".join(map(str, settings.layer_dims(math.prod(part.images.shape[1:]))))
    output.detail(f"data     {pictures.source}: {len(part.labels)} pictures")
    output.detail(f"network  {sizes}, {','.join(map(str, settings.hidden))}, {settings.dtype}")


def _with_version(device: Device) -> str:
    """Name a device and its library's version."""
    library, version = next(iter(backend_versions(device.backend).items()))
    return f"{device} ({library} {version})"
