"""`portable-dnn predict`: the class of a picture."""

from pathlib import Path
from typing import Annotated

import typer

from portable_dnn.arrays.devices import choose_device
from portable_dnn.cli.console import Output
from portable_dnn.cli.inputs import (
    FollowLinksOption,
    IsolateMemoryOption,
    IsolateOption,
    IsolateSecondsOption,
    SkipBadOption,
    find_good_pictures,
    isolation_limits,
    load_model_file,
    load_pictures,
)
from portable_dnn.cli.options import DeviceOption, PathArgument
from portable_dnn.errors import DataError
from portable_dnn.files.paths import is_folder
from portable_dnn.models.model import check_room_for, classify

__all__ = ["predict"]


def predict(
    model: Annotated[
        Path,
        PathArgument(metavar="MODEL.h5", help="Model file that 'portable-dnn train --out' wrote."),
    ],
    pictures: Annotated[
        list[Path],
        PathArgument(
            metavar="PICTURE",
            help="Picture to classify: a JPEG, PNG, WebP or BMP file, or a folder of such files; "
            "may be repeated.",
        ),
    ],
    device: DeviceOption = None,
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
    follow_links: FollowLinksOption = False,
    skip_bad: SkipBadOption = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the classes and probabilities as JSON instead of a table."
        ),
    ] = False,
) -> None:
    """Print the class of pictures, and how probable it is.

    The probability is that of class 1; above 0.5 the picture is put in class 1. Pictures of any
    size are stretched to the size that the model was trained on.
    """
    from portable_dnn.data import left_out, picture_files

    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    output = Output(quiet=as_json)
    target = choose_device(device)
    with output.working(lambda: "reading the model"):
        loaded = load_model_file(model, target, limits)
    paths: list[Path] = []
    for named in pictures:
        if _is_folder(named, alone=len(pictures) == 1):
            paths += picture_files(named, follow_links=follow_links)
            for remark in left_out(named, follow_links=follow_links):
                output.aside(remark)
        else:
            paths.append(named)
    height, width, _ = loaded.image_shape
    check_room_for(len(paths), loaded)
    with output.reading() as look:
        if skip_bad:
            good, bad = find_good_pictures(paths, limits, look)
            for sentence in bad if good else ():
                output.aside(f"left out: {sentence}")
            paths = good or paths  # where all are bad, they are refused
        images = load_pictures(paths, (height, width), limits, look)
    with output.working(lambda: "classifying"):
        predictions = classify(images, loaded)
    positive = loaded.class_names[1]
    if as_json:
        results = [
            {
                "picture": str(path),
                "class": p.class_name,
                "probability": p.probability,
                "probability_of": positive,
            }
            for path, p in zip(paths, predictions, strict=True)
        ]
        output.json(results)
        return
    output.table(
        ("picture", "class", f"probability of {positive}"),
        [
            (str(path), p.class_name, f"{p.probability:.4f}")
            for path, p in zip(paths, predictions, strict=True)
        ],
    )


def _is_folder(named: Path, *, alone: bool) -> bool:
    """Tell a folder from a picture; what is neither is refused, among others with all bad ones."""
    try:
        return is_folder(named, "a picture or a folder of pictures")
    except DataError:
        if alone:
            raise
        return False
