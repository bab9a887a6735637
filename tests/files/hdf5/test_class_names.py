"""Names of classes that would fill tables, messages and model files."""

import numpy as np
import pytest

from portable_dnn.data import read_dataset
from portable_dnn.data.class_names import check_class_names
from portable_dnn.errors import DataError
from portable_dnn.machine.limits import MOST_ATTRIBUTE_BYTES, MOST_CLASS_NAME_LENGTH
from portable_dnn.models.model import Model
from portable_dnn.models.store import load_model, save_model

LONGEST = "\N{CAT FACE}" * MOST_CLASS_NAME_LENGTH


@pytest.mark.parametrize("suffix", [".h5", ".safetensors"])
def test_the_longest_name_can_be_saved(model, tmp_path, suffix):
    names = check_class_names(("dog", LONGEST))
    path = tmp_path / f"m{suffix}"
    save_model(Model(model.parameters, model.hidden, names, model.image_shape, {}), path)
    assert load_model(path).class_names == names


def named(first, second):
    """Return a change of a data file: other names."""

    def change(file):
        del file["list_classes"]
        file["list_classes"] = np.array([first, second])

    return change


@pytest.mark.parametrize("length", [201, 40_000])
def test_a_long_name_is_left_in_a_short_sentence(changed, length):
    dataset = read_dataset(changed("data", named(b"dog", b"c" * length)))
    (note,) = dataset.notes
    assert f"has {length} characters; at most 200 would be right" in note
    assert len(note) < 1000
    assert dataset.class_names == ("0", "1")


def test_names_that_are_not_even_read(changed):
    long = b"c" * (MOST_ATTRIBUTE_BYTES // 2 + 1)
    (note,) = read_dataset(changed("data", named(b"dog", long))).notes
    assert "two names, of class 0 and class 1, in a megabyte at most" in note


def test_the_names_of_a_model(changed, refused):
    def change(file):
        file.attrs["class_names"] = np.array([b"dog", b"c" * 300])

    assert "has 300 characters" in refused(changed("model", change))


def test_many_names_are_not_listed():
    with pytest.raises(DataError, match="two different ones") as refused:
        check_class_names([f"class {i}" for i in range(10_000)])
    assert len(str(refused.value)) < 500
