"""The machine, in the words a reader needs to judge a number."""

import os
import platform
from pathlib import Path
from typing import Any

import psutil

__all__ = ["cores", "describe"]


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> dict[str, Any]:
    """Describe processor, memory and operating system.

    Returns
    -------
    dict
        Plain data; nothing that names the machine or its owner.
    """
    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    """Name the processor, with its family and model, since clouds hide the rest."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    lines = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    found = {key.strip(): value.strip() for key, _, value in lines}
    if "model name" not in found:
        return platform.processor() or platform.machine()
    kind = f"family {found.get('cpu family', '?')}, model {found.get('model', '?')}"
    vectors = "AVX-512" if "avx512f" in found.get("flags", "").split() else "no AVX-512"
    return f"{found['model name']} ({kind}, {vectors})"
