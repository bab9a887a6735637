"""`portable-dnn data`: make, import and describe data sets."""

import json
from pathlib import Path
from typing import Annotated

import typer

from portable_dnn.cli.console import Output
from portable_dnn.cli.inputs import (
    FollowLinksOption,
    IsolateMemoryOption,
    IsolateOption,
    IsolateSecondsOption,
    isolation_limits,
    load_data,
    load_folder,
)
from portable_dnn.cli.options import check_outputs
from portable_dnn.data.dataset import DataSet

__all__ = ["data"]

data = typer.Typer(
    help="Make, import and describe data sets.", no_args_is_help=True, rich_markup_mode=None
)

OutOption = Annotated[Path, typer.Option("--out", metavar="DATA.h5", help="Write to this file.")]


@data.command("import")
def import_(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder with one subfolder a class.")
    ],
    out: OutOption,
    size: Annotated[int, typer.Option("--size", help="Height and width to stretch to.")] = 64,
    test_share: Annotated[
        float, typer.Option("--test-share", help="Share of each class kept for testing.")
    ] = 0.2,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the split.")] = 1,
    follow_links: FollowLinksOption = False,
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
) -> None:
    """Turn folders of pictures, one a class, into a data set."""
    from portable_dnn.data import other_files, write_dataset

    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    check_outputs({"--out": out}, {})
    dataset = load_folder(folder, size, test_share, seed, follow_links=follow_links, limits=limits)
    write_dataset(dataset, out)
    _describe(dataset)
    others = sum(
        len(other_files(part, follow_links=follow_links))
        for part in folder.iterdir()
        if part.name in dataset.class_names
    )
    if others:
        Output().line(f"{others} files that are no pictures by their extension were passed over")
    Output().line(f"written to {out}")


@data.command()
def info(
    file: Annotated[Path, typer.Argument(metavar="DATA.h5", help="The file to describe.")],
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Describe a data set."""
    from portable_dnn.data import describe_dataset

    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    dataset = load_data(file, limits=limits)
    if as_json:
        Output().line(json.dumps(describe_dataset(dataset), indent=1))
    else:
        _describe(dataset)


@data.command()
def make(
    out: OutOption,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the drawing.")] = 1,
) -> None:
    """Write the built-in pictures to a file."""
    from portable_dnn.data import builtin_dataset, write_dataset

    check_outputs({"--out": out}, {})
    dataset = builtin_dataset(seed)
    write_dataset(dataset, out)
    _describe(dataset)
    Output().line(f"written to {out}")


def _describe(dataset: DataSet) -> None:
    """Print a data set's parts, a line each."""
    output = Output()
    output.line(f"source   {dataset.source}")
    for name, part in (("training", dataset.train), ("test", dataset.test)):
        if part is None:
            output.line(f"{name:8} none")
            continue
        m, height, width, _ = part.images.shape
        classes = ", ".join(
            f"{int((part.labels == label).sum())} {class_name}"
            for label, class_name in enumerate(dataset.class_names)
        )
        output.line(
            f"{name:8} {m} picture{'s' * (m != 1)} of {height} x {width}, {part.images.dtype}: "
            f"{classes}"
        )
    output.line(f"sha256   {dataset.fingerprint()}")
