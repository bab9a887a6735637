"""`portable-dnn convert`: a model from one kind of file to the other."""

from pathlib import Path
from typing import Annotated

from portable_dnn.cli.console import Output
from portable_dnn.cli.inputs import (
    IsolateMemoryOption,
    IsolateOption,
    IsolateSecondsOption,
    isolation_limits,
    load_model_file,
)
from portable_dnn.cli.options import PathArgument, PathOption, check_outputs, output_file

__all__ = ["convert"]


def convert(
    model: Annotated[
        Path, PathArgument(metavar="MODEL", help="Model file to read: HDF5 or safetensors.")
    ],
    out: Annotated[
        Path,
        PathOption(
            "--out",
            parser=output_file,
            metavar="MODEL",
            help="File to write the same model to: safetensors if the name ends in .safetensors, "
            "else HDF5.",
        ),
    ],
    isolate: IsolateOption = False,
    isolate_memory: IsolateMemoryOption = None,
    isolate_seconds: IsolateSecondsOption = None,
) -> None:
    """Write a model file anew, as HDF5 or as safetensors.

    Only what a model is made of is written, so the new file of a stranger's model holds nothing
    else. With --isolate the stranger's file is read in a separate process.
    """
    from portable_dnn.models.store import save_model

    limits = isolation_limits(isolate, isolate_memory, isolate_seconds)
    check_outputs({"--out": out}, {"MODEL": model})
    save_model(load_model_file(model, "cpu", limits), out)
    Output().line(f"written to {out}")
