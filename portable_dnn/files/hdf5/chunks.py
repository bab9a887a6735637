"""Compressed chunks of an HDF5 file: unpacked once with a limit, before the HDF5 library does."""

import itertools
import zlib
from pathlib import Path
from typing import Any

import h5py

from portable_dnn.errors import DataError
from portable_dnn.files.hdf5.guards import CHECKSUM, GZIP, chunk_bytes, filters_of
from portable_dnn.machine.limits import MOST_CHUNKS_UNSEEN

__all__ = ["check_chunks"]

_CHECKSUM_BYTES = 4
# Unpacked at a time, and forgotten: only the number of bytes is wanted.
_STEP = 1 << 20


def check_chunks(array: h5py.Dataset, path: Path) -> None:
    """Refuse chunks that would unpack to anything but exactly a chunk.

    The HDF5 library unpacks as much as there is, whatever the array declares, and reads a whole
    chunk's length whatever came out. So each is unpacked here first, and never further than the
    end of a chunk.

    Parameters
    ----------
    array : h5py.Dataset
        An array that `check_storage` and `check_memory` let pass.
    path : Path
        The file's path, for the message.

    Raises
    ------
    DataError
        If one does, or there are more than the file can hold.
    """
    filters = filters_of(array)
    if not filters or not array.shape:
        return
    steps = [range(0, n, step) for n, step in zip(array.shape, array.chunks, strict=True)]
    count = 1
    for step in steps:
        count *= len(step)
    if count > max(path.stat().st_size, MOST_CHUNKS_UNSEEN):
        raise DataError(
            f"{path}: {array.name.lstrip('/')} declares {count} chunks, and the file has no room "
            "for them"
        )
    for place in itertools.product(*steps):
        stored = array.id.get_chunk_info_by_coord(place)
        if stored.byte_offset is not None:  # else it was never written
            _check_chunk(array, place, stored, filters, path)


def _check_chunk(
    array: h5py.Dataset, place: tuple[int, ...], stored: Any, filters: list[int], path: Path
) -> None:
    """Check one chunk; a writer may have left filters out where they did not pay."""
    used = {number for i, number in enumerate(filters) if not stored.filter_mask >> i & 1}
    size = chunk_bytes(array)
    extra = _CHECKSUM_BYTES if CHECKSUM in used else 0
    # What zlib may add to bytes that do not compress is far below a hundredth.
    most = size + extra + (size // 100 + 1_000 if GZIP in used else 0)
    unpacked = None
    if stored.size <= most:
        unpacked = stored.size - extra
        if GZIP in used:
            _, content = array.id.read_direct_chunk(place)
            unpacked = _unpacked(content[: len(content) - extra], size)
    if unpacked != size:
        raise DataError(
            f"{path}: the chunk of {array.name.lstrip('/')} at {place} is damaged: it does not "
            f"unpack to the {size} bytes of a chunk"
        )


def _unpacked(content: bytes, most: int) -> int | None:
    """Count the bytes that a zlib stream unpacks to, up to one too many; None if it is broken."""
    stream = zlib.decompressobj()
    count, rest = 0, content
    try:
        while count <= most and not stream.eof:
            piece = stream.decompress(rest, min(_STEP, most + 1 - count))
            rest = stream.unconsumed_tail
            count += len(piece)
            if not piece and not rest:
                break
    except zlib.error:
        return None
    return count if stream.eof and not stream.unused_data else None
