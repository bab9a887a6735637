"""`portable-dnn doctor`: why the GPU is not used, and which command mends it."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from portable_dnn.arrays.devices import CUDA
from portable_dnn.arrays.registry import climb, get_backend
from portable_dnn.cli.console import Output

__all__ = ["doctor"]

_SIGNS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


def doctor(
    backend: Annotated[
        str, typer.Option("--backend", metavar="NAME", help="The backend to examine.")
    ] = CUDA,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Say why the GPU is not used, and what mends it.

    It climbs from "nothing installed" to "it computes" and says where that ends. Exit code 0 if
    the backend can be used here, else 1.
    """
    output = Output()
    checks = []
    for check in climb(get_backend(backend)):
        checks.append(check)
        if not as_json:
            output.line(f"{_SIGNS[check.status]} {check.name}: {check.detail}")
            if check.status == "warning" and check.remedy:
                output.line(f"        {check.remedy}")
    failure = next((check for check in checks if check.status == "failed"), None)
    if as_json:
        content = {
            "backend": backend,
            "usable": failure is None,
            "checks": [asdict(check) for check in checks],
            "next": failure.remedy if failure else "portable-dnn train",
        }
        output.line(json.dumps(content, indent=1))
    elif failure is None:
        output.line(f"{backend} can be used here; next: portable-dnn train --device {backend}")
    else:
        remedy = f"; next: {failure.remedy}" if failure.remedy else ""
        output.line(f"{backend} cannot be used here{remedy}")
    if failure is not None:
        raise typer.Exit(1)
