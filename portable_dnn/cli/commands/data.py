"""`portable-dnn data`: create, import and describe data sets."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from portable_dnn.cli.console import Output
from portable_dnn.cli.inputs import (
    FollowLinksOption,
    IsolateMemoryOption,
    IsolateOption,
    IsolateSecondsOption,
    SkipBadOption,
    isolation_limits,
    load_data,
    load_folder,
)
from portable_dnn.cli.options import (
    PathArgument,
    PathOption,
    TestOption,
    check_outputs,
    output_file,
)
from portable_dnn.cli.results import show_remarks
from portable_dnn.data.dataset import DataSet
from portable_dnn.files.atomic import write_somewhere

__all__ = ["data"]

data = typer.Typer(
    help="Create, import and describe data sets.", no_args_is_help=True, rich_markup_mode=None
)

OutOption = Annotated[
    Path,
    PathOption("--out", parser=output_file, metavar="DATA.h5", help="HDF5 data file to write."),
]


@data.command("import")
def import_(
    folder: Annotated[
        Path,
        PathArgument(
            metavar="DIR", help="Folder with two subfolders of pictures, one for each class."
        ),
    ],
    out: OutOption,
    size: Annotated[
        int,
        typer.Option("--size", help="Height and width, in pixels, to stretch every picture to."),
    ] = 64,
    test_share: Annotated[
        float,
        typer.Option(
            "--test-share", help="Share of the pictures of each class to put in the test set."
        ),
    ] = 0.2,
    seed: Annotated[
        int,
        typer.Option("--seed", help="Seed of the random choice of the pictures in the test set."),
    ] = 1,
    follow_links: FollowLinksOption = False,
    skip_bad: SkipBadOption = False,
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
) -> None:
    """Make a data file from a folder of pictures.

    The folder has two subfolders, one for each class, whose names become the names of the classes.
    """
    from portable_dnn.data import write_dataset

    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    check_outputs({"--out": out}, {})
    output = Output()
    with output.reading() as look:
        dataset = load_folder(
            *(folder, size, test_share, seed),
            follow_links=follow_links,
            skip_bad=skip_bad,
            limits=limits,
            look=look,
        )
    write_somewhere(out, partial(write_dataset, dataset), "the data set")
    _describe(dataset)
    output.line(f"written to {out}")


@data.command()
def info(
    file: Annotated[Path, PathArgument(metavar="DATA.h5", help="HDF5 data file to describe.")],
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the description as JSON instead of lines.")
    ] = False,
) -> None:
    """Print what a data file contains.

    That is the number, the size and the classes of its pictures, and a checksum.
    """
    from portable_dnn.data import describe_dataset

    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    output = Output(quiet=as_json)
    with output.working(lambda: "reading the data"):
        dataset = load_data(file, limits=limits)
    if as_json:
        output.json(describe_dataset(dataset))
    else:
        _describe(dataset)


@data.command("convert")
def convert(
    file: Annotated[Path, PathArgument(metavar="DATA.h5", help="HDF5 data file to read.")],
    out: OutOption,
    test: TestOption = None,
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
) -> None:
    """Write a data file anew, with nothing in it but a data set.

    With --isolate a stranger's file is read in a separate process, and names of classes in text of
    variable length are read as well; the new file needs neither.
    """
    from portable_dnn.data import write_dataset

    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    check_outputs({"--out": out}, {"DATA": file, "--test": test})
    output = Output()
    with output.working(lambda: "reading the data"):
        dataset = load_data(file, test, limits)
    write_dataset(dataset, out)
    _describe(dataset)
    output.line(f"written to {out}")


@data.command()
def make(
    out: OutOption,
    seed: Annotated[
        int, typer.Option("--seed", help="Seed of the random numbers that the pictures are from.")
    ] = 1,
) -> None:
    """Make a data file of the built-in pictures.

    Those are the pictures that 'portable-dnn train' draws itself if it is given no data file.
    """
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
    show_remarks(output, dataset)
