"""What comes from a device must be the array that lies there: it is blamed on the copy."""

import re

import numpy as np
import pytest

from portable_dnn.arrays.devices import choose_device, place, to_host
from portable_dnn.equivalence import compare, in_order
from portable_dnn.equivalence.stages.run_on_device import run_on
from portable_dnn.errors import BackendError, DataError
from portable_dnn.training.settings import Settings
from tests.equivalence.faults import Fault, faulty_device, registered

SMALL = Settings(layers=(4, 3), iterations=2, dtype="float32")
COPY = "copy to the device and back"


@pytest.fixture(scope="module")
def data():
    random = np.random.RandomState(2)
    return random.uniform(size=(30, 12)), random.randint(0, 2, (1, 12))


def fetching(wrong):
    """A backend whose copies to the host are changed."""
    return faulty_device(Fault("bad copy", "to_host", lambda x, plain, memory: wrong(plain), ()))


def flat(x):
    return x.ravel() if x.ndim == 2 else x


def longer(x):
    return x.reshape(1) if x.ndim == 0 else x


def swapped(x):
    return x.astype(x.dtype.newbyteorder())


def doubled(x):
    return x.astype(np.float64)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (flat, r"has shape \(\d+,\); \(\d+, \d+\) is right"),
        (longer, r"has shape \(1,\); \(\) is right"),
        (swapped, f"has dtype {np.dtype(np.float32).newbyteorder()}; float32 is right"),
        (doubled, "has dtype float64; float32 is right"),
        (lambda x: None, "is of NoneType, not a NumPy array"),
        (lambda x: x.tolist(), r"is of (list|float), not a NumPy array"),
    ],
)
def test_a_wrong_copy_is_called_so(data, wrong, words):
    device = fetching(wrong)
    with registered(device):
        report = compare(device, *data, settings=SMALL, many=0)
    first = in_order(report.wrong)[0]
    assert first.operation == COPY
    assert re.match(r"Wrong at (layer \d, )?copy to the device and back, ", report.headline)
    assert "changed its input" not in report.headline
    assert re.search(f"the copy to the host {words}", first.reason)
    # If the free run cannot be held against the reference's, this is not the reference's fault.
    assert report.failure is None or report.failure.side == "tested"
    assert report.failure is None or "to_host of the backend 'faulty' gave" in report.failure.error


def test_inputs_that_cannot_be_fetched_are_not_called_changed():
    device = fetching(flat)
    x = np.ones((3, 4), np.float32)
    ran = run_on(device, lambda placed: placed["x"].sum(), {"x": x}, (), np.dtype("float32"))
    assert ran.copying == "the copy to the host has shape (12,); (3, 4) is right"
    assert ran.complaints == (ran.copying,)


@pytest.mark.parametrize("wrong", [flat, lambda x: None])
def test_whoever_fetches_is_told(wrong):
    device = fetching(wrong)
    with registered(device):
        there = place({"W1": np.ones((3, 4))}, device)
        with pytest.raises(BackendError, match=r"to_host of the backend 'faulty' gave .* for W1; "):
            to_host(there)


def test_every_array_can_be_fetched(device):
    for shape in ((), (1,), (0, 3), (2, 3)):
        assert to_host(place(np.ones(shape), device)).shape == shape


def nan(bits):
    return np.array([bits, 0x3F800000], np.uint32).view(np.float32)


def test_nan_of_two_calls_are_alike_whatever_their_bits():
    calls = []

    def compute(placed):
        calls.append(1)
        return nan(0x7FC00000 if len(calls) == 1 else 0xFFC00001)

    ran = run_on(choose_device("numpy"), compute, {"x": nan(0)}, (2,), np.dtype("float32"))
    assert len(calls) > 2
    assert (ran.complaints, ran.copying) == ((), "")


@pytest.mark.parametrize("other", [0.0, -1.0, np.inf])
def test_other_numbers_of_two_calls_are_not_alike(other):
    calls = []

    def compute(placed):
        calls.append(1)
        return np.array([np.nan, -0.0 if len(calls) == 1 else other], np.float32)

    ran = run_on(choose_device("numpy"), compute, {"x": nan(0)}, (2,), np.dtype("float32"))
    assert ran.complaints == ("call 2 with the same inputs gave other numbers",)


@pytest.mark.parametrize("name", ["X", "Y"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x.tolist(), "is of list, not a NumPy array; make one with numpy.asarray"),
        (lambda x: np.ma.masked_all(x.shape), "is a masked array; give numbers for what is masked"),
        (lambda x: np.ma.array(x), "is a masked array"),
        (lambda x: None, "is of NoneType, not a NumPy array"),
    ],
)
def test_what_is_no_array_is_refused(data, name, change, words):
    arrays = dict(zip("XY", data, strict=True))
    arrays[name] = change(arrays[name])
    with pytest.raises(DataError, match=f"^{name} {words}"):
        compare("numpy", **arrays, settings=SMALL)
