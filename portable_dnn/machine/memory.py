"""Refusing what does not fit in memory before any of it is allocated."""

import psutil

from portable_dnn.errors import DataError
from portable_dnn.machine.cgroups import cgroup_memory_left
from portable_dnn.machine.process_limits import address_space_left

__all__ = ["check_fits", "free_host_memory", "show_bytes"]


def check_fits(needed: int, what: str, available: int | None = None) -> None:
    """Refuse data that need more memory than is free.

    Parameters
    ----------
    needed : int
        Bytes.
    what : str
        What needs them, as the subject of the message: "data.h5 declares".
    available : int, optional
        Free bytes where they are to lie; by default the host's, or what this process may still
        have of them.

    Raises
    ------
    DataError
        If they are not there.
    """
    if available is None:
        available = free_host_memory()
    if needed > available:
        raise DataError(
            f"{what} {show_bytes(needed)} of data, but only {show_bytes(available)} of "
            "memory are free; use fewer or smaller pictures, smaller layers or float32"
        )


def free_host_memory() -> int:
    """Return the bytes that this process can have without swapping.

    Every backend that computes on the host asks here.

    Returns
    -------
    int
        The least of what the machine has free, and what is left of the process's limit
        (`ulimit -v`) and of its control group's (containers, batch queues).
    """
    available = int(psutil.virtual_memory().available)
    return min(available, address_space_left(), cgroup_memory_left())


def show_bytes(count: int) -> str:
    """Write a number of bytes for people: in MB, or in GB from 1 GB on.

    Parameters
    ----------
    count : int
        Bytes.

    Returns
    -------
    str
    """
    if count < 10**9:
        return f"{count / 10**6:.1f} MB"
    return f"{count / 10**9:,.1f} GB"
