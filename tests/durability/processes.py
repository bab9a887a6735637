"""Running the command as a process that can be killed: started anew, or forked from a warm one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Fresh", "Job", "Nursery", "Result", "environment"]

ROOT = Path(__file__).resolve().parents[2]
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_TOLD = {"PYTHONFAULTHANDLER": "1"}  # an abort shows where every thread stands
_PATIENCE = 120.0


@dataclass
class Job:
    """A command to run.

    Attributes
    ----------
    arguments : list of str
        Of `portable-dnn`.
    folder : str
        Where.
    harm : dict or None
        As for `saboteur.prepare`.
    environment : dict of str to str
        Further variables.
    """

    arguments: list[str]
    folder: str
    harm: dict[str, Any] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        return Path(self.folder) / "output.txt"


@dataclass
class Result:
    """How it ended: the exit code, negative for the number of a signal, and what it said."""

    code: int
    said: str


class Fresh:
    """Starts a new Python for each job: what a user starts."""

    def run(self, job: Job, signals: Sequence[tuple[float, int]] = (), act: Any = None) -> Result:
        """Run a job; send it signals after so many seconds each, and `act()` before the first."""
        command = [sys.executable, "-m", "portable_dnn", *job.arguments]
        if job.harm:
            module = "tests.durability.saboteur"
            command = [sys.executable, "-m", module, json.dumps(job.harm), *job.arguments]
        with job.output.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=job.folder,
                env={**environment(), **job.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            for seconds, number in signals:
                time.sleep(seconds)
                if process.poll() is None:
                    process.send_signal(number)
            if act is not None:
                act()
            with _watched(process.pid):
                code = process.wait()
        return Result(code, job.output.read_text(errors="replace"))

    def close(self) -> None:
        """Nothing is left over."""


class Nursery:
    """Forks each job from one warm process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.durability.nursery"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, job: Job, signals: Sequence[tuple[float, int]] = (), act: Any = None) -> Result:
        """As `Fresh.run`."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        asked.write(json.dumps({**asdict(job), "output": str(job.output)}) + "\n")
        asked.flush()
        child = int(answers.readline())
        for seconds, number in signals:
            time.sleep(seconds)
            _send(child, number)
        if act is not None:
            act()
        with _watched(child):
            code = int(answers.readline())
        return Result(code, job.output.read_text(errors="replace"))

    def close(self) -> None:
        """End the warm process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(_PATIENCE)
        self._process.stdout.close()


@contextlib.contextmanager
def _watched(child: int) -> Iterator[None]:
    """Abort a child that hangs, so that it says where: that counts as a run lost."""
    timer = threading.Timer(_PATIENCE, _send, (child, signal.SIGABRT))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _send(child: int, number: int) -> None:
    """Send a signal; the child may be gone, and its number is not given anew within a run."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, number)


def environment(threads: int = 1) -> dict[str, str]:
    """Make a child's environment: so many threads, the tests and library of this checkout."""
    paths = [str(ROOT), str(ROOT / "backends"), os.environ.get("PYTHONPATH", "")]
    path = os.pathsep.join(filter(None, paths))
    return {**os.environ, **dict.fromkeys(_THREADS, str(threads)), **_TOLD, "PYTHONPATH": path}
