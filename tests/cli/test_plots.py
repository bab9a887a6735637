"""`portable-dnn train --plots`: real pictures of the run."""

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
