"""`portable-dnn train --plots`: real pictures of the run."""

import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image

NAMES = ["cost.png", "first_layer.png", "mislabelled.png"]


@pytest.fixture
def draw(succeeds, data, folder):
    def plots(name, *arguments):
        command = ("train", data, "--layers", "3,2", "--plots", name)
        succeeds(*command, "--iterations", 3, *arguments)
        found = {}
        for path in sorted((folder / name).iterdir()):
            with Image.open(path) as picture:
                assert picture.format == "PNG"
                found[path.name] = np.asarray(picture.convert("RGB"))
        return found

    return plots


def test_three_pictures_of_sane_sizes_with_something_on_them(draw):
    found = draw("plots")
    assert list(found) == NAMES
    for name, values in found.items():
        height, width, _ = values.shape
        assert 150 < height < 3000, name
        assert 300 < width < 3000, name
        assert len(np.unique(values.reshape(-1, 3), axis=0)) > 20, name
        assert (values[0, 0] == 255).all(), name  # a white margin


def test_other_models_give_other_pictures(draw):
    first = draw("a", "--learning-rate", 0.1)
    again = draw("b", "--learning-rate", 0.1)
    other = draw("c", "--learning-rate", 0.1, "--seed", 5, "--init", "he")
    for name in NAMES:
        assert np.array_equal(first[name], again[name]), name
        same = first[name].shape == other[name].shape and np.array_equal(first[name], other[name])
        assert not same, name


def test_an_existing_folder_keeps_its_other_files(draw, folder):
    (folder / "plots").mkdir()
    (folder / "plots" / "mine.png").write_bytes(b"")
    Image.new("RGB", (2, 2)).save(folder / "plots" / "mine.png")
    assert sorted(draw("plots")) == ["cost.png", "first_layer.png", "mine.png", "mislabelled.png"]


def test_without_test_pictures_none_are_mislabelled(succeeds, make_data, folder):
    succeeds("train", make_data(test=0), "--iterations", 2, "--plots", "plots")
    assert sorted(p.name for p in (folder / "plots").iterdir()) == ["cost.png", "first_layer.png"]


def test_many_units_and_none(draw):
    wide = draw("wide", "--layers", "30,2")["first_layer.png"]
    assert max(wide.shape) < 3000
    assert draw("none", "--layers", "")["first_layer.png"].size > 0


def test_a_class_name_is_not_a_formula(succeeds, make_data):
    # matplotlib would take text between two $ for mathematics, and fail on this one.
    import h5py

    data = make_data()
    with h5py.File(data, "r+") as file:
        del file["list_classes"]
        file["list_classes"] = np.array([rb"$\no$", rb"$\yes$"])
    succeeds("train", data, "--iterations", 1, "--plots", "plots")


def test_the_users_own_settings_change_nothing(draw, monkeypatch):
    plain = draw("plain")
    for name, value in {
        "text.usetex": True,  # without LaTeX this would end in a traceback
        "axes.facecolor": "black",
        "savefig.bbox": "tight",
        "font.size": 30.0,
        "savefig.transparent": True,
    }.items():
        monkeypatch.setitem(matplotlib.rcParams, name, value)
    again = draw("again")
    assert matplotlib.rcParams["text.usetex"] is True  # and stay as they were
    for name in NAMES:
        assert np.array_equal(plain[name], again[name]), name


@pytest.mark.parametrize("command", ["train", "compare"])
def test_no_settings_that_lie_around_are_read(data, folder, command):
    (folder / "matplotlibrc").write_bytes(b"backend: \xff\xfe\n")  # reading it would be an error
    train = ("train", "data.h5", "--layers", "2")
    compare = ("compare", "--backend", "numpy", "--data", "data.h5", "--layers", "2")
    arguments = train if command == "train" else compare
    run = subprocess.run(
        [sys.executable, "-m", "portable_dnn", *arguments, "--iterations", "2", "--plots", "p"],
        env={**os.environ, "MPLBACKEND": "of another library"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert len(list((folder / "p").iterdir())) >= 2
