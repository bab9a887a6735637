"""`portable-dnn doctor`: why the GPU is not used, and how to fix that."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from portable_dnn.arrays.contract import Check
from portable_dnn.arrays.devices import CUDA
from portable_dnn.arrays.registry import climb, look_at
from portable_dnn.cli.console import Output
from portable_dnn.training.trial import try_step

__all__ = ["doctor"]

_SIGNS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


def doctor(
    backend: Annotated[
        str,
        typer.Option(
            "--backend",
            metavar="NAME",
            help="Backend to examine, such as cupy, torch or jax.",
        ),
    ] = CUDA,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result of every check as JSON.")
    ] = False,
) -> None:
    """Find out why the GPU is not used, and how to fix that.

    The checks run one after the other, from "is the library installed" to "does it compute the
    right numbers", and stop at the first that fails.
    """
    output = Output()
    checks = []
    for check in _climbed(backend):
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
        output.json(content)
    elif failure is None:
        output.line(f"{backend} can be used here; next: portable-dnn train --device {backend}")
    else:
        remedy = f"; next: {failure.remedy}" if failure.remedy else ""
        output.line(f"{backend} cannot be used here{remedy}")
    if failure is not None:
        raise typer.Exit(1)


def _climbed(name: str) -> Iterator[Check]:
    """Climb a backend's ladder, and take a step of training at its end."""
    backend = look_at(name)
    usable = True
    for check in climb(backend):
        usable = usable and check.status != "failed"
        yield check
    if usable:
        yield try_step(backend)
