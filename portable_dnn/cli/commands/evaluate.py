"""`portable-dnn evaluate`: how many pictures a model classifies correctly."""

from pathlib import Path
from typing import Annotated

from portable_dnn.arrays.devices import choose_device
from portable_dnn.cli.console import Output
from portable_dnn.cli.inputs import (
    IsolateMemoryOption,
    IsolateOption,
    IsolateSecondsOption,
    isolation_limits,
    load_data,
    load_model_file,
)
from portable_dnn.cli.options import DeviceOption, PathArgument
from portable_dnn.cli.results import show_evaluations, show_remarks
from portable_dnn.data.dataset import DataSet
from portable_dnn.files.text import shortened
from portable_dnn.models.model import Model
from portable_dnn.results.evaluation import check_same_classes
from portable_dnn.results.evaluation import evaluate as evaluate_model

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[
        Path,
        PathArgument(metavar="MODEL.h5", help="Model file that 'portable-dnn train --out' wrote."),
    ],
    data: Annotated[
        Path | None,
        PathArgument(
            metavar="DATA.h5",
            help="HDF5 data file with a training set, a test set or both. Without it, the program "
            "uses pictures that it draws itself.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = None,
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
) -> None:
    """Print a model's accuracy and cost on labelled pictures."""
    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    output = Output()
    target = choose_device(device)
    with output.working(lambda: "reading the files"):
        loaded = load_model_file(model, target, limits)
        pictures = load_data(data, limits=limits)
    if data is None and (trained_on := _other_data(loaded, pictures)):
        output.line(
            f"note     no data file is named, so the pictures are those that the program draws "
            f"itself; the model was trained on {trained_on}"
        )
    check_same_classes(loaded, pictures)
    with output.working(lambda: "evaluating"):
        evaluations = {
            name: evaluate_model(part, loaded)
            for name, part in (("training", pictures.train), ("test", pictures.test))
            if part is not None
        }
    output.line(f"{model} on {pictures.source}")
    show_remarks(output, pictures)
    show_evaluations(output, evaluations)


def _other_data(model: Model, pictures: DataSet) -> str:
    """Name what a model was trained on, unless it is this data; a file may say anything there."""
    found = model.provenance.get("data")
    told = found if isinstance(found, dict) else {}
    if told.get("sha256") == pictures.fingerprint():
        return ""
    return shortened(told.get("source", "data that its file does not name"))
