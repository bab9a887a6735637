"""Reading a file in a separate process, so that a crash of a library does not reach this one.

The process reads the file and writes what it read as a safetensors file in a private folder; that
file is then read here with the same checks as any other. Nothing is pickled, in either direction.
The process is ended at its limits of time and memory; its crash, its end and its errors each become
one sentence here. It is not a sandbox: it has the rights of the user who started it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from portable_dnn.errors import DamagedError, DataError, OutputError, SettingError
from portable_dnn.files.json_objects import read_object
from portable_dnn.machine.apart import signal_name
from portable_dnn.machine.limits import MOST_HEADER_BYTES
from portable_dnn.machine.memory import show_bytes

__all__ = [
    "ERROR_FILE",
    "NO_ROOM",
    "REQUEST_FILE",
    "RESULT_FILE",
    "Limits",
    "isolated",
    "worker_command",
]

REQUEST_FILE = "request.json"
"""What the process is asked for: the arguments of its reader, and its `limits`. It touches this
file when it has read one of several, after which it has the time for another."""
RESULT_FILE = "result.safetensors"
"""What the process leaves if all went well."""
ERROR_FILE = "error.json"
"""What it leaves if it refused the file: its `message`, and whether it was for want of `memory` or
because the file is `damaged`."""
NO_ROOM = 3
"""Its exit code if the folder for temporary files has no room for what it has to say."""
# How often memory and time are looked at, in seconds.
_PERIOD = 0.05
# What Python and the libraries take themselves, at most.
_OWN_MEMORY = 300_000_000
# Bytes at the end of its standard error that are read.
_MOST_SAID = 1_000
# One thread each, since threads cost address space; and no plug-ins, even before h5py is asked.
_ENVIRONMENT = {
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "HDF5_PLUGIN_PRELOAD": "::",
    "PYTHONWARNINGS": "ignore",  # a picture's oddities do no harm
}
_MORE = "the limits of --isolate are {limits}; --isolate-memory and --isolate-seconds raise them"
_MEMORY = "{subject} was not read: reading it takes too much memory; " + _MORE
_TIME = "{subject} was not read: reading it takes too long; " + _MORE


@dataclass(frozen=True)
class Limits:
    """What a process that reads a file may take.

    Attributes
    ----------
    memory : int, default 2 GB
        Bytes beyond those of the process before it reads.
    seconds : float, default 60
        Wall-clock time for a file.
    """

    memory: int = 2_000_000_000
    seconds: float = 60.0

    def __str__(self) -> str:
        """Name both, for messages."""
        return f"{show_bytes(self.memory)} of memory and {self.seconds:g} s"

    def check(self) -> None:
        """Refuse limits within which nothing could be read.

        Raises
        ------
        SettingError
            If one is not a positive number.
        """
        if not (self.memory > 0 and 0 < self.seconds < float("inf")):
            raise SettingError(
                f"the limits of --isolate are {self}; positive numbers would be right"
            )


@contextlib.contextmanager
def isolated(
    reader: str, request: Mapping[str, Any], subject: str, limits: Limits
) -> Iterator[Path]:
    """Let another process read, and give the file in which it left what it read.

    Parameters
    ----------
    reader : str
        A name of `isolated_readers.READERS`.
    request : mapping of str to object
        What the reader is to do, as plain data for JSON.
    subject : str
        What is read, for messages: a path.
    limits : Limits
        When to give up.

    Yields
    ------
    Path
        A safetensors file, to be read with the same care as one of a stranger; removed at the end.

    Raises
    ------
    DamagedError
        If the reader refuses the file.
    DataError
        If the file is refused, a limit is reached or the process crashes.
    OutputError
        If the folder for temporary files cannot be used.
    """
    limits.check()
    content = json.dumps({**request, "limits": asdict(limits)})
    with _private_folder(content) as folder:
        said = folder / "stderr"
        with said.open("wb") as stderr:
            process = subprocess.Popen(
                [*worker_command(), reader, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={**os.environ, **_ENVIRONMENT},
            )
        try:
            trouble = _watch(process, limits, folder / REQUEST_FILE)
            trouble = trouble or _refusal(folder, process.returncode, said)
        finally:
            process.kill()
            process.wait()
        if trouble:
            raise DataError(trouble.format(subject=subject, limits=limits))
        yield folder / RESULT_FILE


@contextlib.contextmanager
def _private_folder(request: str) -> Iterator[Path]:
    """Make a folder that nobody else may look into, with a request in it."""
    with contextlib.ExitStack() as stack:
        try:
            name = stack.enter_context(
                tempfile.TemporaryDirectory("", "portable_dnn-", ignore_cleanup_errors=True)
            )
            (Path(name) / REQUEST_FILE).write_text(request, encoding="utf-8")
        except OSError as error:
            raise _no_room(error.strerror or str(error)) from error
        yield Path(name)


def _no_room(reason: str) -> OutputError:
    """Say that the folder for temporary files cannot be used."""
    return OutputError(
        f"--isolate cannot write to the folder for temporary files ({reason}); make room there, or "
        "name another folder in the environment variable TMPDIR"
    )


def worker_command() -> list[str]:
    """Return the command that runs a reader; the reader's name and a folder are added.

    Returns
    -------
    list of str
        With `-P`, so that no module of the current folder is imported.
    """
    return [sys.executable, "-P", "-m", "portable_dnn.isolation.worker"]


def _watch(process: subprocess.Popen[bytes], limits: Limits, touched: Path) -> str:
    """Wait for the end of a process, or end it at its limits and say which it was."""
    deadline, seen = time.monotonic() + limits.seconds, _changed(touched)
    while process.poll() is None:
        now = _changed(touched)
        if now != seen:
            deadline, seen = time.monotonic() + limits.seconds, now
        if time.monotonic() > deadline:
            return _TIME
        with contextlib.suppress(psutil.Error):  # it may be gone before it is looked at
            if psutil.Process(process.pid).memory_info().rss > limits.memory + _OWN_MEMORY:
                return _MEMORY
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PERIOD)
    return ""


def _changed(path: Path) -> int:
    """Return when a file was changed; 0 if the process has removed it."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _refusal(folder: Path, code: int, said: Path) -> str:
    """Say why a process that has ended left nothing; empty if it did its work."""
    if code == 0:
        return ""
    if code == NO_ROOM:
        raise _no_room("no space left")
    refused = folder / ERROR_FILE
    if refused.is_file():
        with refused.open(encoding="utf-8", errors="replace") as file:
            error = read_object(file.read(MOST_HEADER_BYTES), "the answer of the reader")
        message = str(error.get("message"))
        if error.get("damaged") is True:
            raise DamagedError(message)
        return _MEMORY if error.get("memory") else _quoted(message)
    if -code == getattr(signal, "SIGXCPU", 0):
        return _TIME
    if code < 0:
        end = f"crashed ({signal_name(-code)})"
    else:
        end = f"failed ({_last_line(said) or hex(code)})"
    return (
        f"{{subject}} was not read: the process that read it {_quoted(end)}, within the limits of "
        "--isolate, {limits}; either they are too narrow for the file, or it is damaged or "
        "malicious; nothing in it was used"
    )


def _last_line(said: Path) -> str:
    """Read the last line of a file, of which only the end is looked at."""
    with said.open("rb") as file:
        file.seek(max(0, said.stat().st_size - _MOST_SAID))
        *_, last = file.read(_MOST_SAID).decode(errors="replace").splitlines() or [""]
    return str(last)


def _quoted(text: str) -> str:
    """Keep a text as it is when it is formatted."""
    return text.replace("{", "{{").replace("}", "}}")
