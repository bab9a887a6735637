"""`portable-dnn compare`: whether another backend computes the same numbers."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.devices import Device, choose_device
from portable_dnn.arrays.registry import backend_names, look_at
from portable_dnn.arrays.versions import backend_versions
from portable_dnn.cli.console import Output
from portable_dnn.cli.inputs import load_data
from portable_dnn.cli.messages import fail_to_write
from portable_dnn.cli.options import (
    PathOption,
    QuietOption,
    check_outputs,
    output_file,
    parse_layers,
    parse_names,
)
from portable_dnn.cli.results import network_of, show_remarks
from portable_dnn.cli.saving import Keeper
from portable_dnn.data.dataset import DataSet
from portable_dnn.errors import BackendError, DeviceError, SettingError
from portable_dnn.network.pixels import flatten_images
from portable_dnn.results.drawing import import_matplotlib
from portable_dnn.results.experiment import draw_start, training_pictures
from portable_dnn.training.settings import Settings

if TYPE_CHECKING:
    from portable_dnn.equivalence import Report

__all__ = ["compare"]

"""Those of the published run, but in the dtype in which most can go wrong."""


def compare(
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend",
            metavar="DEVICE",
            help="Backend or device to check, such as torch or cupy:cuda:1.",
        ),
    ] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="Check every backend that can run here, instead of one of --backend."
        ),
    ] = False,
    reference: Annotated[
        str,
        typer.Option("--reference", metavar="DEVICE", help="Backend or device to compare it with."),
    ] = "numpy",
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            metavar="float64|float32",
            help="Type of the numbers computed with. By default float64, as for train; in float32 "
            "there is most to go wrong.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        PathOption(
            "--data",
            metavar="DATA.h5",
            help="HDF5 data file to train on (docs/data.md lists its keys). Without it, the "
            "program uses pictures that it draws itself.",
        ),
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(
            "--iterations",
            help="Iterations that each backend trains on its own; 200 by default.",
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="SIZES",
            help="Number of units in each hidden layer, separated by commas; 20,7,5 by default.",
        ),
    ] = None,
    hidden: Annotated[
        str | None,
        typer.Option(
            "--hidden",
            metavar="NAMES",
            help="Activation function of the hidden layers, one for all or one for each, separated "
            "by commas; relu by default.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            help="Seed of the random numbers that the initial weights and test inputs are from; "
            "1 by default.",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        PathOption(
            "--against",
            metavar="REPORT.json",
            help="Report of another machine, saved there with --json: compare this machine's "
            "results with it, and take the settings not given here from it.",
        ),
    ] = None,
    json: Annotated[
        Path | None,
        PathOption(
            "--json",
            parser=output_file,
            metavar="REPORT.json",
            help="File to save the report in, as JSON; --against reads it on another machine.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        PathOption(
            "--html",
            parser=output_file,
            metavar="REPORT.html",
            help="File to save the report in as a web page with its charts.",
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        PathOption(
            "--plots",
            metavar="DIR",
            help="Folder to draw the report's charts in. It is made if it does not exist.",
        ),
    ] = None,
    function: Annotated[
        str | None,
        typer.Option(
            "--function",
            metavar="MODULE:NAME",
            help="Check a function of your own instead of the network: each of its operations, on "
            "--backend, with the arrays of --inputs.",
        ),
    ] = None,
    inputs: Annotated[
        Path | None,
        PathOption(
            "--inputs",
            metavar="INPUTS.npz",
            help="Arrays for --function, as numpy.savez writes them: by the names of its "
            "parameters, or in their order.",
        ),
    ] = None,
    compiled: Annotated[
        str | None,
        typer.Option(
            "--compiled",
            metavar="MODULE:NAME",
            help="The same function as a compiler made it (jax.jit, torch.compile): its results "
            "are judged as a whole.",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Check that two backends compute the same numbers.

    Both compute every operation of a training step from the same inputs, and each result is
    compared with a more accurate one: an operation whose error is larger than rounding explains is
    wrong, and is named. Then both train on their own, to see how far rounding carries them apart.
    Give either --backend or --all. With --function, each operation of a function of your own is
    judged on the inputs that it was given, and its results as a whole.
    """
    if function is not None or inputs is not None or compiled is not None:
        network: dict[str, object] = {
            "--all": every or None,
            "--reference": None if reference == "numpy" else reference,
            "--data": data,
            "--iterations": iterations,
            "--layers": layers,
            "--hidden": hidden,
            "--seed": seed,
            "--against": against,
            "--plots": plots,
        }
        functions = (function, compiled)
        _judge_function(functions, inputs, backend, dtype, (json, html), network, quiet=quiet)
    # Imported here, so that the other commands do not wait for it.
    from portable_dnn.cli.show_comparison import (
        keep_report,
        run_comparison,
        show_report,
        show_summary,
    )
    from portable_dnn.equivalence import DEFAULTS
    from portable_dnn.equivalence.memory import check_memory_for
    from portable_dnn.equivalence.report.against import (
        check_same_settings,
        check_same_setup,
        hold_against,
        settings_of,
    )
    from portable_dnn.equivalence.report.file import read_report
    from portable_dnn.equivalence.report.save import ReportFiles
    from portable_dnn.equivalence.report.setup import setup_of

    if (backend is None) != every:
        raise SettingError("name what to judge: --backend cupy, or --all; one of the two")
    if every and against is not None:
        raise SettingError("--against compares one backend with one report; name it with --backend")
    saved = None if against is None else read_report(against)
    made_with = None if saved is None else settings_of(saved.setup, str(against))
    settings = _settings(made_with or DEFAULTS, dtype, iterations, layers, hidden, seed)
    settings.check()
    if made_with is not None:
        check_same_settings(settings, made_with, str(against))
    theirs = choose_device(reference)
    targets, missing = _others(theirs) if backend is None else ([choose_device(backend)], [])
    names = [_name(target, settings) if every else "" for target in targets]
    kept = [ReportFiles(json, html, plots, name) for name in names]
    if html is not None or plots is not None:
        import_matplotlib()
    for files in kept:
        files.check({"--data": data, "--against": against})
    output, keeper = Output(quiet=quiet), Keeper()
    with output.working(lambda: "reading the data"):
        pictures = load_data(data)
    X, Y = _arrays(pictures)
    dims = settings.layer_dims(X.shape[0], pixels=True)
    check_memory_for(dims, X.shape[1], (*targets, theirs))
    start = draw_start(pictures, settings).parameters  # refuses what no memory holds
    if saved is not None:
        setup = setup_of(X, Y, settings, start, pictures.source)
        check_same_setup(setup, saved, str(against))

    def finish(report: "Report") -> "Report":
        return report if saved is None else hold_against(report, saved, str(against))

    reports: list[Report] = []
    try:
        for target, files in zip(targets, kept, strict=True):
            _show_start(output, pictures, settings)
            output.detail(f"judged   {_with_version(target)}")
            against_what = f"{saved.tested.device} of {against}" if saved else _with_version(theirs)
            output.detail(f"against  {against_what}")
            arrays = (X, Y, pictures.source)
            report = run_comparison(output, target, theirs, arrays, settings, files, finish)
            reports.append(report)
            keeper.attempt(partial(show_report, output, report, table=not every))
            keep_report(output, keeper, files, report)
        if every:
            show_summary(output, reports, missing)
        keeper.check()
    except OSError as error:  # the numbers are judged all the same: 1 means that one is wrong
        fail_to_write(error, _code(reports) or 2)
    raise typer.Exit(_code(reports))


def _judge_function(
    functions: tuple[str | None, str | None],
    inputs: Path | None,
    backend: str | None,
    dtype: str | None,
    files: tuple[Path | None, Path | None],
    network: dict[str, object],
    *,
    quiet: bool,
) -> NoReturn:
    """Judge a function of the user's, and end."""
    function, compiled = functions
    if function is None or inputs is None or backend is None:
        raise SettingError(
            "to judge a function of your own: --function module:name --inputs arrays.npz "
            "--backend torch; all three are needed"
        )
    others = [option for option, value in network.items() if value is not None]
    if others:
        raise SettingError(f"{', '.join(others)}: of the network, not of --function; leave it out")
    from portable_dnn.cli.show_function import judge_function

    check_outputs(dict(zip(("--json", "--html"), files, strict=True)), {"--inputs": inputs})
    code = judge_function(Output(quiet=quiet), function, inputs, backend, dtype, files, compiled)
    raise typer.Exit(code)


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
            look_at(name)
            first = choose_device(name)
        except (BackendError, DeviceError) as error:
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
    output.detail(f"data     {pictures.source}: {len(part.labels)} pictures")
    show_remarks(output, pictures)
    output.detail(f"network  {network_of(settings, pictures)}, {settings.dtype}")


def _with_version(device: Device) -> str:
    """Name a device and its library's version."""
    library, version = next(iter(backend_versions(device.backend).items()))
    return f"{device} ({library} {version})"
