"""Running `tests.memory.peaks` in a process of its own, and judging what it found."""

import json
import os
import subprocess
import sys
from typing import NamedTuple

from tests.durability.processes import ROOT

__all__ = ["Found", "measure"]

ABOVE = 1.3
"""How many times the peak may be foretold, beside what is foretold for the library itself: code
and buffers, which another processor may not need, or which are there already."""
BROKEN_UP = 4.0
"""The same of PyTorch's heap, which its arrays break up by chance, or do not, from run to run."""
COMPILER = 200_000_000
"""Bytes that are foretold for a compiler besides, whose programs another run may have left."""
ONE_THREAD = dict.fromkeys(("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class Found(NamedTuple):
    """A peak, what was foretold, and what of that for the library itself, in bytes."""

    device: str
    dtype: str
    kind: str
    told: int
    own: int
    peak: int

    @property
    def right(self) -> bool:
        """Whether no less was foretold, and not much more."""
        above = ABOVE * (BROKEN_UP if self.device.startswith("torch") else 1)
        allowed = above * self.peak + self.own + (COMPILER if self.device.startswith("jax") else 0)
        return self.peak <= self.told <= allowed

    def __str__(self) -> str:
        ratio = self.told / self.peak
        return (
            f"{self.device:12} {self.dtype} {self.kind:20} foretold {self.told / 1e6:7.1f} MB, "
            f"peak {self.peak / 1e6:7.1f} MB: {ratio:.2f}{'' if self.right else '  WRONG'}"
        )


def measure(device: str, dtype: str, *kinds: str) -> list[Found]:
    """Measure kinds of runs, one after the other, in a new process."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.memory.peaks", device, dtype, *kinds],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        check=True,
        timeout=600,
    )
    return [Found(device, dtype, *row) for row in json.loads(found.stdout)]
