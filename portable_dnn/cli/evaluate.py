"""`portable-dnn evaluate`: hold a model against labelled pictures."""

from pathlib import Path
from typing import Annotated

import typer

from portable_dnn.cli.console import Output
from portable_dnn.cli.options import DeviceOption, load_data
from portable_dnn.cli.results import show_evaluations
from portable_dnn.devices import choose_device
from portable_dnn.evaluation import check_same_classes
from portable_dnn.evaluation import evaluate as evaluate_model

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL.h5", help="A model of 'train --out'.")],
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA.h5",
            help="HDF5 file with a training set, a test set or both; without it, the built-in "
            "pictures.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = None,
) -> None:
    """Hold a model against labelled pictures."""
    from portable_dnn.store import load_model

    output = Output()
    loaded = load_model(model, choose_device(device))
    pictures = load_data(data)
    check_same_classes(loaded, pictures)
    evaluations = {
        name: evaluate_model(part, loaded)
        for name, part in (("training", pictures.train), ("test", pictures.test))
        if part is not None
    }
    output.line(f"{model} on {pictures.source}")
    show_evaluations(output, evaluations)
