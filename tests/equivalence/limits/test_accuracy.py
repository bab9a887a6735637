"""What a plug-in documents of its library's accuracy is what the library is judged by."""

from dataclasses import replace

import numpy as np
import pytest

from portable_dnn.arrays.devices import Device, choose_device
from portable_dnn.arrays.registry import backend_names, get_backend
from portable_dnn.equivalence import compare
from portable_dnn.equivalence.limits.accuracy import NUMPY, accuracy_of, loosest
from portable_dnn.errors import BackendError
from portable_dnn.training.settings import Settings
from tests.equivalence.faults import Fault, faulty_device

FLOAT32 = np.dtype("float32")
SMALL = Settings(layers=(4, 3), hidden=("tanh",), iterations=2, dtype="float32")


@pytest.fixture(scope="module")
def data():
    random = np.random.RandomState(2)
    return random.uniform(size=(30, 12)), random.randint(0, 2, (1, 12))


def documenting(said, fault=None):
    """A backend that says something of its accuracy, and may have a fault."""
    device = faulty_device(fault or Fault("none", "nothing", lambda call: None, ()))
    asked = []

    def accuracy(device, dtype):
        asked.append((device, dtype))
        if isinstance(said, Exception):
            raise said
        return said

    device.backend.accuracy = accuracy
    return device, asked


def inaccurate(call):
    """An honest tanh of a modest library: 9 ulps off."""
    right = call.right(*call.inputs)
    return right + 9 * np.spacing(right) if right.dtype.kind == "f" else None


def flushing(call):
    """A library that takes subnormal results for 0."""
    right = call.right(*call.inputs)
    tiny = np.finfo(right.dtype).tiny
    return np.where(np.abs(right) < tiny, np.copysign(np.zeros_like(right), right), right)


def test_a_library_that_documents_an_error_is_allowed_it(data):
    fault = Fault("9 ulps", "tanh", inaccurate, ())
    undocumented = compare(faulty_device(fault), *data, settings=SMALL, many=0)
    assert undocumented.outcome == "wrong"
    assert "activation (tanh)" in undocumented.headline
    device, asked = documenting({"tanh": 10, "source": "the manual of faulty, page 3"}, fault)
    documented = compare(device, *data, settings=SMALL, many=0)
    assert documented.outcome == "rounding only"
    assert set(asked) == {("cpu", "float32")}
    assert documented.tested.versions["accuracy"] == "the manual of faulty, page 3"
    assert "NumPy release notes" in documented.reference.versions["accuracy"]


def test_it_is_allowed_no_more(data):
    device, _ = documenting({"tanh": 7.5}, Fault("9 ulps", "tanh", inaccurate, ()))
    assert compare(device, *data, settings=SMALL, many=0).outcome == "wrong"


def test_a_library_that_documents_flushing_may_flush(data):
    fault = Fault("flushes", "multiply", flushing, ())
    assert compare(faulty_device(fault), *data, settings=SMALL, many=0).outcome == "wrong"
    device, _ = documenting({"flushes": True}, fault)
    report = compare(device, *data, settings=SMALL, many=0)
    assert report.outcome == "rounding only"
    assert "by design" in {j.verdict for j in report.judgements}


def test_what_a_plug_in_does_not_name_is_as_of_a_library_without_word():
    unknown = accuracy_of(faulty_device(Fault("", "nothing", lambda call: None, ())), FLOAT32)
    assert not unknown.flushes
    device, _ = documenting({"exp": 12})
    found = accuracy_of(device, FLOAT32)
    assert (found.exp, found.log, found.divide) == (12.0, unknown.log, unknown.divide)
    assert found.source == "the backend faulty"


def test_a_library_without_word_is_allowed_what_any_of_ours_is():
    unknown = accuracy_of(faulty_device(Fault("", "nothing", lambda call: None, ())), FLOAT32)
    every = loosest(
        accuracy_of(Device(get_backend(name), device), np.dtype(dtype))
        for name in backend_names()
        for device in ("cpu", "cuda:0")
        for dtype in ("float32", "float64")
    )
    assert replace(every, flushes=False, source=unknown.source) == unknown


def test_every_backend_tells_where_its_accuracy_is_from(default_device):
    device = choose_device(default_device)
    for dtype in ("float32", "float64"):
        found = accuracy_of(device, np.dtype(dtype))
        assert found.source
        assert "not documented" not in found.source
    assert accuracy_of(choose_device("numpy"), np.dtype(dtype)) == NUMPY


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, "None; a mapping would be right"),
        ([("tanh", 8)], "a mapping would be right"),
        ({"tan": 8.0}, "names 'tan'; it may name exp, log, log1p, tanh, divide, flushes, source"),
        ({1: 8.0}, "names 1; it may name exp"),
        ({"tanh": "eight"}, "has 'eight' for tanh; a number of ulps, 0.5 or more, would be right"),
        ({"tanh": 0.25}, "has 0.25 for tanh"),
        ({"exp": np.inf}, "has inf for exp"),
        ({"exp": np.nan}, "has nan for exp"),
        ({"exp": True}, "has True for exp"),
        ({"flushes": 1}, "has 1 for flushes; True or False would be right"),
        ({"source": " "}, "has ' ' for source; a text would be right"),
        (ValueError("no card\nat all"), "accuracy of the backend 'faulty' fails: no card"),
    ],
)
def test_what_is_no_accuracy_is_refused_before_the_work(data, said, words):
    device, _ = documenting(said)
    seen = []
    with pytest.raises(BackendError) as refused:
        compare(device, *data, settings=SMALL, many=0, progress=seen.append)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not seen
