"""PyTorch with its loss compiled (torch.compile), forward and backward; the update as it comes."""

import shutil
from collections.abc import Callable

from benchmarks.peers.peer import Outcome, Peer
from benchmarks.peers.torch_eager import train
from benchmarks.problem import Problem

__all__ = ["PEER", "prepare"]


def prepare(problem: Problem) -> Callable[[], Outcome]:
    """Make the run; see `Peer`."""
    import torch

    return lambda: train(problem, torch.compile)


def _needs() -> str:
    """Inductor writes C++ for the CPU."""
    found = any(shutil.which(compiler) for compiler in ("g++", "clang++", "cl"))
    return "" if found else "torch.compile needs a C++ compiler, and there is none"


PEER = Peer(
    "torch-compiled",
    "PyTorch compiled",
    prepare,
    ("torch",),
    ("torch",),
    disk_cache=True,
    needs=_needs,
)
