"""What a run saves in addition to the model: the history and the pictures."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portable_dnn.arrays.devices import to_host
from portable_dnn.data.dataset import DataSet
from portable_dnn.errors import OutputError
from portable_dnn.files.atomic import check_writable, write_atomically, write_text
from portable_dnn.results.drawing import own_settings
from portable_dnn.results.evaluation import Evaluation
from portable_dnn.results.experiment import Experiment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "PLOTS",
    "check_plot_folder",
    "describe_experiment",
    "draw_costs",
    "draw_plots",
    "plot_files",
    "write_histories",
    "write_history",
]

PLOTS = ("cost", "mislabelled", "first_layer", "costs")
"""The pictures of a run, and of several."""


def write_history(experiment: Experiment, command: str, path: str | Path) -> None:
    """Write what happened in a run as JSON.

    Parameters
    ----------
    experiment : Experiment
        The run.
    command : str
        The command that made it.
    path : str or Path
        The file to create or replace.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    _write_json({"command": command, **describe_experiment(experiment)}, path)


def write_histories(runs: Sequence[Mapping[str, Any]], command: str, path: str | Path) -> None:
    """Write what happened in several runs as JSON.

    Parameters
    ----------
    runs : sequence of mapping of str to object
        Of each run what `describe_experiment` gives, or what is known of one that diverged.
    command, path
        As for `write_history`.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    _write_json({"command": command, "runs": list(runs)}, path)


def describe_experiment(experiment: Experiment) -> dict[str, Any]:
    """Tell what happened in a run, as plain data.

    Parameters
    ----------
    experiment : Experiment
        The run.

    Returns
    -------
    dict of str to object
        Its history, results, settings, data, device and versions.
    """
    provenance = experiment.model.provenance
    return {
        **experiment.history.as_dict(),
        "training": _numbers(experiment.training),
        "test": None if experiment.test is None else _numbers(experiment.test),
        "seconds": experiment.seconds,
        "backend": str(provenance["device"]).partition(":")[0],
        "device": provenance["device"],
        "dtype": experiment.model.dtype,
        "layer_dims": experiment.model.layer_dims,
        "settings": provenance["settings"],
        "data": provenance["data"],
        "versions": provenance["versions"],
    }


def _write_json(content: Mapping[str, Any], path: str | Path) -> None:
    """Write plain data as strict JSON."""
    write_text(path, json.dumps(_finite(content), indent=1, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    """Put null, which JSON has, in the place of NaN and infinity, which it has not."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _numbers(evaluation: Evaluation) -> dict[str, float]:
    """Return what an evaluation found, without the single pictures."""
    return {
        "pictures": evaluation.pictures,
        "wrong": evaluation.wrong,
        "accuracy": evaluation.accuracy,
        "cost": evaluation.cost,
    }


def check_plot_folder(folder: str | Path) -> Path:
    """Say now that pictures cannot be written into a folder, which may be yet to be made.

    Parameters
    ----------
    folder : str or Path
        The folder; if it does not exist, the one above it must.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    OutputError
        If nothing can be written there.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"cannot write pictures into {folder}: it is not a folder")
    check_writable(folder / "cost.png" if folder.is_dir() else folder)
    return folder


def plot_files(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Name what --plots makes, so that it is held against the other files of a command.

    Parameters
    ----------
    folder : Path
        That of --plots.
    names : iterable of str
        The pictures' names, without what follows the point.

    Returns
    -------
    dict of str to Path
        By what the user may call it.
    """
    pictures = {f"{name}.png of --plots": folder / f"{name}.png" for name in names}
    return {"--plots": folder, **pictures}


def draw_plots(experiment: Experiment, data: DataSet, folder: str | Path) -> list[Path]:
    """Draw the pictures of a run.

    Parameters
    ----------
    experiment : Experiment
        The run.
    data : DataSet
        What it was trained and tested on.
    folder : str or Path
        Where to; made if it does not exist.

    Returns
    -------
    list of Path
        The files: `cost.png`, `first_layer.png` and, with test pictures, `mislabelled.png`.

    Raises
    ------
    OutputError
        If a picture cannot be written.
    """
    with own_settings():
        return _draw(_figures(experiment, data), folder)


def draw_costs(
    curves: Mapping[str, tuple[Sequence[int], Sequence[float]]], title: str, folder: str | Path
) -> list[Path]:
    """Draw the costs of several runs in one picture.

    Parameters
    ----------
    curves, title
        As for `cost_curves`.
    folder : str or Path
        Where to; made if it does not exist.

    Returns
    -------
    list of Path
        The file, `costs.png`.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from portable_dnn.results.plots import cost_curves

    with own_settings():
        return _draw([("costs", cost_curves(curves, title))], folder)


def _draw(figures: Iterable[tuple[str, "Figure"]], folder: str | Path) -> list[Path]:
    """Write figures, each under its name, and return the files."""
    folder = check_plot_folder(folder)
    folder.mkdir(exist_ok=True)
    paths = []
    for name, figure in figures:
        path = folder / f"{name}.png"
        with write_atomically(path) as file:
            figure.savefig(file, format="png", dpi=130)
        paths.append(path)
    return paths


def _figures(experiment: Experiment, data: DataSet) -> Iterator[tuple[str, "Figure"]]:
    """Draw one picture after the other."""
    from portable_dnn.results.plots import cost_curve, first_layer, mislabelled

    model, history = experiment.model, experiment.history
    settings = model.provenance["settings"]
    title = f"{'-'.join(map(str, model.layer_dims))}, learning rate {settings['learning_rate']:g}"
    last = settings["iterations"]
    iterations, costs = [*history.iteration, last], [*history.cost, history.final_cost]
    test_cost = None if experiment.test is None else experiment.test.cost
    yield "cost", cost_curve(iterations, costs, title, test_cost)
    if data.test is not None and experiment.test is not None:
        yield (
            "mislabelled",
            mislabelled(
                data.test.images,
                data.test.labels,
                experiment.test.probabilities,
                model.class_names,
            ),
        )
    W1 = to_host(model.parameters["W1"])
    yield "first_layer", first_layer(W1, experiment.start["W1"], model.image_shape)
