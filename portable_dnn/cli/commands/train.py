"""`portable-dnn train`: train a network on labelled pictures."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from portable_dnn.arrays.devices import Device, choose_device
from portable_dnn.checkpoints.intervals import Every
from portable_dnn.cli.console import Output
from portable_dnn.cli.guard import Guard, check_needs_out
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
    parse_every,
    parse_layers,
    parse_names,
)
from portable_dnn.cli.results import network_of, show_cost, show_evaluations, show_remarks
from portable_dnn.cli.saving import Keeper, this_command
from portable_dnn.cli.signals import caught
from portable_dnn.data.dataset import DataSet
from portable_dnn.files.atomic import write_somewhere
from portable_dnn.network.initializers import INITIALIZATIONS
from portable_dnn.results.experiment import (
    Experiment,
    Start,
    check_out,
    draw_start,
    planned,
    run,
    training_pictures,
)
from portable_dnn.training.compression import work as work_of
from portable_dnn.training.settings import Settings
from portable_dnn.training.state import Snapshot
from portable_dnn.training.train import Progress

__all__ = ["train"]


def train(
    data: DataArgument = None,
    test: TestOption = None,
    layers: Annotated[
        str,
        typer.Option(
            "--layers",
            metavar="SIZES",
            help="Number of units in each hidden layer, separated by commas; input and output are "
            "not among them.",
        ),
    ] = "20,7,5",
    hidden: HiddenOption = "relu",
    init: Annotated[
        str,
        typer.Option(
            "--init",
            metavar="|".join(INITIALIZATIONS),
            help="How the initial weights are drawn.",
        ),
    ] = "lecun",
    seed: SeedOption = 1,
    learning_rate: Annotated[
        float,
        typer.Option(
            "--learning-rate",
            help="Learning rate of gradient descent: an update subtracts this times the gradient.",
        ),
    ] = 0.0075,
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
            help="File to save the trained model in: HDF5, or safetensors if the name ends in "
            ".safetensors. Without it the model is not saved.",
        ),
    ] = None,
    history: HistoryOption = None,
    plots: Annotated[
        Path | None,
        PathOption(
            "--plots",
            metavar="DIR",
            help="Folder to draw charts in: the cost, the misclassified pictures, the weights of "
            "layer 1. It is made if it does not exist.",
        ),
    ] = None,
    checkpoint_every: Annotated[
        str | None,
        typer.Option(
            "--checkpoint-every",
            metavar="N|30s",
            help="How often to write a checkpoint next to the file of --out: a number of "
            "iterations such as 100, or of seconds such as 30s. The last two are kept.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue from the newest checkpoint next to the file of --out, or start from "
            "the beginning if there is none.",
        ),
    ] = False,
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Train a network on labelled pictures.

    The defaults are the deep-learning course's published training run: hidden layers of 20, 7 and
    5 units, learning rate 0.0075, 2500 iterations, float64. Ctrl-C, SIGTERM or a closed terminal
    stops the training; with --out a checkpoint is then written, from which --resume continues.
    """
    settings = Settings(
        layers=parse_layers(layers),
        hidden=parse_names(hidden),
        initialization=init,
        seed=seed,
        learning_rate=learning_rate,
        iterations=iterations,
        dtype=dtype,
        compress=compress,
    )
    settings.check()
    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    every = parse_every(checkpoint_every)
    check_needs_out(out, every, resume=resume)
    check_outputs({"--out": out, "--history": history}, {"DATA": data, "--test": test}, plots)
    output = Output(quiet=quiet)
    with caught() as asked:
        target = choose_device(device)
        with output.working(lambda: "reading the data"):
            pictures = load_data(data, test, limits)
        if out is not None:
            check_out(pictures, settings, out)
        planned(pictures, settings, target, checkpoints=every != Every())
        start = draw_start(pictures, settings)
        _show_start(output, pictures, settings, target)
        output.detail(f"start    {init} from seed {seed}, sha256 {start.sha256}")
        guard = Guard(out, every, resume=resume, output=output, asked=asked, limits=limits)
        begin = guard.begin(pictures, settings, target)
        with guard:  # until all is saved
            experiment = _run(output, pictures, settings, target, start, guard, begin)
            if experiment.history.compressed:
                output.detail(f"span     {_saving(experiment)}")
            keeper = Keeper()
            keeper.attempt(lambda: _show_result(output, experiment))
            _save(keeper, output, experiment, pictures, out, history, plots)
            keeper.check()
            if out is None:
                output.detail("the model is not kept; to keep it, add --out model.h5")


def _save(
    keeper: Keeper,
    output: Output,
    experiment: Experiment,
    pictures: DataSet,
    out: Path | None,
    history: Path | None,
    plots: Path | None,
) -> None:
    """Write what was asked for."""
    from portable_dnn.models.store import save_model_somewhere
    from portable_dnn.results.reports import draw_plots, write_history

    def save_model(path: Path) -> Iterator[str]:
        save_model_somewhere(experiment.model, path)
        yield f"model    {path}"

    def save_history(path: Path) -> Iterator[str]:
        write_somewhere(path, partial(write_history, experiment, this_command()), "the history")
        yield f"history  {path}"

    def save_plots(path: Path) -> Iterator[str]:
        return (f"picture  {p}" for p in draw_plots(experiment, pictures, path))

    keeper.save(output, out, save_model)
    keeper.save(output, history, save_history)
    keeper.save(output, plots, save_plots)


def _run(
    output: Output,
    pictures: DataSet,
    settings: Settings,
    device: Device,
    start: Start,
    guard: Guard,
    begin: Snapshot | None,
) -> Experiment:
    """Train, showing where it stands."""
    with output.progress(settings.iterations) as bar:

        def show(progress: Progress) -> None:
            record = progress.record
            try:
                if record is not None:
                    output.detail(
                        f"cost after iteration {record.iteration:4d}: {show_cost(record.cost)}"
                    )
                bar.move(progress.iteration + 1, None if record is None else record.cost)
            except OSError:  # whoever closed the terminal or the pipe did not ask to lose the run
                guard.write_now(progress)
                raise
            guard.look(progress)

        return run(
            pictures,
            settings,
            device,
            start=start,
            callback=show,
            callback_seconds=guard.look_seconds,
            begin=begin,
            stop_every=guard.stop_every,
            described=guard.described,
        )


def _show_start(output: Output, pictures: DataSet, settings: Settings, device: Device) -> None:
    """Say what is about to happen."""
    part = training_pictures(pictures)
    test = f"{len(pictures.test.labels)} for the test" if pictures.test else "none for a test"
    output.detail(
        f"data     {pictures.source}: {len(part.labels)} pictures to train on, {test}, classes "
        f"{' and '.join(pictures.class_names)}"
    )
    show_remarks(output, pictures)
    output.detail(f"device   {device} ({device.why})")
    output.detail(
        f"network  {network_of(settings, pictures)}, {_rule(settings)}learning rate "
        f"{settings.learning_rate:g}, {settings.dtype}"
    )


def _rule(settings: Settings) -> str:
    """Name the optimizer, unless it is the course's."""
    return "" if settings.optimizer == Settings.optimizer else f"{settings.optimizer}, "


def _saving(experiment: Experiment) -> str:
    """Say what training in the span of the pictures saved."""
    n_x, n_1 = experiment.model.layer_dims[:2]
    m = experiment.training.pictures
    work = work_of(n_x, m, n_1, experiment.model.provenance["settings"]["iterations"])
    return (
        f"layer 1 was trained in {m} coordinates instead of {n_x}, exactly: "
        f"{work.span / 1e9:.1f} instead of {work.plain / 1e9:.1f} Gflop"
    )


def _show_result(output: Output, experiment: Experiment) -> None:
    """Say how it went."""
    show_evaluations(output, {"training": experiment.training, "test": experiment.test})
    dead = [
        str(layer)
        for layer, share in enumerate(experiment.history.dead_share[-1], start=1)
        if share == 1.0
    ]
    if dead:
        output.detail(
            f"note     layer {', '.join(dead)}: all units are off for every picture, so the "
            "network says the same of each; try a smaller learning rate or --hidden leaky_relu"
        )
    output.line(f"trained in {experiment.seconds:.1f} s on {experiment.model.provenance['device']}")
