"""Local heaps of an HDF5 file, whose lists of free space the HDF5 library follows without a limit.

In HDF5's older format the names of a group are in a local heap, and its free space is in a list. If
that list leads back into itself, the library allocates memory until none is left, as soon as the
group is opened; for the root group that is when the file is opened. So the bytes of the file are
checked before (HDF5 File Format Specification 3.0, III.D, "Local Heaps").
"""

import mmap
from pathlib import Path

from portable_dnn.errors import DataError
from portable_dnn.machine.limits import MOST_FREE_BLOCKS

__all__ = ["check_heaps"]

_SUPERBLOCK = b"\x89HDF\r\n\x1a\n"
_HEAP = b"HEAP\0"  # signature and version; the library does not look at the three bytes after it
_NUMBERS = 8  # bytes of the signature, the version and what is reserved
_END = 1  # no block can begin there


def check_heaps(path: Path) -> None:
    """Refuse a file in which a list of free space has no end.

    Parameters
    ----------
    path : Path
        A plain file.

    Raises
    ------
    DataError
        If there is such a list, if the file is made with addresses of another size than all
        programs use, or if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                return  # what HDF5 says of it is right
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                _check(content, path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _check(content: mmap.mmap, path: Path) -> None:
    """Look at the bytes of a file."""
    base = _superblock(content)
    if base is None:
        return
    version = content[base + 8 : base + 9]
    sizes = content[base + 13 : base + 15] if version <= b"\1" else content[base + 9 : base + 11]
    if sizes != b"\x08\x08":
        raise DataError(
            f"{path}: its addresses or lengths are not of 8 bytes; no such file is read"
        )
    steps = 0
    place = content.find(_HEAP, base)
    while place >= 0 and steps <= MOST_FREE_BLOCKS:
        steps += 1 + _length(content, place + _NUMBERS, base, MOST_FREE_BLOCKS - steps)
        place = content.find(_HEAP, place + 1)
    if steps > MOST_FREE_BLOCKS:
        raise DataError(
            f"{path} is a damaged HDF5 file: its lists of free space have more than "
            f"{MOST_FREE_BLOCKS} entries, or lead back into themselves"
        )


def _superblock(content: mmap.mmap) -> int | None:
    """Find HDF5's own beginning: at 0, 512, or twice as many bytes, and so on."""
    place = 0
    while place < len(content):
        if content[place : place + len(_SUPERBLOCK)] == _SUPERBLOCK:
            return place
        place = 2 * place or 512
    return None


def _length(content: mmap.mmap, place: int, base: int, most: int) -> int:
    """Follow one list as the library does, but not much farther than is allowed."""
    size, block, address = (_number(content, place + 8 * n) for n in range(3))
    begin, length = base + address, 0
    # An address outside the file is not a list; the library refuses it.
    while block != _END and block < size and begin + block < len(content) and length <= most:
        length += 1
        block = _number(content, begin + block)
    return length


def _number(content: mmap.mmap, place: int) -> int:
    """Read a number of 8 bytes."""
    return int.from_bytes(content[place : place + 8], "little")
