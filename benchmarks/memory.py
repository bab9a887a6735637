"""The memory of this process: what it holds now, and the most it has held.

`ru_maxrss` of a child starts at what its parent held before `exec`, and imports peak higher than
what they leave behind. So the peak is Linux's own (`VmHWM`), set back after the imports where the
kernel allows it; elsewhere `ru_maxrss` has to do.
"""

import resource
import sys
from pathlib import Path

import psutil

__all__ = ["forget_peak", "peak", "resident"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def resident() -> int:
    """Return the bytes held now."""
    return int(psutil.Process().memory_info().rss)


def forget_peak() -> bool:
    """Set the peak back to what is held now; return whether that worked."""
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return False
    return peak() < resident() + 2**20


def peak() -> int:
    """Return the most bytes held so far."""
    try:
        lines = _STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
