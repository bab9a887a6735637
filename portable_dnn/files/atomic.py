"""Writing a result so that a crash leaves the old file whole: write next to it, flush, rename."""

import contextlib
import os
import stat
import tempfile
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from portable_dnn.errors import OutputError, UnsavedError
from portable_dnn.files.paths import web_address

__all__ = [
    "check_distinct",
    "check_writable",
    "remove_leftovers",
    "replace_bytes",
    "temporary_beside",
    "write_atomically",
    "write_somewhere",
    "write_text",
]


_ABANDONED = 60.0  # seconds after the last byte
# A new file, and never one that somebody has put in its place or that a link there leads to; and
# with O_BINARY, else Windows would change line ends.
_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)


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
        something else than a plain file, or one that only another user may replace.
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
        if _kept_by_others(target):
            raise OutputError(
                f"cannot write {path}: it is another user's, and in the folder {folder} only he "
                "can replace it; name another file"
            )
        # The real operation, because permission bits do not tell (root, read-only mounts, ACLs).
        _create(target).unlink()
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    return target


def _kept_by_others(target: Path) -> bool:
    """Whether a file is another user's in a folder, such as /tmp, where only owners replace."""
    user = getattr(os, "geteuid", lambda: 0)()  # Windows has no such folders
    folder = target.parent.stat()
    sticky = bool(folder.st_mode & stat.S_ISVTX) and target.exists()
    return sticky and user not in (0, folder.st_uid, target.stat().st_uid)


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
def write_atomically(path: str | Path) -> Iterator[BinaryIO]:
    """Give a new file to write to, and put it in the place of `path` if all went well.

    The data are on the disk before the name changes, so that at every instant `path` is either the
    old file or the new one, whole. Then the folder is flushed too, where the file system can.

    Parameters
    ----------
    path : str or Path
        The file to replace or create.

    Yields
    ------
    file
        A temporary file in the same folder, open for writing, for nobody can swap it then; removed
        if the block raises.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    target = check_writable(path)
    remove_leftovers(target)
    try:
        temporary = temporary_beside(target)
        file = os.fdopen(os.open(temporary, _NEW, 0o666), "wb")
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    _flush_folder(target.parent)


def write_text(path: str | Path, text: str) -> None:
    """Write a text as `write_atomically` does, in UTF-8.

    Parameters
    ----------
    path : str or Path
        The file to replace or create.
    text : str
        All of it. A name of a file may have bytes that are no text; they are written as escapes,
        which JSON has as well.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with write_atomically(path) as file:
        file.write(text.encode(errors="backslashreplace"))


def write_somewhere(path: str | Path, write: Callable[[Path], object], what: str) -> None:
    """Write a file or, so that finished work is not lost, one in a new folder for temporary files.

    Nobody else may look into that folder, whoever may look into the one of `path`.

    Parameters
    ----------
    path : str or Path
        Where it should be.
    write : callable
        Writes it to a path; raises an OutputError if it cannot.
    what : str
        What it is, for the message: "the model".

    Raises
    ------
    UnsavedError
        If it could not be written to `path`; the message says where it is.
    """
    path = Path(path)
    try:
        write(path)
    except OutputError as error:
        try:
            folder = Path(tempfile.mkdtemp(prefix="portable_dnn-"))
        except OSError as second:
            raise UnsavedError(_nowhere(error, what, second)) from second
        fallback = folder / f"{path.stem[:100]}{path.suffix[:20]}"
        try:
            write(fallback)
        except OutputError as second:
            with contextlib.suppress(OSError):
                folder.rmdir()
            raise UnsavedError(_nowhere(error, what, second)) from second
        raise UnsavedError(f"{error}; {what} was saved to {fallback} instead") from error


def _nowhere(error: OutputError, what: str, second: OSError) -> str:
    """Say that something is lost."""
    return f"{error}; {what} could not be saved elsewhere either: {second}"


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
        What to call it until it is on the disk; in the same folder. Must not exist yet, and is
        gone afterwards.

    Raises
    ------
    OSError
        If it cannot be written; `path` is as it was.
    """
    descriptor = os.open(temporary, _NEW, 0o666)  # what has that name already stays as it is
    try:
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
    os.close(os.open(temporary, _NEW, 0o666))
    return temporary


def _flush_folder(folder: Path) -> None:
    """Force a folder's list of names to the disk, where that can be done.

    Some file systems refuse it (of networks, in user space), and so does a folder that may be
    written but not read. The file has its new name by then, so that nothing is lost but to a power
    cut.
    """
    if os.name == "nt":  # Windows cannot open folders; its rename is journalled
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
