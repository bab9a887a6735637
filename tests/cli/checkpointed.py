"""A small run that keeps checkpoints, and what became of it."""

import signal
from typing import NamedTuple

from portable_dnn.checkpoints.folder import list_checkpoints
from portable_dnn.models.store import load_model

RUN = ("--iterations", 55, "--layers", "3,2", "--learning-rate", 0.1)
EVERY = ("--checkpoint-every", 10)


class Kind(NamedTuple):
    """A signal, what it is called, and the exit code after it."""

    number: int
    name: str
    code: int


SIGNALS = [Kind(signal.SIGINT, "Ctrl-C", 130), Kind(signal.SIGTERM, "SIGTERM", 143)]
if hasattr(signal, "SIGHUP"):  # Windows has none
    SIGNALS.append(Kind(signal.SIGHUP, "SIGHUP", 129))


def train(device="cpu", out="m.h5"):
    return ("train", "data.h5", *RUN, "--device", device, "--out", out)


def same_bits(folder, first="m.h5", second="whole.h5"):
    a, b = (load_model(folder / name).parameters for name in (first, second))
    return all(a[name].tobytes() == b[name].tobytes() for name in b)


def iterations(folder, out="m.h5"):
    return [iteration for iteration, _ in list_checkpoints(folder / out)]


def named(folder, iteration, out="m.h5"):
    """The name of the one checkpoint of an iteration."""
    (name,) = (path.name for n, path in list_checkpoints(folder / out) if n == iteration)
    assert name.startswith(f"{out}.checkpoint-{iteration:010d}-")
    return name
