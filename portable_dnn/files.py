"""Writing a result so that a crash leaves the old file whole: write beside it, flush, rename."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from portable_dnn.errors import OutputError

__all__ = ["check_writable", "write_atomically"]


def check_writable(path: str | Path) -> Path:
    """Say now, not after an hour of training, that a file cannot be written.

    Parameters
    ----------
    path : str or Path
        The file to be written later; its folder must exist.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    OutputError
        If the folder does not exist, is not a folder or cannot be written to, or if `path` is
        itself a folder.
    """
    path = Path(path)
    folder = path.parent
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise OutputError(f"cannot write {path}: the folder {folder} {what}; create it first")
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it")
    try:
        # The real operation, because permission bits do not tell (root, read-only mounts, ACLs).
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: the folder {folder} cannot be written to ({error.strerror})"
        ) from error
    return path


@contextlib.contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, and put it in the place of `path` if all went well.

    The data are on the disk (file and folder flushed) before the name changes, so that at every
    instant `path` is either the old file or the new one, whole.

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
    path = check_writable(path)
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(descriptor)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            _flush(temporary)
            temporary.replace(path)
            _flush(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _umask() -> int:
    """Return the process's umask; the operating system has no way to read it but to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _flush(path: Path) -> None:
    """Force a file, or a folder's list of names, to the disk."""
    if path.is_dir() and os.name == "nt":  # Windows cannot open folders; its rename is journalled
        return
    descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
