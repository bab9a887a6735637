"""Checkpoints whose arrays were exchanged for others, with checksums that fit.

Changed bytes seldom make a whole HDF5 object of another kind. So here an input is a program: every
three bytes after the first take an array, or the version, and put something else in its place.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fuzz.sealed import checkpoints, crc32, go_on, sealed

__all__ = ["programs", "read_forged"]

_MOST_CHANGES = 8
_DTYPES = ("<i8", ">f8", "<f4", "<f8", "u1", "S1", "S40", "?", "<f2", "<u8", "i1", "V3", "<c16")
_VALUES = (0, 1, -1, np.nan, np.inf, -np.inf, 2**62, 1e300, 5e-324, 3, 9, 64, 65)
_SHAPES = ((), (0,), (1,), (2,), (3,), (0, 1), (1, 0), (1, 1), (64, 1), (64, 0), (64, 7), (9, 9, 9))
_TEXTS = (b"[]", b"{}", b"null", b'{"state": [], "gradient_norm": []}', b'{"state": 5}', b"\xff")
_BASES = checkpoints()


def programs() -> list[bytes]:
    """Make programs: one that changes nothing, and one for each kind of change."""
    return [b"\0", *(bytes((1, array, kind, 5)) for kind in range(len(_KINDS)) for array in (0, 8))]


def read_forged(program: bytes, folder: Path) -> None:
    """Change a checkpoint as the program says, give it checksums that fit, and go on from it."""
    made = io.BytesIO(_BASES[program[0] % len(_BASES) if program else 0])
    with h5py.File(made, "r+") as file:
        names = [name.decode() for name in file["names"][:]]
        for place, kind, argument in _steps(program[1:]):
            target = [*names, "crc32", "state", "history"][place % (len(names) + 3)]
            with contextlib.suppress(Exception):  # what h5py cannot make is no input
                _KINDS[kind % len(_KINDS)](file, target, argument)
        _list_checksums(file)
    go_on(sealed(made.getvalue()), folder)


def _steps(program: bytes) -> Iterator[tuple[int, int, int]]:
    """Read three bytes at a time."""
    for begin in range(0, min(len(program), 3 * _MOST_CHANGES) - 2, 3):
        place, kind, argument = program[begin : begin + 3]
        yield place, kind, argument


def _list_checksums(file: h5py.File) -> None:
    """List the checksums of what can be read, for each name that is listed."""
    try:
        sums = [crc32(file[name.decode()][()].tobytes()) for name in file["names"][:]]
        listed = file["crc32"]
        if isinstance(listed, h5py.Dataset) and listed.shape == (len(sums),):
            listed[...] = np.array(sums)
    except (KeyError, AttributeError, ValueError, TypeError, RuntimeError, OSError):
        return  # then there is nothing that fits, and nothing to list


def _old(file: h5py.File, name: str) -> Any:
    """Take what is there out of the file, and return its values; a number if there are none."""
    values = None
    if name in file:
        if isinstance(file[name], h5py.Dataset):
            values = file[name][()]
        del file[name]
    return values if isinstance(values, np.ndarray) else np.zeros(1)


def _retyped(file: h5py.File, name: str, argument: int) -> None:
    """Give an array another type."""
    values = _old(file, name)
    with np.errstate(all="ignore"):
        dtype = np.dtype(_DTYPES[argument % len(_DTYPES)])
        file[name] = np.zeros(values.shape, dtype) if dtype.kind in "SV" else values.astype(dtype)


def _filled(file: h5py.File, name: str, argument: int) -> None:
    """Give an array other values, of floating type if need be."""
    values = _old(file, name)
    value = _VALUES[argument % len(_VALUES)]
    whole = values.dtype.kind in "iu" and isinstance(value, int) and argument < 128
    file[name] = np.full(values.shape, value, "<i8" if whole else "<f8")


def _one_value(file: h5py.File, name: str, argument: int) -> None:
    """Give one element of an array another value, of the same type."""
    values = _old(file, name)
    if values.size and values.dtype.kind in "if":
        value = _VALUES[argument % len(_VALUES)]
        with np.errstate(all="ignore"):
            values.flat[argument % values.size] = np.array(value).astype(values.dtype)
    file[name] = values


def _reshaped(file: h5py.File, name: str, argument: int) -> None:
    """Give an array another shape."""
    values = _old(file, name)
    file[name] = np.resize(values, _SHAPES[argument % len(_SHAPES)])


def _emptied(file: h5py.File, name: str, argument: int) -> None:
    """Put an array without a shape or values there."""
    _old(file, name)
    file.create_dataset(name, data=h5py.Empty(_DTYPES[argument % len(_DTYPES)]))


def _unwritten(file: h5py.File, name: str, argument: int) -> None:
    """Declare much that is not there, in chunks or in one piece."""
    values = _old(file, name)
    shape = (1000 * (argument + 1), *values.shape[1:])
    packed = {"chunks": (1000, *values.shape[1:]), "compression": "gzip"}
    usable = argument % 2 and values.ndim and 0 not in values.shape
    file.create_dataset(name, shape, values.dtype, **(packed if usable else {}))


def _other_kind(file: h5py.File, name: str, argument: int) -> None:
    """Put something there that is no array of numbers."""
    _old(file, name)
    match argument % 7:
        case 0:
            file.create_group(name)
        case 1:
            file[name] = h5py.SoftLink("/counts")
        case 2:
            file[name] = h5py.ExternalLink("/nowhere.h5", "/counts")
        case 3:
            file[name] = np.dtype("<i8")
        case 4:
            file.create_dataset(name, data=["text"], dtype=h5py.string_dtype())
        case 5:
            file.create_dataset(name, data=file.ref, dtype=h5py.ref_dtype)
        case 6:
            pass  # nothing at all


def _json(file: h5py.File, name: str, argument: int) -> None:
    """Put other JSON in the place of the run."""
    del name
    values = _old(file, "run").astype(np.uint8).tobytes()
    text = (
        _TEXTS[argument] if argument < len(_TEXTS) else values.replace(b'"W', b'"V', argument % 3)
    )
    file["run"] = np.frombuffer(text, np.uint8)


def _version(file: h5py.File, name: str, argument: int) -> None:
    """Give the version, or another attribute, another type."""
    del name
    values = (2.0, h5py.Empty("i4"), b"1", "1", [1], True, file.ref, 2**63, np.zeros(2), "x" * 9000)
    file.attrs["format_version" if argument < 200 else "format"] = values[argument % len(values)]


def _same(file: h5py.File, name: str, argument: int) -> None:
    """Let an array be another one as well."""
    _old(file, name)
    other = ("run", "counts", "history/cost", "history/iteration")[argument % 4]
    if other in file and other != name:
        file[name] = file[other]


def _names(file: h5py.File, name: str, argument: int) -> None:
    """List names more than once, others, or fewer."""
    values = _old(file, "names")
    extra = [name.encode(), b"", b"/", b"..", b"state", b"crc32", b"\xff", b"a" * 3000][
        argument % 8
    ]
    listed = (
        [*values[: len(values) - argument // 64], extra] if values.dtype.kind == "S" else [extra]
    )
    file["names"] = np.array(listed, "S")


_KINDS: tuple[Callable[[h5py.File, str, int], None], ...] = (
    _retyped,
    _filled,
    _one_value,
    _reshaped,
    _emptied,
    _unwritten,
    _other_kind,
    _json,
    _version,
    _same,
    _names,
)
