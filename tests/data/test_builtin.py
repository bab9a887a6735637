import numpy as np
import pytest

from portable_dnn.data import builtin_dataset
from portable_dnn.errors import SettingError

# Changes only when the pictures are meant to change: every machine must draw these bytes.
FINGERPRINT = "0fa248440058a5f387a024d2b5d700cea55fd9e80433bb975138830b74f7de5b"


@pytest.fixture(scope="module")
def dataset():
    return builtin_dataset()


def test_same_bytes_everywhere(dataset):
    assert dataset.fingerprint() == FINGERPRINT


def test_another_seed_draws_other_pictures(dataset):
    assert builtin_dataset(2).fingerprint() != dataset.fingerprint()


@pytest.mark.parametrize(("name", "count", "cats"), [("train", 209, 104), ("test", 50, 25)])
def test_counts(dataset, name, count, cats):
    part = getattr(dataset, name)
    assert part.images.shape == (count, 64, 64, 3)
    assert part.images.dtype == np.uint8
    assert part.labels.dtype == np.int64
    assert part.labels.sum() == cats
    assert dataset.class_names == ("non-cat", "cat")


def test_every_picture_is_different(dataset):
    pictures = {image.tobytes() for part in (dataset.train, dataset.test) for image in part.images}
    assert len(pictures) == 259


def test_order_does_not_tell_the_class(dataset):
    first = dataset.train.labels[:100]
    assert 30 < first.sum() < 70


def _columns(part):
    return part.images.reshape(len(part.labels), -1).T / 255.0


def test_linear_model_learns_but_is_not_fully_right(dataset):
    x, y = _columns(dataset.train), dataset.train.labels
    weights, bias = np.zeros(len(x)), 0.0
    for _ in range(600):
        error = 1 / (1 + np.exp(-(weights @ x + bias))) - y
        weights -= 0.005 * (x @ error) / len(y)
        bias -= 0.005 * error.mean()
    right = ((weights @ _columns(dataset.test) + bias) > 0) == dataset.test.labels
    assert 0.6 <= right.mean() <= 0.92


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range(seed):
    with pytest.raises(SettingError, match=f"the seed is {seed}; a whole number from 0"):
        builtin_dataset(seed)
