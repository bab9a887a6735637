"""Killing, cutting, filling, removing, flipping: and then the run is gone on with.

Every part takes a runner and a ledger, and adds to the ledger what it did and what went wrong.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from portable_dnn.checkpoints.file import read_checkpoint
from portable_dnn.checkpoints.folder import list_checkpoints
from portable_dnn.data import DataSet, ImageSet, write_dataset
from portable_dnn.errors import DataError
from portable_dnn.models.store import load_model
from tests.durability.processes import Job, Result
from tests.durability.saboteur import STEPS

__all__ = ["CASES", "Case", "Ledger", "Ordeal", "damage_files"]

OUT = "m.h5"


@dataclass
class Ledger:
    """What was done, and what went wrong."""

    kills: int = 0
    kills_while_writing: int = 0
    chosen_kills: int = 0
    interruptions: int = 0
    full_disks: int = 0
    folders_removed: int = 0
    damaged_before_resume: int = 0
    damaged_files: int = 0
    runs: int = 0
    runs_lost: int = 0
    bits_different: int = 0
    damaged_accepted: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.runs_lost or self.bits_different or self.damaged_accepted)

    def add(self, other: "Ledger") -> None:
        """Add what another ledger counted."""
        for entry in fields(self):
            setattr(self, entry.name, getattr(self, entry.name) + getattr(other, entry.name))

    def lost(self, why: str, result: Result | None = None) -> None:
        self.runs_lost += 1
        self.notes.append(why if result is None else f"{why}: {result.code}, {result.said[-600:]}")


@dataclass(frozen=True)
class Case:
    """A kind of run: what is trained, and how often a checkpoint is written."""

    name: str
    arguments: tuple[str, ...]
    every: str


CASES = (
    Case("span", ("--layers", "5,3", "--compress", "on"), "40"),
    Case("weights", ("--layers", "6,4", "--compress", "off", "--hidden", "tanh"), "25"),
    Case("float32", ("--layers", "4", "--dtype", "float32", "--compress", "on"), "10"),
    Case("seconds", ("--layers", "5,3"), "0.01s"),
)


def make_data(path: Path, seed: int = 0) -> None:
    """Write a small data set: 12 + 4 pictures of 8 x 8, more features than samples."""
    draw = np.random.RandomState(seed)

    def pictures(count: int) -> ImageSet:
        labels = np.arange(count, dtype=np.int64) % 2
        images = draw.randint(0, 156, (count, 8, 8, 3)) + 100 * labels[:, None, None, None]
        return ImageSet(images.astype(np.uint8), labels)

    write_dataset(DataSet(pictures(12), pictures(4), ("non-cat", "cat"), "drawn"), path)


class Ordeal:
    """A kind of run with its undisturbed result, to be disturbed again and again."""

    def __init__(
        self,
        case: Case,
        runner: Any,
        folder: Path,
        ledger: Ledger,
        *,
        iterations: int,
        seed: int = 0,
    ) -> None:
        self.case, self.runner, self.ledger, self.iterations = case, runner, ledger, iterations
        self.folder = folder / case.name
        self.folder.mkdir(parents=True)
        self.random = random.Random(f"{case.name} {seed}")
        self.elsewhere = folder / f"{case.name}-elsewhere"
        self.elsewhere.mkdir()
        make_data(self.folder / "data.h5")
        plain = self.job(checkpoints=False)
        self.expected = self._undisturbed(plain)
        self.model_bytes = self.out.stat().st_size
        began = time.perf_counter()
        again = self._undisturbed(self.job())
        self.seconds = time.perf_counter() - began
        began = time.perf_counter()
        self.runner.run(Job(["--version"], str(self.folder)))
        self.startup = min(time.perf_counter() - began, self.seconds / 2)
        if not _same(self.expected, again):
            ledger.bits_different += 1
            ledger.notes.append(f"{case.name}: checkpoints alone change the bits")
        self.clear()

    def job(
        self, *, resume: bool = False, checkpoints: bool = True, harm: dict[str, Any] | None = None
    ) -> Job:
        """The command."""
        arguments = [
            *("train", "data.h5", "--device", "cpu", "--quiet"),
            *("--iterations", str(self.iterations), "--learning-rate", "0.02"),
            *self.case.arguments,
            *("--out", f"out/{OUT}"),
            *(("--checkpoint-every", self.case.every) if checkpoints else ()),
            *(("--resume",) if resume else ()),
        ]
        return Job(arguments, str(self.folder), harm, {"TMPDIR": str(self.elsewhere)})

    @property
    def out(self) -> Path:
        return self.folder / "out" / OUT

    def clear(self) -> None:
        """Begin anew, with an empty folder for the results."""
        shutil.rmtree(self.out.parent, ignore_errors=True)
        self.out.parent.mkdir()

    def _undisturbed(self, job: Job) -> dict[str, Any]:
        self.clear()
        result = self.runner.run(job)
        if result.code:
            raise RuntimeError(f"the undisturbed run fails: {result.said}")
        return load_model(self.out).parameters

    def newest(self) -> int:
        """The iteration of the newest whole checkpoint, 0 if there is none."""
        for iteration, path in list_checkpoints(self.out):
            try:
                read_checkpoint(path)
            except DataError:
                continue
            return iteration
        return 0

    def wait_a_minute(self) -> None:
        """Make what a killed run left as old as if a minute had passed: then it is removed."""
        for path in self.out.parent.glob(".*"):
            then = path.stat().st_mtime - 61.0
            os.utime(path, (then, then))

    def complete(self, what: str) -> None:
        """Go on to the end, and compare the bits."""
        self.wait_a_minute()
        result = self.runner.run(self.job(resume=True))
        self.ledger.runs += 1
        if result.code:
            self.ledger.lost(f"{self.case.name}, {what}: does not go on", result)
            return
        self.compare(self.out, what)
        left = [path.name for path in self.out.parent.iterdir() if path.name.startswith(".")]
        if left:
            self.ledger.lost(f"{self.case.name}, {what}: {left} is left behind")

    def compare(self, path: Path, what: str) -> None:
        """Compare a model with the undisturbed run's, bit for bit."""
        if not _same(self.expected, load_model(path).parameters):
            self.ledger.bits_different += 1
            self.ledger.notes.append(f"{self.case.name}, {what}: other bits at the end")

    def kill_at_random(self, times: int) -> None:
        """Kill the run at random instants and go on each time, until it has come to its end."""
        for _ in range(times):
            self.kill_once()
        self.complete("killed at random")

    def kill_once(self) -> None:
        """Kill one run of the command at a random instant; begin anew if it ended before."""
        before = self.newest()
        self.wait_a_minute()
        # Mostly while it trains, where there is something to lose.
        first = self.random.choice((0.0, *(self.startup,) * 4))
        delay = self.random.uniform(first, self.seconds)
        result = self.runner.run(self.job(resume=True), [(delay, signal.SIGKILL)])
        if result.code == -signal.SIGKILL:
            self.ledger.kills += 1
            self._count_writing()
            if self.newest() < before:
                self.ledger.lost(f"{self.case.name}: a kill took iteration {before}", result)
            return
        if result.code:
            self.ledger.lost(f"{self.case.name}: killed at random", result)
        else:
            self.ledger.runs += 1
            self.compare(self.out, "ended before the kill")
        self.clear()

    def _count_writing(self) -> None:
        """Count a kill that came while a file was being written."""
        if any(path.name.startswith(".") for path in self.out.parent.iterdir()):
            self.ledger.kills_while_writing += 1

    def kill_at_every_step(self) -> None:
        """Die before, in the middle of and after each step of a write; each byte class of it."""
        for harm in _steps(self.random):
            self.clear()
            result = self.runner.run(self.job(harm=harm))
            if result.code == -signal.SIGKILL:
                self.ledger.kills += 1
                self.ledger.chosen_kills += 1
                self._count_writing()
                # The second of a step comes after all steps of the first.
                written = harm["file"] == "checkpoint" and harm["call"] > 1
                if written and not self.newest():
                    self.ledger.lost(f"{self.case.name}, {harm}: no checkpoint is whole", result)
            elif result.code:
                self.ledger.lost(f"{self.case.name}, {harm}", result)
            self.complete(f"{harm}")

    def interrupt(self, times: int) -> None:
        """Ctrl-C and SIGTERM at random instants."""
        for _ in range(times):
            number = self.random.choice((signal.SIGINT, signal.SIGTERM))
            self.clear()
            delay = self.random.uniform(0.0, self.seconds)
            result = self.runner.run(self.job(), [(delay, number)])
            # Before the program stands ready, SIGTERM is the system's.
            if result.code in (128 + number, -number):
                self.ledger.interruptions += 1
            elif result.code and not result.said.endswith("\nKeyboardInterrupt\n"):
                # Python's own words, before any of the program is there to catch it.
                self.ledger.lost(f"{self.case.name}: {number.name}", result)
            if result.code == 128 + number and "--resume" in result.said and not self.newest():
                self.ledger.lost(f"{self.case.name}: {number.name} left nothing", result)
            self.complete(f"{number.name}")

    def fill_the_disk(self) -> None:
        """Some checkpoints find the disk full, or all files have a limit; training goes on."""
        self.clear()
        result = self.runner.run(self.job(harm={"full": [2, 4]}))
        self.ledger.full_disks += 1
        warnings = result.said.count("no checkpoint can be written")
        # A run by the clock may have no second checkpoint.
        if result.code or warnings > 1 or (self.case.every.isdigit() and warnings < 1):
            self.ledger.lost(f"{self.case.name}: the disk was full for a while", result)
        else:
            self.compare(self.out, "the disk was full for a while")
        self.clear()
        result = self.runner.run(self.job(harm={"fsize": 3000}))
        self.ledger.full_disks += 1
        if result.code != 1 or "File too large" not in result.said:
            self.ledger.lost(f"{self.case.name}: no file may be larger than 3000 bytes", result)
        self.complete("no room at all")

    def fill_a_small_file_system(self) -> str:
        """The results lie in a file system with no room for the model; then it is made larger.

        Returns why it was not done, or an empty string. It needs Linux and the superuser.
        """
        self.clear()
        pages = max(self.model_bytes // 4096 - 1, 1)
        size = f"size={4 * pages}k"
        mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(self.out.parent)]
        try:
            subprocess.run(mount, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return f"a small file system cannot be mounted: {error}"
        try:
            result = self.runner.run(self.job())
            self.ledger.full_disks += 1
            models = list(self.elsewhere.glob("*.h5"))
            if result.code != 1 or len(models) != 1 or "No space left" not in result.said:
                self.ledger.lost(f"{self.case.name}: a small file system", result)
            else:
                self.compare(models[0], "a small file system")
                models[0].unlink()
            mount[4] = "remount,size=8m"
            subprocess.run(mount, check=True, capture_output=True)
            self.complete("a small file system, made larger")
        finally:
            subprocess.run(["umount", str(self.out.parent)], check=True)
        return ""

    def remove_the_folder(self) -> None:
        """The folder goes while training; the model goes to the folder for temporary files."""
        self.clear()
        gone = self.elsewhere / "gone"

        def remove() -> None:
            time.sleep((self.startup + self.seconds) / 2)
            self.out.parent.rename(gone)  # at one stroke, where removing files takes many

        result = self.runner.run(self.job(), act=remove)
        shutil.rmtree(gone)
        self.ledger.folders_removed += 1
        models = list(self.elsewhere.glob("*.h5"))
        if result.code == 1 and len(models) == 1 and str(models[0]) in result.said:
            self.compare(models[0], "the folder was removed")
            models[0].unlink()
        # It may have gone before the run began, or after its end.
        elif result.code and "does not exist" not in result.said:
            self.ledger.lost(f"{self.case.name}: the folder was removed", result)
        self.out.parent.mkdir(exist_ok=True)
        self.complete("the folder was removed")

    def damage_and_go_on(self, times: int) -> None:
        """The newest checkpoint is damaged: the one before it is taken, and that is said."""
        for _ in range(times):
            self.clear()
            harm = _harm("rename", 4, "before")
            self.runner.run(self.job(harm=harm))
            (_, path), (iteration, _) = list_checkpoints(self.out)[:2]
            content = path.read_bytes()
            how, damaged = next(_damages(content, self.random))
            path.write_bytes(damaged)
            self.ledger.damaged_before_resume += 1
            if self.newest() != iteration:
                self.ledger.damaged_accepted += 1
                self.ledger.notes.append(f"{self.case.name}: accepted with {how}")
            self.complete(f"newest damaged by {how}")


def _same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two networks are the same, bit for bit."""
    return set(a) == set(b) and all(
        a[name].dtype == b[name].dtype and a[name].tobytes() == b[name].tobytes() for name in a
    )


def _steps(draw: random.Random) -> Iterator[dict[str, Any]]:
    """All harms of a write: each step, and for the bytes each class of places to cut at."""
    for step in STEPS:
        for when in ("before", "after"):
            yield _harm(step, draw.choice((1, 2, 3)), when)
    # Nothing, within the user block, within HDF5's own head, anywhere, all but the last bytes.
    for share in (0.0, 0.001, 0.02, draw.uniform(0.03, 0.97), 0.9999):
        yield _harm("write", draw.choice((1, 2, 3)), "middle", share)
    for step in ("fsync", "rename", "fsync-folder"):
        for when in ("before", "after"):
            yield _harm(step, 1, when, file="model")


def _harm(
    step: str, call: int, when: str, share: float = 0.0, file: str = "checkpoint"
) -> dict[str, Any]:
    """Describe a harm for the saboteur."""
    return {"file": file, "step": step, "call": call, "when": when, "share": share}


def _damages(content: bytes, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Damage a file's content in some way, for ever."""
    kinds: list[Callable[[bytes, random.Random], tuple[str, bytes]]] = [
        _flip, _flip, _flip, _truncate, _truncate, _tear, _append,
    ]  # fmt: skip
    while True:
        how, damaged = draw.choice(kinds)(content, draw)
        if damaged != content:
            yield how, damaged


def _flip(content: bytes, draw: random.Random) -> tuple[str, bytes]:
    """Flip a bit."""
    place, bit = draw.randrange(len(content)), draw.randrange(8)
    damaged = bytearray(content)
    damaged[place] ^= 1 << bit
    return f"bit {bit} of byte {place} flipped", bytes(damaged)


def _truncate(content: bytes, draw: random.Random) -> tuple[str, bytes]:
    """Cut the end off: anywhere, near the start, near the end."""
    size = len(content)
    place = draw.choice((draw.randrange(size), draw.randrange(600), size - draw.randint(1, 9)))
    return f"cut at byte {place}", content[:place]


def _tear(content: bytes, draw: random.Random) -> tuple[str, bytes]:
    """Put zeros in the place of some sectors, as a disk does that lost power."""
    start = draw.randrange(0, len(content), 512)
    length = 512 * draw.randint(1, 8)
    torn = content[:start] + bytes(len(content[start : start + length])) + content[start + length :]
    return f"zeros from byte {start}", torn


def _append(content: bytes, draw: random.Random) -> tuple[str, bytes]:
    """Add bytes at the end."""
    return "bytes added", content + draw.randbytes(draw.randint(1, 600))


def damage_files(sources: list[Path], count: int, folder: Path, ledger: Ledger, seed: int) -> None:
    """Damage copies of whole checkpoints, each in one way; none may be accepted."""
    draw = random.Random(seed)
    path = folder / "damaged"
    contents = [source.read_bytes() for source in sources]
    for content in contents:
        path.write_bytes(content)
        read_checkpoint(path)  # whole, it is accepted
    for number in range(count):
        how, damaged = next(_damages(contents[number % len(contents)], draw))
        path.write_bytes(damaged)
        ledger.damaged_files += 1
        try:
            read_checkpoint(path)
        except DataError:
            continue
        ledger.damaged_accepted += 1
        ledger.notes.append(f"{sources[number % len(sources)].name} was accepted with {how}")
