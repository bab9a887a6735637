"""Count the files that a picture passes on its way to trained parameters.

Usage, from a checkout: python scripts/walk.py [--tree CHECKOUT] [--moves]

It makes a small data file, runs `portable-dnn train` on it, and follows the calls from the command
line until training returns, in the files of portable_dnn/ and backends/. What is counted:

- A call is on the way if it is handed data: the data file's path, the open file, a dataset of it,
  an array of more than one number, or something that holds one of these.
- What one run of a function calls a second time is a loop, and left out with all that it calls. So
  the numbers do not depend on the number of iterations or layers.
- A move leads from a file to the next one that is entered. A file stands one floor above the
  highest that it imports; a climb is a move that does not lead to a lower floor.
- Climbs up to the first call of a method of `TrainingStep` are those of reading, checking and
  placing data; most of the others are mathematics, which goes forward and backward through layers.
- A check is a call on the way that gives no data back: it can only look at them. It is made again
  if the same function was handed the same data before.

--moves prints all moves, and all checks that are made again. --tree counts another checkout, an
older one for example.
"""

import argparse
import ast
import importlib
import inspect
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from io import StringIO
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import h5py
import numpy as np

HERE = Path(__file__).resolve().parents[1]
DEPTH = 4
"""So deep are containers searched for arrays."""
ANY_ARGUMENTS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS


@dataclass
class Call:
    """A call on the way."""

    file: str
    function: str
    data: tuple[str, ...]
    gives_data: bool = False


class Move(NamedTuple):
    """A move from a file to the next."""

    start: str
    end: str
    climbs: bool
    after_start: bool
    """Whether the first step has begun."""


class Walk(NamedTuple):
    """What was counted."""

    files: set[str]
    moves: list[Move]
    checks: int
    again: list[Call]


def main() -> int:
    """Count, print, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tree", type=Path, default=HERE, help="the checkout to count")
    parser.add_argument("--moves", action="store_true", help="print every move and every check")
    options = parser.parse_args()
    walk = count(options.tree.resolve())
    if options.moves:
        for move in walk.moves:
            print(f"{'climb' if move.climbs else '     '}  {move.start} -> {move.end}")
        for call in walk.again:
            print(f"again  {call.file} {call.function}: {', '.join(call.data)}")
    climbs = [move.after_start for move in walk.moves if move.climbs]
    print(
        f"files {len(walk.files)}, moves {len(walk.moves)}, climbs {len(climbs)}: "
        f"{climbs.count(False)} up to the first step and {climbs.count(True)} from there on"
    )
    print(f"checks {walk.checks}, made again {len(walk.again)}")
    return 0


def count(tree: Path) -> Walk:
    """Follow a training run of the library in a checkout.

    Parameters
    ----------
    tree : Path
        The checkout; its library must not have been imported from somewhere else.

    Returns
    -------
    Walk
    """
    sys.path[:0] = [str(tree), str(tree / "backends")]
    floors = floors_of(tree)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.h5"
        make_data(data)
        calls = follow(tree, data, set(floors))
    checks = [call for call in calls if not call.gives_data]
    again = [call for number, call in enumerate(checks) if call in checks[:number]]
    return Walk({call.file for call in calls}, moves_of(calls, floors), len(checks), again)


def moves_of(calls: list[Call], floors: Mapping[str, int]) -> list[Move]:
    """List the moves from file to file."""
    moves, began = [], False
    for one, next_one in pairwise(calls):
        began |= next_one.function.startswith("TrainingStep.")
        if one.file != next_one.file:
            climbs = floors[next_one.file] >= floors[one.file]
            moves.append(Move(one.file, next_one.file, climbs, began))
    return moves


def make_data(path: Path) -> None:
    """Write a few pictures in the layout of the course."""
    random = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        file["train_set_x"] = random.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
        file["train_set_y"] = random.integers(0, 2, 20)
        file["list_classes"] = np.array([b"non-cat", b"cat"])


def floors_of(tree: Path) -> dict[str, int]:
    """Return the floor of every file: one above the highest that it imports."""
    files = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for root in (tree, tree / "backends")
        for path in root.glob("portable_dnn*/**/*.py")
    } | {path.stem: path for path in (tree / "backends").glob("portable_dnn_*.py")}

    @cache
    def floor(module: str) -> int:
        source = files[module].read_text("utf-8")
        below = {name for name in imported(source, set(files)) if name != module}
        return 1 + max(map(floor, below), default=0)

    return {str(path.relative_to(tree)): floor(module) for module, path in files.items()}


def imported(source: str, modules: set[str]) -> Iterator[str]:
    """List those of the modules that a source imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found = inner if inner in modules else node.module
                if found in modules:
                    yield found


def follow(tree: Path, data: Path, files: set[str]) -> list[Call]:
    """Train, and return the calls on the way."""
    command = importlib.import_module("portable_dnn.cli").main
    train = importlib.import_module("portable_dnn").train
    # What `train` does once it has checked its arguments; the command comes in there.
    checked = getattr(sys.modules[train.__module__], "train_checked", train)
    follower = Follower(tree, data, files, inspect.unwrap(checked).__code__)
    sys.argv[:] = ["portable-dnn", "train", str(data), "--iterations", "1", "--compress", "on"]
    with redirect_stdout(StringIO()):
        sys.setprofile(follower.follow)
        try:
            command()
        except SystemExit as end:
            if end.code:
                raise
        finally:
            sys.setprofile(None)
    return follower.calls


class Follower:
    """Keeps the calls on the way, given what Python tells of every call and return.

    Parameters
    ----------
    tree, data, files
        The checkout, the data file, and the files to follow calls in, as paths from the checkout.
    last : code
        Of the function with whose return the walk ends.
    """

    def __init__(self, tree: Path, data: Path, files: set[str], last: CodeType) -> None:
        self.calls: list[Call] = []
        self._names = {str(tree / file): file for file in files}
        self._data = data
        self._last = last
        self._ended = False
        self._seen: set[tuple[FrameType | None, CodeType]] = set()
        self._loops: set[FrameType] = set()
        self._open: dict[FrameType, Call] = {}

    def follow(self, frame: FrameType, event: str, argument: object) -> None:
        """Take in a call or a return, as `sys.setprofile` gives it."""
        code = frame.f_code
        if self._ended or event not in ("call", "return") or not self._is_function(code):
            return
        if event == "return":
            if frame in self._open and next(data_in(argument, self._data, DEPTH), None) is not None:
                self._open[frame].gives_data = True
            self._ended = code is self._last
            return
        caller = self._caller(frame)
        key = caller, code
        if caller in self._loops or key in self._seen:
            self._loops.add(frame)
            return
        self._seen.add(key)
        handed = [frame.f_locals[name] for name in argument_names(code) if name in frame.f_locals]
        found = tuple(map(name_of, data_in(handed, self._data, DEPTH)))
        if found:
            call = Call(self._names[code.co_filename], code.co_qualname, found)
            self._open[frame] = call
            self.calls.append(call)

    def _is_function(self, code: CodeType) -> bool:
        """Say whether code is a function of the files.

        A comprehension is part of its function, and a wrapper that hands on whatever it is given is
        part of what it wraps.
        """
        inline = code.co_name.startswith("<") and code.co_name != "<lambda>"
        wrapper = "<locals>" in code.co_qualname and code.co_flags & ANY_ARGUMENTS == ANY_ARGUMENTS
        return code.co_filename in self._names and not inline and not wrapper

    def _caller(self, frame: FrameType) -> FrameType | None:
        """Return the run of a function of the files that a call comes from."""
        caller = frame.f_back
        while caller is not None and not self._is_function(caller.f_code):
            caller = caller.f_back
        return caller


def argument_names(code: CodeType) -> tuple[str, ...]:
    """Return the names of a function's parameters."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += sum(
        bool(code.co_flags & flag) for flag in (inspect.CO_VARARGS, inspect.CO_VARKEYWORDS)
    )
    return code.co_varnames[:count]


def data_in(value: Any, data: Path, depth: int) -> Iterator[Any]:
    """Find the data in an argument: the file's path, the open file, its datasets, arrays."""
    if isinstance(value, np.ndarray):
        if value.size > 1:
            yield value
    elif isinstance(value, (h5py.File, h5py.Dataset)):
        yield value
    elif isinstance(value, Path):
        if value == data:
            yield value
    elif depth:
        for inner in held(value):
            yield from data_in(inner, data, depth - 1)


def held(value: Any) -> list[Any]:
    """Return what a container or a data class holds."""
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in fields(value)]
    return []


def name_of(data: Any) -> str:
    """Name what was handed on; views of the same numbers have the same name."""
    if isinstance(data, np.ndarray):
        return f"{data.size} numbers at {data.__array_interface__['data'][0]:#x}"
    return "the path" if isinstance(data, Path) else f"{data.name} in the file"


if __name__ == "__main__":
    raise SystemExit(main())
