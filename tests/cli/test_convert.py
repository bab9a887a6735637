"""`portable-dnn convert` and `portable-dnn data convert`: the same content in a new file."""

import h5py
import numpy as np
import pytest

from portable_dnn.data import read_dataset
from portable_dnn.models.store import load_model


@pytest.mark.parametrize("isolate", [(), ("--isolate",)])
def test_a_model_there_and_back_is_the_same_file(succeeds, model, folder, isolate):
    outcome = succeeds("convert", model, "--out", "a.safetensors", *isolate)
    assert outcome.lines == ["written to a.safetensors"]
    succeeds("convert", "a.safetensors", "--out", "b.h5", *isolate)
    assert (folder / "b.h5").read_bytes() == model.read_bytes()
    given, found = load_model(model), load_model(folder / "a.safetensors")
    assert given.provenance == found.provenance
    assert (given.class_names, given.hidden) == (found.class_names, found.hidden)
    for name, values in given.parameters.items():
        assert np.array_equal(values, found.parameters[name])


def test_what_is_no_part_of_a_model_is_left_behind(succeeds, model, folder):
    with h5py.File(model, "r+") as file:
        file["extra"] = np.zeros(1000)
        file.attrs["extra"] = "more"
    succeeds("convert", model, "--out", "clean.h5")
    with h5py.File(folder / "clean.h5") as file:
        assert "extra" not in file
        assert "extra" not in file.attrs


def test_a_file_is_not_converted_into_itself(refused, model):
    assert "is also MODEL" in refused("convert", model, "--out", model)
    assert "is also DATA" in refused("data", "convert", model, "--out", model)


def test_what_is_no_model(refused, data):
    assert "not a model" in refused("convert", data, "--out", "n.h5")
    assert "not a model" in refused("convert", data, "--out", "n.h5", "--isolate")


def test_names_of_variable_length_are_kept_for_good(succeeds, data, folder):
    with h5py.File(data, "r+") as file:
        del file["list_classes"]
        file["list_classes"] = ["non-dog", "dog"]
    succeeds("data", "convert", data, "--isolate", "--out", "fixed.h5")
    found = read_dataset(folder / "fixed.h5")
    assert (found.class_names, found.notes) == (("non-dog", "dog"), ())
    assert np.array_equal(found.train.images, read_dataset(data).train.images)


def test_two_files_become_one(succeeds, data, make_data, folder):
    test = make_data("t.h5", train=0, test=6)
    succeeds("data", "convert", data, "--test", test, "--out", "both.h5")
    found = read_dataset(folder / "both.h5")
    assert (len(found.train.labels), len(found.test.labels)) == (8, 6)
