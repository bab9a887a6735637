"""Refusing what does not fit in memory before any of it is allocated."""

import psutil

from portable_dnn.errors import DataError

__all__ = ["check_fits", "free_host_memory", "words_for_bytes"]


def check_fits(needed: int, what: str, available: int | None = None) -> None:
    """Refuse data that need more memory than is free.

    Parameters
    ----------
    needed : int
        Bytes.
    what : str
        What needs them, as the subject of the message: "data.h5 declares".
    available : int, optional
        Free bytes where they are to lie; by default the host's.

    Raises
    ------
    DataError
        If they are not there.
    """
    if available is None:
        available = free_host_memory()
    if needed > available:
        raise DataError(
            f"{what} {words_for_bytes(needed)} of data, but only {words_for_bytes(available)} of "
            "memory are free; use fewer or smaller pictures, smaller layers or float32"
        )


def free_host_memory() -> int:
    """Return the bytes that the operating system can give without swapping."""
    return int(psutil.virtual_memory().available)


def words_for_bytes(count: int) -> str:
    """Write a number of bytes in MB, or in GB from 1 GB on.

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
