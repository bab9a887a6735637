"""A pretend card that runs the kernel's body, built for the host, on NumPy's memory.

What it is given is what CuPy would be given: the source and options to compile, the grid, the
block, the argument's bytes. `test_source.py` compiles the same source for real cards.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import array_api_compat.numpy as xp
import numpy as np
import pytest

from portable_dnn import initialize_parameters_deep
from portable_dnn.arrays.registry import get_backend
from portable_dnn.arrays.repeat import OneByOne
from portable_dnn.training.batches import Batch
from portable_dnn.training.layer_forms import enter, ones_for
from portable_dnn.training.settings import Settings
from portable_dnn.training.step import Bound, State, TrainingStep, forms_for, step_of

HERE = Path(__file__).parent
BODY = Path(__file__).parents[3] / "backends" / "portable_dnn_cupy" / "kernel"
HOST = "PORTABLE_DNN_TEST_HOST"  # another file than host.cpp, and
FLAGS = "PORTABLE_DNN_TEST_HOST_FLAGS"  # more flags, both for sanitizers
KIB = 1024


@pytest.fixture(scope="session")
def body(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The kernel's body, built for the host without warnings; -ffp-contract as NumPy is built."""
    compiler = next(filter(None, map(shutil.which, ("g++", "clang++", "c++"))), None)
    if compiler is None or sys.platform == "win32":
        pytest.skip("no C++ compiler (g++, clang++ or c++) is here to build the kernel's body")
    library = tmp_path_factory.mktemp("body") / "body.so"
    flags = ("-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-fPIC", "-shared")
    done = subprocess.run(
        [
            *(compiler, "-std=c++17", *flags, *os.environ.get(FLAGS, "").split()),
            *(f"-I{BODY}", "-o", str(library), str(HERE / os.environ.get(HOST, "host.cpp"))),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
    )
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


class Device:
    id = 0

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *error: object) -> None:
        pass


class CupyArray(np.ndarray):
    """NumPy's array with what CuPy's has."""

    device = Device()

    @property
    def data(self) -> Any:
        return types.SimpleNamespace(ptr=self.ctypes.data)


def on_card(array: Any) -> CupyArray:
    return np.array(array, order="C").view(CupyArray)


@dataclass
class Card:
    """The pretend card: what it can, and what was done to it."""

    body: Any
    major: int = 9
    shared: int = 227 * KIB
    threads: int = 0  # how many are run, if not those of the launch
    order: int = 0
    broken: str = ""  # "compiler", or a field of the task to change
    launches: list[int] = field(default_factory=list)
    modes: set[tuple[int, bool, bool]] = field(default_factory=set)  # shares, K kept, shared

    def module(self) -> types.ModuleType:
        cupy = types.ModuleType("cupy")
        cupy.ndarray = CupyArray
        cupy.ascontiguousarray = lambda array: np.ascontiguousarray(array).view(CupyArray)
        cupy.empty_like = lambda array: on_card(np.full_like(array, np.nan))
        cupy.empty = lambda size, dtype: on_card(np.full(size, np.nan, dtype))
        cupy.zeros = lambda size, dtype: on_card(np.zeros(size, dtype))
        cupy.RawModule = self.compile
        properties = {"major": self.major, "minor": 0, "sharedMemPerBlockOptin": self.shared}
        cupy.cuda = types.SimpleNamespace(
            runtime=types.SimpleNamespace(getDeviceProperties=lambda number: properties)
        )
        return cupy

    def compile(self, *, code: str, options: tuple[str, ...]) -> Any:
        if self.broken == "compiler":
            raise RuntimeError("error: no such architecture\nmore words")
        assert "void CLUSTER __launch_bounds__(THREADS, 1) stretch(const Task task)" in code
        defined = dict(option[2:].split("=") for option in options if option.startswith("-D"))
        return types.SimpleNamespace(get_function=lambda name: Kernel(self, name, defined))


@dataclass
class Kernel:
    card: Card
    name: str
    defined: dict[str, str]
    max_dynamic_shared_size_bytes: int = 48 * KIB

    def __call__(self, grid: Any, block: Any, arguments: Any, *, shared_mem: int) -> None:
        (task,) = arguments
        dtype = {"float": "float32", "double": "float64"}[self.defined["REAL"]]
        assert (self.name, task.size) == ("stretch", 1)
        assert task.dtype.itemsize == getattr(self.card.body, f"task_size_{dtype}")()
        assert grid == (int(self.defined["SHARES"]),)
        assert grid == (1,) or self.card.major >= 9
        assert 0 < block[0] <= int(self.defined["THREADS"])
        used = int(task["memory"][0]) * np.dtype(dtype).itemsize
        assert shared_mem == (used if self.defined["IN_SHARED"] == "1" else 0)
        assert shared_mem <= min(self.max_dynamic_shared_size_bytes, self.card.shared)
        if self.card.broken:
            task = task.copy()
            task[self.card.broken] *= 1 + 1e-6
        run = getattr(self.card.body, f"stretch_{dtype}")
        threads = self.card.threads or block[0]
        run(task.ctypes.data_as(ctypes.c_void_p), grid[0], threads, self.card.order)
        self.card.launches.append(int(task["times"][0]))
        self.card.modes.add((grid[0], bool(task["staged"][0]), shared_mem > 0))


@dataclass
class Problem:
    """A step and what it is given, on the pretend card."""

    step: TrainingStep
    state: State
    batch: Batch

    def stepped(self, state: State | None = None, times: int = 1) -> State:
        """Take the steps operation by operation."""
        bound = OneByOne(Bound(self.step, xp))
        return bound(self.state if state is None else state, self.batch, {}, times)

    def with_targets(self, targets: Any) -> None:
        """Replace the targets."""
        self.batch = self.batch._replace(targets=targets)


def make_problem(
    units: list[int],
    hidden: list[str],
    m: int,
    *,
    dtype: str = "float64",
    seed: int = 0,
    n_x: int = 9,
    rate: float = 0.3,
) -> Problem:
    """Draw one: a network in the span, with a C1 that has moved."""
    stream = np.random.RandomState(seed)
    start = initialize_parameters_deep([n_x, *units], seed=stream.randint(1000))
    start = {k: (a + 0.1 * stream.randn(*a.shape)).astype(dtype) for k, a in start.items()}
    settings = Settings(tuple(units[:-1]), tuple(hidden), learning_rate=rate)
    step = step_of(settings, forms_for(len(units), compressed=True))
    X = stream.uniform(-1, 1, (n_x, m)).astype(dtype)
    held, K = enter(step.forms, start, X, xp=xp)
    parameters = {name: on_card(array) for name, array in held.items()}
    parameters["C1"] += stream.uniform(-1, 1, parameters["C1"].shape).astype(dtype)
    Y = stream.randint(0, 2, (units[-1], m))
    targets = on_card(step.head.targets(Y, dtype=X.dtype, xp=xp))
    batch = Batch(on_card(K), targets, on_card(ones_for(X, xp=xp)), m)
    return Problem(step, State(parameters, {}), batch)


@dataclass
class Bench:
    """The pretend card in CuPy's place."""

    monkeypatch: pytest.MonkeyPatch
    body: Any

    def problem(self, *arguments: Any, **settings: Any) -> Problem:
        return make_problem(*arguments, **settings)

    def on_card(self, array: Any) -> CupyArray:
        return on_card(array)

    def card(self, **settings: Any) -> Card:
        card = Card(self.body, **settings)
        self.monkeypatch.setitem(sys.modules, "cupy", card.module())
        return card

    def compiled(self, problem: Problem) -> Any:
        """The backend's function for several steps, as `train` gets it."""
        backend = get_backend("cupy")
        return backend.compile(backend.repeat(Bound(problem.step, xp)))

    def run(self, problem: Problem, *cuts: int) -> State:
        """Take steps in launches of so many."""
        run, state = self.compiled(problem), problem.state
        for times in cuts:
            state = run(state, problem.batch, {}, times)
        return state


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, body: ctypes.CDLL) -> Bench:
    """A pretend card with the kernel, as it comes."""
    for name in ("PORTABLE_DNN_CUPY_KERNEL", "CUPY_TF32"):
        monkeypatch.delenv(name, raising=False)
    return Bench(monkeypatch, body)
