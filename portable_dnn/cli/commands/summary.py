"""`portable-dnn summary`: the shapes in a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from portable_dnn.arrays.shapes import summary_table
from portable_dnn.cli.console import Output
from portable_dnn.cli.inputs import (
    IsolateMemoryOption,
    IsolateOption,
    IsolateSecondsOption,
    isolation_limits,
    load_model_file,
)
from portable_dnn.cli.options import parse_layers
from portable_dnn.errors import SettingError
from portable_dnn.files.text import one_line, shortened
from portable_dnn.training.settings import as_of_today

__all__ = ["summary"]


def summary(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL.h5",
            help="Model file that 'portable-dnn train --out' wrote.",
            show_default=False,
        ),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="SIZES",
            help="Number of units in each hidden layer, separated by commas; 20,7,5 by default.",
            show_default=False,
        ),
    ] = None,
    features: Annotated[
        int | None,
        typer.Option(
            "--features",
            help="Number of inputs of the network; 12288 by default, for 64 x 64 pixels of 3 "
            "colours.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", help="Number of pictures that the shapes are shown for.")
    ] = 209,
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
) -> None:
    """Print the shapes and the number of parameters of each layer.

    Give a model file to describe that model, or --layers and --features for a network that is
    not trained yet.
    """
    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    output = Output()
    if model is None:
        hidden = parse_layers("20,7,5" if layers is None else layers)
        dims: tuple[int, ...] = (12288 if features is None else features, *hidden, 1)
    elif layers is not None or features is not None:
        raise SettingError("a model has its own layers; leave --layers and --features out")
    else:
        loaded = load_model_file(model, "cpu", limits)
        dims = loaded.layer_dims
        output.line(f"network   hidden layers {', '.join(loaded.hidden) or 'none'}")
        output.line(f"settings  {_settings(loaded.provenance)}")
    for line in summary_table(dims, samples).splitlines():
        output.line(line)


def _settings(provenance: Mapping[str, Any]) -> str:
    """Write the settings that a model was trained with; a file may hold anything there."""
    found = provenance.get("settings")
    if not isinstance(found, dict):
        return "the file does not say"
    shown = {n: v for n, v in as_of_today(found).items() if n not in ("layers", "hidden")}
    return one_line(", ".join(f"{name} {shortened(value)}" for name, value in shown.items()))
