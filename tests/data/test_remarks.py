"""What is odd about a data set is said, and nothing is said of one that is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portable_dnn.data import DataSet, ImageSet, builtin_dataset, remarks

LABELS = np.array([0, 1, 1, 0])


def noise(highest=255, dtype=np.uint8):
    values = np.random.RandomState(3).randint(0, highest + 1, (4, 5, 5, 3))
    values[0, 0, 0] = 0, highest, 0
    return values.astype(dtype)


def of(images, labels=LABELS, **more):
    return DataSet(ImageSet(images, labels), None, ("dog", "cat"), "made", **more)


@pytest.mark.parametrize(
    "images", [noise(), noise(2), noise().astype(np.float32) / 255, noise() / 255 / 200]
)
def test_nothing_is_odd(images):
    assert remarks(of(images)) == []


def test_the_built_in_pictures_are_not_odd():
    assert remarks(builtin_dataset()) == []


@pytest.mark.parametrize(("label", "name"), [(0, "dog"), (1, "cat")])
def test_labels_of_one_class(label, name):
    (said,) = remarks(of(noise(), np.full(4, label)))
    assert said.startswith(f"all 4 training pictures are of class {label} ({name})")


def test_each_set_is_looked_at():
    dataset = DataSet(
        ImageSet(noise(), LABELS),
        ImageSet(np.zeros((2, 5, 5, 3)), np.array([1, 1])),
        ("dog", "cat"),
        "made",
    )
    alike, black = remarks(dataset)
    assert alike.startswith("all 2 test pictures are of class 1 (cat)")
    assert black.startswith("the test pictures are all black")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_black_pictures(dtype):
    (said,) = remarks(of(np.zeros((4, 5, 5, 3), dtype)))
    assert said.startswith("the training pictures are all black")


@given(value=st.integers(1, 255))
def test_pictures_of_one_value(value):
    (said,) = remarks(of(np.full((4, 5, 5, 3), value, np.uint8)))
    assert f"every value in them is {value}," in said


def test_bytes_that_were_scaled_before_they_became_bytes():
    (said,) = remarks(of(noise(1)))
    assert "have no value above 1," in said
    assert "divided by 255 before they became whole numbers?" in said


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_that_were_scaled_twice(dtype):
    twice = noise().astype(dtype) / dtype(255) / dtype(255)
    (said,) = remarks(of(twice))
    assert "divided by 255 twice?" in said


def test_notes_come_first():
    said = remarks(of(noise(), np.ones(4, np.int64), notes=("three files were left out",)))
    assert said[0] == "three files were left out"
    assert len(said) == 2
