"""The options that several commands share, and how their text becomes settings."""

import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from portable_dnn.checkpoints.intervals import Every
from portable_dnn.errors import OutputError, SettingError
from portable_dnn.files.atomic import check_distinct, check_writable
from portable_dnn.network.activations import ACTIVATIONS

__all__ = [
    "CompressOption",
    "DataArgument",
    "DeviceOption",
    "DtypeOption",
    "HiddenOption",
    "HistoryOption",
    "IterationsOption",
    "PathArgument",
    "PathOption",
    "QuietOption",
    "SeedOption",
    "TestOption",
    "check_outputs",
    "input_path",
    "output_file",
    "parse_every",
    "parse_layers",
    "parse_names",
]


def input_path(text: str) -> Path:
    """Read the path of something that is to be read; an empty one is refused.

    Parameters
    ----------
    text : str
        As it was given: a Path would make the current folder of nothing.

    Returns
    -------
    Path

    Raises
    ------
    typer.BadParameter
        If it is empty.
    """
    if not text:
        raise typer.BadParameter("the path is empty; the path of a file would be right")
    return Path(text)


PathArgument = partial(typer.Argument, parser=input_path)
"""`typer.Argument` for a path."""
PathOption = partial(typer.Option, parser=input_path)
"""`typer.Option` for a path."""


def output_file(text: str) -> Path:
    """Read the path of a file to write; a path that can only be a folder's is refused.

    Parameters
    ----------
    text : str
        As it was given: of "x/", a Path would keep only "x".

    Returns
    -------
    Path

    Raises
    ------
    OutputError
        If it is empty, or ends as a folder's does.
    """
    if not text:
        raise OutputError("the name of the file to write is empty; give one")
    if os.path.basename(text) in ("", "."):  # noqa: PTH119 - Path forgets the end
        raise OutputError(f"cannot write {text}: it is a folder; name a file in it")
    return Path(text)


DataArgument = Annotated[
    Path | None,
    PathArgument(
        metavar="DATA.h5",
        help="HDF5 data file to read (docs/data.md lists its keys). Without it, the program uses "
        "pictures that it draws itself.",
        show_default=False,
    ),
]
TestOption = Annotated[
    Path | None,
    PathOption(
        "--test",
        metavar="TEST.h5",
        help="HDF5 file to read the test set from, if it is not in the data file.",
    ),
]
HiddenOption = Annotated[
    str,
    typer.Option(
        "--hidden",
        metavar="NAMES",
        help="Activation function of the hidden layers, one for all or one for each, separated by "
        f"commas: {', '.join(ACTIVATIONS)} or leaky_relu:SLOPE.",
    ),
]
HistoryOption = Annotated[
    Path | None,
    PathOption(
        "--history",
        parser=output_file,
        metavar="HISTORY.json",
        help="File to save the costs, gradient norms and settings of each run in, as JSON.",
    ),
]
SeedOption = Annotated[
    int,
    typer.Option("--seed", help="Seed of the random numbers that the initial weights are from."),
]
IterationsOption = Annotated[
    int,
    typer.Option(
        "--iterations",
        help="Number of updates of the weights; each uses all training pictures.",
    ),
]
DtypeOption = Annotated[
    str,
    typer.Option(
        "--dtype",
        metavar="float64|float32",
        help="Type of the numbers computed with: float64 has about 16 digits, float32 about 7 and "
        "is faster.",
    ),
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="Device to compute on: auto, cpu, cuda, cuda:N, a backend such as torch, or "
        "BACKEND:DEVICE ('portable-dnn devices' lists them). By default the one named in the "
        "environment variable PORTABLE_DNN_DEVICE, else auto: a GPU if one can be used, else the "
        "CPU.",
        show_default=False,
    ),
]
CompressOption = Annotated[
    str,
    typer.Option(
        "--compress",
        metavar="auto|on|off",
        help="Whether to train layer 1 on the products of the pictures with each other instead of "
        "on their pixels. The numbers are the same up to rounding, and with fewer pictures than "
        "pixels it is much faster. auto: where it is faster.",
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only the result, as plain text.")
]


def parse_layers(text: str) -> tuple[int, ...]:
    """Read the sizes of the hidden layers.

    Parameters
    ----------
    text : str
        Such as "20,7,5"; empty for none, which is logistic regression.

    Returns
    -------
    tuple of int

    Raises
    ------
    SettingError
        If a part is not a positive whole number.
    """
    sizes = []
    for place, part in enumerate(text.split(",") if text.strip() else (), start=1):
        digits = part.strip()
        # Nine digits are more units than any memory holds; more would only take longer to refuse.
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 9 and int(digits) > 0):
            raise SettingError(
                f"layers {text[:40]!r}: part {place} is {digits[:20]!r}; positive whole numbers "
                "separated by commas would be right, such as 20,7,5"
            )
        sizes.append(int(digits))
    return tuple(sizes)


def parse_every(text: str | None) -> Every:
    """Read how often to write a checkpoint.

    Parameters
    ----------
    text : str or None
        A number of iterations such as "100", or of seconds such as "30s"; None for never.

    Returns
    -------
    Every

    Raises
    ------
    SettingError
        If it is neither.
    """
    if text is None:
        return Every()
    # Nine digits of iterations or seconds are more than anyone waits for.
    if re.fullmatch(r"\d{1,9}", text, re.ASCII) and int(text) > 0:
        return Every(iterations=int(text))
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?s", text, re.ASCII) and float(text[:-1]) > 0:
        return Every(seconds=float(text[:-1]))
    raise SettingError(
        f"the interval between checkpoints is {text[:40]!r}; a number of iterations such as 100, "
        "or of seconds such as 30s, would be right"
    )


def parse_names(text: str) -> tuple[str, ...]:
    """Split names at commas.

    Parameters
    ----------
    text : str
        Such as "relu" or "relu,tanh,relu".

    Returns
    -------
    tuple of str
    """
    return tuple(part.strip() for part in text.split(","))


def check_outputs(
    outputs: Mapping[str, Path | None],
    inputs: Mapping[str, Path | None],
    plots: Path | None = None,
) -> None:
    """Say before the work that a result cannot be written, or would replace what is read.

    Parameters
    ----------
    outputs, inputs : mapping of str to Path or None
        The files, by what the user calls them; None is one that was not named.
    plots : Path or None
        The folder of --plots.

    Raises
    ------
    OutputError
        If one cannot be written, or is named twice.
    """
    for path in outputs.values():
        if path is not None:
            check_writable(path)
    pictures: Mapping[str, Path | None] = {}
    if plots is not None:
        from portable_dnn.results.drawing import import_matplotlib
        from portable_dnn.results.reports import PLOTS, check_plot_folder, plot_files

        import_matplotlib()
        check_plot_folder(plots)
        pictures = plot_files(plots, PLOTS)
    check_distinct({**outputs, **pictures}, inputs)
