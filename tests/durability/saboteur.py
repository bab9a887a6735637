"""Harm from within: the process dies, or the disk fails, at a chosen step of a checkpoint's write.

`python -m tests.durability.saboteur HARM ARGUMENTS` is `portable-dnn ARGUMENTS` with that harm.
"""

import errno
import json
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = ("open", "write", "fsync", "rename", "fsync-folder", "unlink")
"""The steps of writing a checkpoint, in their order; the last removes the oldest."""


def prepare(harm: dict[str, Any] | None) -> None:
    """Arrange a harm in this process.

    `{"step", "call", "when", "share"}`: die at that call of that step, before it, after it or in
    the middle of it (a write, after that share of the bytes). `{"full": [first, last]}`: those
    checkpoints find the disk full. `{"fsize": bytes}`: no file may be larger.
    """
    if not harm:
        return
    if "fsize" in harm:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (harm["fsize"], harm["fsize"]))
        return
    if "full" in harm:
        _fill(*harm["full"])
    else:
        _die(harm)


def _fill(first: int, last: int) -> None:
    """Let the disk be full for some checkpoints, in the middle of their writes."""
    calls = [0]

    class Full:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, content: bytes) -> None:
            calls[0] += 1
            if first <= calls[0] <= last:
                self.file.write(content[: len(content) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.file.write(content)

    _wrap_open(lambda path, real: Full(real()) if path.suffix == ".checkpoint" else real())


def _wrap_open(change: Callable[[Path, Callable[[], Any]], Any]) -> None:
    """Put something in the place of `Path.open` for writing bytes."""
    real = Path.open

    def pretend(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if mode != "wb":
            return real(self, mode, *arguments, **options)
        return change(self, lambda: real(self, mode, *arguments, **options))

    Path.open = pretend  # type: ignore[method-assign, assignment]


def _die(harm: dict[str, Any]) -> None:
    """Die at a step."""
    calls = dict.fromkeys(STEPS, 0)

    def at(step: str, act: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        calls[step] += 1
        if step != harm["step"] or calls[step] != harm["call"]:
            return act()
        if harm["when"] == "middle" and half is not None:
            half()
        elif harm["when"] == "after":
            act()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    class Writing:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> "Writing":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, content: bytes) -> None:
            def half() -> None:
                self.file.write(content[: round(harm["share"] * len(content))])
                self.file.flush()

            def act() -> None:
                self.file.write(content)
                self.file.flush()

            at("write", act, half)

    _wrap_open(
        lambda path, real: Writing(at("open", real)) if path.suffix == ".checkpoint" else real()
    )
    fsync, replace, unlink = os.fsync, Path.replace, Path.unlink

    def flush(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        at("fsync-folder" if folder else "fsync", lambda: fsync(descriptor))

    def rename(self: Path, target: Path) -> Path:
        return at("rename", lambda: replace(self, target))

    def remove(self: Path, missing_ok: bool = False) -> None:
        if ".checkpoint-" in self.name and not self.name.startswith("."):
            at("unlink", lambda: unlink(self, missing_ok))
        else:
            unlink(self, missing_ok)

    os.fsync, Path.replace, Path.unlink = flush, rename, remove  # type: ignore[method-assign, assignment]


def main() -> None:
    harm, *arguments = sys.argv[1:]
    prepare(json.loads(harm))
    from portable_dnn.cli import main as command

    sys.argv = ["portable-dnn", *arguments]
    command()


if __name__ == "__main__":
    main()
