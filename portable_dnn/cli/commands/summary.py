"""`portable-dnn summary`: the shapes in a network."""

from collections.abc import Callable, Iterator
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
from portable_dnn.cli.options import PathArgument, parse_layers
from portable_dnn.cli.results import show_cost
from portable_dnn.errors import SettingError
from portable_dnn.files.text import one_line, shortened
from portable_dnn.models.model import Model
from portable_dnn.network.pixels import PIXEL_SCALE
from portable_dnn.training.settings import Settings, as_of_today

__all__ = ["summary"]

_UNSAID = "the file does not say"


def summary(
    model: Annotated[
        Path | None,
        PathArgument(
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
    """Print the shapes in a network, and what a model file says.

    Give a model file to describe that model: its activations, classes, pictures, data, settings,
    cost and versions. Or give --layers and --features for a network that is
    not trained yet.
    """
    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    output = Output()
    if model is None:
        hidden = parse_layers("20,7,5" if layers is None else layers)
        n_x = 12288 if features is None else features
        dims = Settings(layers=hidden).layer_dims(n_x, pixels=True)
    elif layers is not None or features is not None:
        raise SettingError("a model has its own layers; leave --layers and --features out")
    else:
        loaded = load_model_file(model, "cpu", limits)
        dims = loaded.layer_dims
        for name, told in _told(loaded):
            output.line(f"{name:9} {one_line(told)}")
    for line in summary_table(dims, samples).splitlines():
        output.line(line)


def _told(model: Model) -> Iterator[tuple[str, str]]:
    """Tell what a model file knows, apart from the shapes; of its making it may say anything."""
    first, second = model.class_names
    height, width, channels = model.image_shape
    provenance = model.provenance
    settings = provenance.get("settings")
    if isinstance(settings, dict):
        known = as_of_today(settings)
        settings = {name: known[name] for name in known if name not in ("layers", "hidden")}
    yield "network", f"hidden layers {', '.join(model.hidden) or 'none'}; {model.dtype}"
    yield "classes", f"0 is {first}, 1 is {second}"
    yield "pictures", f"{height} x {width} of {channels} colours, divided by {PIXEL_SCALE:g}"
    yield "settings", _pairs(settings)
    yield "data", _pairs(provenance.get("data"))
    yield "start", f"sha256 {shortened(provenance.get('start_sha256', _UNSAID))}"
    yield "cost", _number(provenance.get("final_cost"), show_cost)
    yield "device", shortened(provenance.get("device", _UNSAID))
    yield "time", _number(provenance.get("seconds"), lambda seconds: f"{seconds:.1f} s")
    yield "versions", _pairs(provenance.get("versions"))


def _pairs(found: Any) -> str:
    """Write a file's names and values, if that is what there is."""
    if not isinstance(found, dict) or not found:
        return _UNSAID
    return ", ".join(f"{name} {shortened(value)}" for name, value in found.items())


def _number(found: Any, show: Callable[[float], str]) -> str:
    """Write a file's number, or whatever is in its place."""
    if isinstance(found, int | float):
        return show(found)
    return _UNSAID if found is None else shortened(found)
