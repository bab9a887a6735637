"""The memory that a control group leaves to a process on Linux, as in containers and batch queues.

Version 2 of the kernel's interface, and the `memory` controller of version 1 (kernel documentation,
admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst).
"""

import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["cgroup_memory_left"]

# Names of the limit, the usage, and the entry of memory.stat with what the kernel can drop at once.
_VERSION_1 = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
_VERSION_2 = "memory.max", "memory.current", "inactive_file"


def cgroup_memory_left(root: Path = Path("/")) -> int:
    """Return the bytes that this process's control groups let it have more.

    Parameters
    ----------
    root : Path
        Where `proc` and `sys` are.

    Returns
    -------
    int
        The least that a group or one above it leaves; `sys.maxsize` where there is no limit.
    """
    return max(0, min((_left(folder, *names) for folder, *names in _groups(root)), default=_NONE))


_NONE = sys.maxsize


def _groups(root: Path) -> Iterator[tuple[Path, str, str, str]]:
    """Find the folders of this process's groups and of those above, and what is called how there.

    In a container the path may be one of the host, of which only the top is there to be seen.
    """
    mounts = root / "sys" / "fs" / "cgroup"
    for line in _text(root / "proc" / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        inner = Path(path.lstrip("/"))
        if "memory" in controllers.split(","):
            for folder in (inner, *inner.parents):
                yield mounts / "memory" / folder, *_VERSION_1
        elif number == "0" and not controllers:
            for folder in (inner, *inner.parents):
                yield mounts / folder, *_VERSION_2


def _left(folder: Path, limit: str, usage: str, cache: str) -> int:
    """Subtract what a group uses from its limit; files that are cached give way."""
    most, used = _text(folder / limit).strip(), _text(folder / usage).strip()
    if not (most.isdecimal() and used.isdecimal()):
        return _NONE  # "max", or no such folder
    cached = 0
    for line in _text(folder / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == cache and value.isdecimal():
            cached = int(value)
    return int(most) - int(used) + cached


def _text(path: Path) -> str:
    """Read a file of the kernel; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
