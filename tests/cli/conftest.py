"""The command line in this process, through the function that the installed script calls.

`portable_dnn_command` runs one command; `refused` runs one that must end as bad input does. Both
work in an empty folder, which is the current one.
"""

import shutil
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import h5py
import numpy as np
import pytest
from PIL import Image

from portable_dnn.arrays import registry
from portable_dnn.arrays.devices import choose_device
from portable_dnn.cli import main
from portable_dnn.cli.console import Bar
from portable_dnn.data import DataSet, ImageSet, write_dataset
from portable_dnn.models.store import save_model
from portable_dnn.results.experiment import run
from portable_dnn.training.settings import Settings

ERROR = "portable-dnn: error: "
TOY = Path(__file__).parents[1] / "backends" / "toy_plugin"
# What would turn the captured output into a terminal, or choose a device behind a test's back.
VARIABLES = ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "PORTABLE_DNN_DEVICE")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, empty at first."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def portable_dnn_command(monkeypatch, capfd) -> Callable[..., Outcome]:
    """Return a function that runs a command and gives its exit code and what it printed."""

    def command(*arguments: object) -> Outcome:
        capfd.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["portable-dnn", *map(str, arguments)])
            patch.setattr(warnings, "showwarning", warnings.showwarning)  # main() replaces it
            with pytest.raises(SystemExit) as ended:
                main()
        return Outcome(ended.value.code or 0, *capfd.readouterr())

    return command


@pytest.fixture
def succeeds(portable_dnn_command) -> Callable[..., Outcome]:
    """Return a function that runs a command in which nothing must be wrong."""

    def command(*arguments: object) -> Outcome:
        outcome = portable_dnn_command(*arguments)
        assert outcome.err == ""
        assert outcome.code == 0
        return outcome

    return command


def content_of(folder: Path) -> dict[str, bytes | None]:
    """Return all that is in a folder, hidden files and subfolders too."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def refused(portable_dnn_command, folder) -> Callable[..., str]:
    """Return a function that runs a command with bad input and gives the one sentence it says."""

    def command(*arguments: object) -> str:
        before = content_of(folder)
        outcome = portable_dnn_command(*arguments)
        assert outcome.code == 2
        assert "Traceback" not in outcome.out + outcome.err
        lines = outcome.err.splitlines()
        assert len(lines) == 1, outcome.err
        assert lines[0].startswith(ERROR)
        sentence = lines[0].removeprefix(ERROR)
        assert len(sentence) > 15
        assert content_of(folder) == before
        return sentence

    return command


@pytest.fixture
def misused(portable_dnn_command, folder) -> Callable[..., str]:
    """Return a function that runs a command whose options cannot even be parsed."""

    def command(*arguments: object) -> str:
        before = content_of(folder)
        outcome = portable_dnn_command(*arguments)
        assert outcome.code == 2
        assert "Traceback" not in outcome.out + outcome.err
        assert "Error: " in outcome.err
        assert content_of(folder) == before
        return outcome.err

    return command


def pictures(count: int, size: int = 4, seed: int = 0) -> ImageSet:
    """Draw random pictures: those of class 1 are brighter, so that there is something to learn."""
    random = np.random.RandomState(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    images = random.randint(0, 156, (count, size, size, 3)) + 100 * labels[:, None, None, None]
    return ImageSet(images.astype(np.uint8), labels)


def dataset(train: int = 8, test: int = 4, size: int = 4) -> DataSet:
    return DataSet(
        pictures(train, size, 1) if train else None,
        pictures(test, size, 2) if test else None,
        ("non-cat", "cat"),
        "test pictures",
    )


@pytest.fixture
def make_data(folder) -> Callable[..., Path]:
    """Return a function that writes a small data set."""

    def make(name: str = "data.h5", train: int = 8, test: int = 4, size: int = 4) -> Path:
        write_dataset(dataset(train, test, size), folder / name)
        return folder / name

    return make


@pytest.fixture
def data(make_data) -> Path:
    """A small data set: 8 + 4 pictures of 4 x 4."""
    return make_data()


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A model of three layers, trained a little on the small data set."""
    path = tmp_path_factory.mktemp("trained") / "model.h5"
    settings = Settings(layers=(3, 2), iterations=3)
    save_model(run(dataset(), settings, choose_device("cpu")).model, path)
    return path


@pytest.fixture
def model(trained, folder) -> Path:
    """A copy of the trained model, to be used or damaged."""
    return Path(shutil.copy(trained, folder / "model.h5"))


@pytest.fixture
def damaged_model(model) -> Callable[..., Path]:
    """Return a function that changes something in the model's file."""

    def damage(change: Callable[[h5py.File], object]) -> Path:
        with h5py.File(model, "r+") as file:
            change(file)
        return model

    return damage


@pytest.fixture
def picture(folder) -> Path:
    """A picture of another size than the model's."""
    path = folder / "picture.png"
    Image.fromarray(pictures(1, 9).images[0]).save(path)
    return path


@pytest.fixture
def wide(make_data) -> None:
    """A data set data.h5 with more pixels than there are pictures."""
    make_data(size=8)


@pytest.fixture
def heard() -> Iterator[None]:
    """A job in the background is started deaf to Ctrl-C, and with nohup to SIGHUP; so is its child.

    The program keeps to that.
    """
    usual = {signal.SIGINT: signal.default_int_handler}
    if hasattr(signal, "SIGHUP"):  # Windows has none
        usual[signal.SIGHUP] = signal.SIG_DFL
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def signals_at(monkeypatch) -> Callable[..., None]:
    """Return a function that has signals sent when so many iterations are done."""

    def send(done, *numbers):
        move = Bar.move

        def moved(bar, now, cost=None):
            move(bar, now, cost)
            if now == done:
                for number in numbers:
                    signal.raise_signal(number)

        monkeypatch.setattr(Bar, "move", moved)

    return send


@pytest.fixture
def register(monkeypatch):
    """Have these backends and no others."""

    def put(**backends):
        found = {
            name: SimpleNamespace(value=__name__, load=lambda module=module: module)
            for name, module in backends.items()
        }
        monkeypatch.setattr(registry, "_entry_points", lambda: found)
        registry.get_backend.cache_clear()

    yield put
    registry.get_backend.cache_clear()


@pytest.fixture
def toy(register, monkeypatch):
    """Toyarray beside NumPy; its parts may be broken."""
    numpy = registry.get_backend("numpy")
    monkeypatch.syspath_prepend(TOY)
    import portable_dnn_toy
    import toyarray

    register(numpy=numpy, toy=portable_dnn_toy)
    return toyarray
