"""Memory that is not there: what is needed, what is free and what would fit, in one sentence."""

import re

import numpy as np
import pytest

import portable_dnn_numpy
from portable_dnn import experiment
from portable_dnn.data import builtin_dataset
from portable_dnn.devices import choose_device
from portable_dnn.errors import DataError
from portable_dnn.experiment import run
from portable_dnn.needs import Needs, is_shortage
from portable_dnn.settings import Settings

DIMS = (12288, 20, 7, 5, 1)


class OutOfMemoryError(RuntimeError):
    """By this name, PyTorch raises on a card; CuPy's is a kind of MemoryError too."""


@pytest.fixture(scope="module")
def pictures():
    return builtin_dataset()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("12 bytes"),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8000000000 bytes."),
    ],
)
def test_each_library_has_its_own_word(error, pictures, monkeypatch):
    def fail(*_arguments, **_options):
        raise error

    assert is_shortage(error)
    monkeypatch.setattr(experiment, "train", fail)
    with pytest.raises(DataError, match=r"^out of memory on numpy:cpu: this run makes about "):
        run(pictures, Settings(iterations=1), choose_device("cpu"))


def test_other_errors_stay(pictures, monkeypatch):
    def fail(*_arguments, **_options):
        raise RuntimeError("something else")

    monkeypatch.setattr(experiment, "train", fail)
    with pytest.raises(RuntimeError, match=r"^something else$"):
        run(pictures, Settings(iterations=1), choose_device("cpu"))


def test_the_libraries_say_it_so(default_device):
    """A petabyte, really asked for."""
    xp = choose_device(default_device).backend.namespace()
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each library has its own
        np.asarray(xp.zeros(10**15, dtype=xp.float64))
    assert is_shortage(raised.value), repr(raised.value)


@pytest.mark.parametrize(
    ("settings", "free", "said"),
    [
        ({}, 0.6, r"float32 \([\d.]+ MB\) or a batch of at most \d+ of the 209 pictures"),
        ({}, 0.3, r"a batch of at most \d+ of the 209 pictures"),
        (
            {"dtype": "float32"},
            0.9,
            r"hidden layers of 10,3,2 units .* or a batch of at most \d+ of the 209 pictures",
        ),
        ({"compress": "on"}, 0.98, r"float32 .* or no compression .* or a batch of"),
    ],
)
def test_what_would_fit_is_named_and_fits(settings, free, said, pictures, monkeypatch):
    chosen = Settings(iterations=1, **settings)
    needs = Needs(DIMS, 209, chosen.dtype, chosen.compress == "on")
    there = int(free * needs.bytes)
    monkeypatch.setattr(portable_dnn_numpy, "free_memory", lambda _device: there)
    with pytest.raises(DataError, match=f"what would fit: {said}") as raised:
        run(pictures, chosen, choose_device("cpu"))
    (most,) = re.findall(r"at most (\d+)", str(raised.value))
    for count, fits in ((int(most), True), (int(most) + 1, False)):
        assert (Needs(DIMS, count, needs.dtype, needs.compressed).bytes <= there) is fits


def test_where_nothing_alone_would_do(pictures, monkeypatch):
    monkeypatch.setattr(portable_dnn_numpy, "free_memory", lambda _device: 1000)
    with pytest.raises(DataError, match=r"use fewer or smaller pictures, smaller layers and flo"):
        run(pictures, Settings(iterations=1), choose_device("cpu"))
