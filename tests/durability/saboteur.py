"""Harm from within: the process dies, or the disk fails, at a chosen step of a checkpoint's write.

`python -m tests.durability.saboteur HARM ARGUMENTS` is `portable-dnn ARGUMENTS` with that harm.
"""

import errno
import json
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from typing import Any

STEPS = ("open", "write", "fsync", "rename", "fsync-folder", "unlink")
"""The steps of writing a checkpoint, in their order; the last removes the oldest."""


def prepare(harm: dict[str, Any] | None) -> None:
    """Arrange a harm in this process.

    `{"file", "step", "call", "when", "share"}`: die at that call of that step of writing a file, a
    "checkpoint" or the "model": before it, after it or in the middle of it (a write, after that
    share of the bytes). `{"full": [first, last]}`: those checkpoints find the disk full.
    `{"fsize": bytes}`: no file may be larger. But for the last, each interval's checkpoint is
    written, where the command leaves out some in so short a run.
    """
    if not harm:
        return
    if "fsize" in harm:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (harm["fsize"], harm["fsize"]))
        return
    from portable_dnn.checkpoints import writer

    writer.SPACING = 0.0  # many writes in a short run
    if "full" in harm:
        _fill(*harm["full"])
    else:
        _die(harm)


def _fill(first: int, last: int) -> None:
    """Let the disk be full for some checkpoints, in the middle of their writes."""
    opened = _watch_open(lambda path, act: act())
    write, calls = os.write, [0]

    def limited(descriptor: int, data: bytes) -> int:
        if descriptor in opened:
            calls[0] += 1
            if first <= calls[0] <= last:
                write(descriptor, bytes(data[: len(data) // 2]))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    os.write = limited  # type: ignore[assignment]


def _watch_open(act: Callable[[str, Callable[[], int]], int]) -> set[int]:
    """Open the files of checkpoints through a function; return their descriptors."""
    real, close, opened = os.open, os.close, set()

    def pretend(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if not str(path).endswith(".checkpoint"):
            return real(path, flags, *arguments, **options)
        descriptor = act(str(path), lambda: real(path, flags, *arguments, **options))
        opened.add(descriptor)
        return descriptor

    def closed(descriptor: int) -> None:
        opened.discard(descriptor)
        close(descriptor)

    os.open, os.close = pretend, closed  # type: ignore[assignment]
    return opened


def _die(harm: dict[str, Any]) -> None:
    """Die at a step."""
    calls = dict.fromkeys(STEPS, 0)
    main = threading.main_thread()

    def at(step: str, act: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        # Checkpoints are written in the background, while the model may already be written too.
        file = "model" if threading.current_thread() is main else "checkpoint"
        if (file, step) != (harm["file"], harm["step"]):
            return act()
        calls[step] += 1
        if calls[step] != harm["call"]:
            return act()
        if harm["when"] == "middle" and half is not None:
            half()
        elif harm["when"] == "after":
            act()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    opened = _watch_open(lambda path, act: at("open", act))
    fsync, replace, unlink, write = os.fsync, os.replace, os.unlink, os.write

    def writing(descriptor: int, data: bytes) -> int:
        if descriptor not in opened:
            return write(descriptor, data)
        part = bytes(data[: round(harm["share"] * len(data))])
        return at("write", lambda: write(descriptor, data), lambda: write(descriptor, part))

    def flush(descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        at("fsync-folder" if folder else "fsync", lambda: fsync(descriptor))

    def rename(source: Any, target: Any) -> None:
        at("rename", lambda: replace(source, target))

    def remove(path: Any, **options: Any) -> None:
        if ".checkpoint-" in str(path):
            at("unlink", lambda: unlink(path, **options))
        else:
            unlink(path, **options)

    os.fsync, os.replace, os.unlink, os.write = flush, rename, remove, writing  # type: ignore[assignment]


def main() -> None:
    harm, *arguments = sys.argv[1:]
    prepare(json.loads(harm))
    from portable_dnn.cli import main as command

    sys.argv = ["portable-dnn", *arguments]
    command()


if __name__ == "__main__":
    main()
