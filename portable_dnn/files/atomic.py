"""Writing a result so that a crash leaves the old file whole: write next to it, flush, rename."""

import contextlib
import os
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from portable_dnn.errors import OutputError
from portable_dnn.files.paths import web_address

__all__ = [
    "check_distinct",
    "check_writable",
    "remove_leftovers",
    "replace_bytes",
    "temporary_beside",
    "write_atomically",
]


_ABANDONED = 60.0  # seconds after the last byte
_BINARY = getattr(os, "O_BINARY", 0)  # else Windows would change line ends


def check_writable(path: str | Path) -> Path:
    """Say now, not after an hour of training, that a file cannot be written.

    Parameters
    ----------
    path : str or Path
        The file to be written later; its folder must exist.

    Returns
    -------
    Path
        The file that will be replaced or created: where `path` leads, if it is a link.

    Raises
    ------
    OutputError
        If the folder does not exist, is not a folder or cannot be written to, or if `path` is
        something else than a plain file.
    """
    path = Path(path)
    if address := web_address(path):
        raise OutputError(f"cannot write {address}: it is a web address; name a file")
    try:
        target = Path(os.path.realpath(path))  # resolve() raises RuntimeError for a ring of links
        folder = target.parent
        if target.is_symlink():
            raise OutputError(f"cannot write {path}: it is a link that leads back to itself")
        if not folder.is_dir():
            what = "is not a folder" if folder.exists() else "does not exist"
            raise OutputError(f"cannot write {path}: the folder {folder} {what}; create it first")
        if target.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder; name a file in it")
        if target.exists() and not target.is_file():
            raise OutputError(f"cannot write {path}: it is not a plain file; name another")
        # The real operation, because permission bits do not tell (root, read-only mounts, ACLs).
        _create(target).unlink()
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    return target


def check_distinct(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Refuse to write a file over another that is read or written in the same run.

    Parameters
    ----------
    outputs : mapping of str to Path or None
        What will be written, by what the user calls it ("--out"); None is left out.
    inputs : mapping of str to Path or None
        What is read, likewise.

    Raises
    ------
    OutputError
        If an output is an input or another output.
    """
    seen = {os.path.realpath(path): name for name, path in inputs.items() if path is not None}
    for name, path in outputs.items():
        if path is None:
            continue
        other = seen.setdefault(os.path.realpath(path), name)
        if other != name:
            raise OutputError(f"{name} {path} is also {other}; name another file")


@contextlib.contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, and put it in the place of `path` if all went well.

    The data are on the disk before the name changes, so that at every instant `path` is either the
    old file or the new one, whole. Then the folder is flushed too, where the file system can.

    Parameters
    ----------
    path : str or Path
        The file to replace or create.

    Yields
    ------
    Path
        A temporary file in the same folder; removed if the block raises.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    target = check_writable(path)
    remove_leftovers(target)
    try:
        temporary = _create(target)
        try:
            yield temporary
            _flush(temporary)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    _flush_folder(target.parent)


def replace_bytes(path: Path, content: bytes | memoryview, temporary: Path) -> None:
    """Put a whole new file in the place of another, as `write_atomically` does, with fewer calls.

    Nothing is checked before: a caller who writes repeatedly has checked once.

    Parameters
    ----------
    path : Path
        The file to replace or create.
    content : bytes or memoryview
        All of it.
    temporary : Path
        What to call it until it is on the disk; in the same folder. Gone afterwards.

    Raises
    ------
    OSError
        If it cannot be written; `path` is as it was.
    """
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | _BINARY, 0o666)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)  # noqa: PTH105 - fewer calls, as all of these
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def temporary_beside(path: Path) -> Path:
    """Name a file that nobody has, to be written before it takes the place of another.

    Parameters
    ----------
    path : Path
        The file whose place it will take.

    Returns
    -------
    Path
        In the same folder; not made yet.
    """
    return path.with_name(f"{_temporary_start(path)}{uuid.uuid4().hex}")


def remove_leftovers(path: Path) -> None:
    """Remove what programs left that were killed while they wrote a file.

    What is younger than a minute stays: another program may be writing it.

    Parameters
    ----------
    path : Path
        The file that they wrote.
    """
    start, then = _temporary_start(path), time.time() - _ABANDONED
    with contextlib.suppress(OSError):
        for entry in list(path.parent.iterdir()):
            if entry.name.startswith(start) and entry.lstat().st_mtime < then:
                entry.unlink(missing_ok=True)


def _temporary_start(path: Path) -> str:
    """Begin the names of a file's temporaries; short, because its own may be as long as allowed."""
    return f".portable_dnn-{zlib.crc32(path.name.encode(errors='replace')):08x}-"


def _create(target: Path) -> Path:
    """Create an empty file of a new name, with the permissions that a file of the user's gets."""
    temporary = temporary_beside(target)
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def _flush(path: Path) -> None:
    """Force a file, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    """Force a folder's list of names to the disk, where that can be done.

    Some file systems refuse it (of networks, in user space), and so does a folder that may be
    written but not read. The file has its new name by then, so that nothing is lost but to a power
    cut.
    """
    if os.name == "nt":  # Windows cannot open folders; its rename is journalled
        return
    with contextlib.suppress(OSError):
        _flush(folder)
