"""Files that a stranger could send, made by the tests themselves."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from portable_dnn import initialize_parameters_deep
from portable_dnn.data import read_dataset
from portable_dnn.errors import DataError
from portable_dnn.models.model import Model
from portable_dnn.models.store import load_model, save_model

IMAGES = np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3)


@pytest.fixture
def model() -> Model:
    """A small network with random weights."""
    return Model(
        initialize_parameters_deep((48, 3, 1), method="he"),
        ("relu",),
        ("non-cat", "cat"),
        (4, 4, 3),
        {"made": "in a test"},
    )


@pytest.fixture
def changed(tmp_path, model) -> Callable[..., Path]:
    """Return a function that writes a good file of a kind and lets the test change it."""

    def write(kind: str, change: Callable[[h5py.File], object], **options: object) -> Path:
        path = tmp_path / f"{kind}.h5"
        if kind == "model":
            save_model(model, path)
            with h5py.File(path, "r+") as file:
                change(file)
            return path
        with h5py.File(path, "w", **options) as file:
            file["train_set_x"] = IMAGES
            file["train_set_y"] = [0, 1, 0]
            file["list_classes"] = np.array([b"non-cat", b"cat"])
            change(file)
        return path

    return write


def read(path: Path) -> object:
    """Read a file by its kind."""
    return load_model(path) if path.stem == "model" else read_dataset(path)


@pytest.fixture
def refused() -> Callable[[Path], str]:
    """Return a function that reads a file which must be refused, and gives the sentence."""

    def attempt(path: Path) -> str:
        with pytest.raises(DataError) as caught:
            read(path)
        said = str(caught.value)
        assert str(path) in said
        assert "\n" not in said
        return said

    return attempt


@pytest.fixture
def accepted() -> Callable[[Path], object]:
    """Return a function that reads a file which must be good."""
    return read
