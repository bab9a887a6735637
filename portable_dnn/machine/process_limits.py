"""Limits that the operating system enforces for a process; not every system has them."""

import contextlib
import sys
from types import ModuleType

import psutil

__all__ = ["address_space_left", "limit_this_process", "limit_time"]


def address_space_left() -> int:
    """Return the bytes that this process may still allocate.

    Returns
    -------
    int
        What is left of its limit (`ulimit -v`); `sys.maxsize` where there is none.
    """
    resource = _resource()
    if resource is None:
        return sys.maxsize
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(0, int(limit) - int(psutil.Process().memory_info().vms))


def limit_this_process(memory: int, seconds: float) -> None:
    """Let the operating system end this process, or refuse it memory, at its limits.

    Parameters
    ----------
    memory : int
        Bytes that it may allocate beyond what it has now, and bytes that it may write to a file.
    seconds : float
        Processor time from now on.
    """
    resource = _resource()
    if resource is None:
        return
    limit_time(seconds)
    wanted = {
        resource.RLIMIT_AS: int(psutil.Process().memory_info().vms) + memory,
        resource.RLIMIT_FSIZE: memory,
        resource.RLIMIT_CORE: 0,  # a core file would hold what was read
    }
    for name, value in wanted.items():
        _, most = resource.getrlimit(name)
        if most != resource.RLIM_INFINITY:
            value = min(value, most)
        try:
            resource.setrlimit(name, (value, value))
        except (OSError, ValueError):
            continue  # macOS refuses some; the waiting process enforces the same limits


def limit_time(seconds: float) -> None:
    """Let the operating system end this process when it has computed for some time.

    Parameters
    ----------
    seconds : float
        Processor time from now on. A later call gives the process new time.
    """
    resource = _resource()
    if resource is None:
        return
    times = psutil.Process().cpu_times()
    value = int(times.user + times.system + seconds) + 1
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    if most != resource.RLIM_INFINITY:
        value = min(value, most)
    with contextlib.suppress(OSError, ValueError):  # the waiting process enforces it as well
        resource.setrlimit(resource.RLIMIT_CPU, (value, most))


def _resource() -> ModuleType | None:
    """Import Python's module for it, which Windows has not."""
    try:
        import resource
    except ImportError:
        return None
    return resource
