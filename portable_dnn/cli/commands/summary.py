"""`portable-dnn summary`: the shapes in a network."""

from pathlib import Path
from typing import Annotated

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

__all__ = ["summary"]


def summary(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL.h5", help="A model of 'train --out'.", show_default=False),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="SIZES",
            help="Units of the hidden layers; 20,7,5 by default.",
            show_default=False,
        ),
    ] = None,
    features: Annotated[
        int | None,
        typer.Option(
            "--features", help="Input features; 12288 = 64 x 64 x 3 by default.", show_default=False
        ),
    ] = None,
    samples: Annotated[int, typer.Option("--samples", help="Number of pictures.")] = 209,
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
) -> None:
    """Print the shapes and the parameters of each layer."""
    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    if model is None:
        hidden = parse_layers("20,7,5" if layers is None else layers)
        dims: tuple[int, ...] = (12288 if features is None else features, *hidden, 1)
    elif layers is not None or features is not None:
        raise SettingError("a model has its own layers; leave --layers and --features out")
    else:
        dims = load_model_file(model, "cpu", limits).layer_dims
    Output().line(summary_table(dims, samples))
