"""What every backend must do, whichever it is: the contract, by inspection and by use."""

import inspect
import itertools
import typing
from typing import NamedTuple

import numpy as np
import pytest

from portable_dnn.arrays.contract import CONTRACT, Backend, Check, DocumentsAccuracy
from portable_dnn.arrays.devices import Device
from portable_dnn.arrays.registry import backend_names, contract_members, first_failure, get_backend
from portable_dnn.equivalence.limits.accuracy import accuracy_of
from portable_dnn.training.batches import Batch

DTYPES = ("float32", "float64", "int8", "int32", "int64", "uint8", "bool")
SHAPES = ((), (1,), (0, 3), (2, 3), (4, 1), (2, 3, 4))

OURS = ("numpy", "cupy", "torch", "jax", "strict")


@pytest.fixture
def backend(default_device: str) -> Backend:
    """Every backend that can run here; the others are reported as skipped with the reason."""
    return get_backend(default_device.partition(":")[0])


@pytest.mark.parametrize("member", [m for m in contract_members() if m not in ("name", "contract")])
@pytest.mark.parametrize("name", backend_names())
def test_signatures_are_the_contracts(name, member):
    wanted, got = getattr(Backend, member), getattr(get_backend(name), member)
    expected = list(inspect.signature(wanted).parameters.values())[1:]  # without self
    found = list(inspect.signature(got).parameters.values())
    assert [(p.name, p.kind, p.default) for p in found] == [
        (p.name, p.kind, p.default) for p in expected
    ]
    assert typing.get_type_hints(got) == typing.get_type_hints(wanted)


@pytest.mark.parametrize("name", backend_names())
def test_an_accuracy_has_the_signature_of_its_contract_and_is_one(name):
    plug_in = get_backend(name)
    if not hasattr(plug_in, "accuracy"):
        return  # it is no duty
    assert list(inspect.signature(plug_in.accuracy).parameters) == ["device", "dtype"]
    wanted = typing.get_type_hints(DocumentsAccuracy.accuracy)
    assert typing.get_type_hints(plug_in.accuracy) == wanted
    for device, dtype in itertools.product(("cpu", "cuda:0"), ("float32", "float64")):
        assert accuracy_of(Device(plug_in, device), np.dtype(dtype)).source


@pytest.mark.parametrize("name", backend_names())
def test_the_name_is_the_entry_points(name):
    assert get_backend(name).name == name


@pytest.mark.parametrize("name", [n for n in backend_names() if n in OURS])
def test_ours_keep_to_the_contract_of_today(name):
    assert get_backend(name).contract == CONTRACT


@pytest.mark.parametrize("name", backend_names())
def test_the_ladder_stops_after_the_first_failure_and_can_be_climbed_again(name):
    climbed = list(get_backend(name).checks())
    assert climbed
    assert [c.name for c in get_backend(name).checks()] == [c.name for c in climbed]
    assert len({c.name for c in climbed}) == len(climbed)
    assert not [c for c in climbed[:-1] if c.status == "failed"]
    for check in climbed:
        assert isinstance(check, Check)
        assert check.status in ("ok", "warning", "failed")
        assert_a_sentence(check.detail)
        assert check.remedy or check.status != "failed"


@pytest.mark.parametrize("name", backend_names())
def test_the_first_failure_is_told(name):
    failure = first_failure(get_backend(name))
    assert failure is None or (failure.detail and failure.remedy)


def assert_a_sentence(text):
    assert text
    assert text == text.strip()
    assert "\n" not in text
    assert not text.endswith(".")


def test_there_are_devices_of_different_names(backend):
    devices = backend.devices()
    assert devices
    assert len(set(devices)) == len(devices)


def test_strict_has_three_devices():
    pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    assert get_backend("strict").devices() == ("cpu", "device1", "device2")


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_go_to_every_device_and_back_unchanged(backend, dtype, shape):
    array = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    xp = backend.namespace()
    for device in backend.devices():
        there = backend.from_host(array, device)
        assert there.shape == shape
        assert there.dtype == getattr(xp, dtype)
        assert backend.owns(there)
        assert backend.device_of(there) == device
        back = backend.to_host(there)
        assert isinstance(back, np.ndarray)
        assert back.dtype == array.dtype
        assert back.shape == shape
        np.testing.assert_array_equal(back, array)


def test_floats_keep_every_bit(backend, random):
    array = random.randn(5, 7)
    array[0, :4] = np.inf, -0.0, np.nan, 5e-324
    for device in backend.devices():
        assert backend.to_host(backend.from_host(array, device)).tobytes() == array.tobytes()


def test_views_are_copied_as_they_look(backend, random):
    array = random.randn(6, 8)
    for view in (array.T, array[::2, ::-1], np.asfortranarray(array)):
        for device in backend.devices():
            there = backend.from_host(view, device)
            np.testing.assert_array_equal(backend.to_host(there), view)


def test_read_only_arrays_are_taken_and_left_alone(backend, random):
    array = random.randn(3, 4)
    array.flags.writeable = False
    for view in (array, array.T, np.broadcast_to(array[:, :1], (3, 4))):
        for device in backend.devices():
            there = backend.from_host(view, device)
            assert backend.to_host(there).tobytes() == view.tobytes()
            assert backend.to_host(there + 1.0).tobytes() == (view + 1.0).tobytes()
            assert not view.flags.writeable


def test_results_are_on_the_operands_device(backend):
    for device in backend.devices():
        x = backend.from_host(np.arange(6.0).reshape(2, 3), device)
        assert backend.device_of(x @ x.T + 1.0) == device


def test_other_things_are_not_owned(backend):
    others = [n for n in backend_names() if n != backend.name and not first_failure(get_backend(n))]
    foreign = [get_backend(n).from_host(np.zeros(2), get_backend(n).devices()[0]) for n in others]
    for thing in (None, 1.0, [1.0], "cupy", *foreign):
        assert not backend.owns(thing)


def test_free_memory_is_a_number_of_bytes_or_none(backend):
    for device in backend.devices():
        free = backend.free_memory(device)
        assert free is None or (type(free) is int and free > 0)


def test_synchronize_returns(backend):
    for device in backend.devices():
        assert backend.synchronize(device) is None


def test_the_namespace_has_the_standards_functions(backend):
    xp = backend.namespace()
    for function in (
        "asarray",
        "matmul",
        "where",
        "exp",
        "sum",
        "astype",
        "isfinite",
        "zeros_like",
    ):
        assert callable(getattr(xp, function))


def test_a_compiled_function_has_the_same_results(backend):
    device = backend.devices()[0]
    parameters = {"W1": backend.from_host(np.ones((1, 2)), device)}
    X = backend.from_host(np.arange(6.0).reshape(2, 3), device)

    def measured_step(parameters, X, Y):
        Z = parameters["W1"] @ X
        return {"cost": backend.namespace().sum(Z - Y)}, {"W1": parameters["W1"] + 1.0}

    expected = measured_step(parameters, X, X[:1, :])
    got = backend.compile(measured_step)(parameters, X, X[:1, :])
    assert float(got[0]["cost"]) == float(expected[0]["cost"])
    np.testing.assert_array_equal(backend.to_host(got[1]["W1"]), [[2.0, 2.0]])
    np.testing.assert_array_equal(backend.to_host(parameters["W1"]), [[1.0, 1.0]])


class Pair(NamedTuple):
    parameters: dict
    slots: dict


def advanced(state, batch, row):
    """A step that is told something else each time."""
    rate = row["rates"][0] if row else 1.0
    n, a = (state.parameters[name] for name in "na")
    slots = {"last": state.slots["last"] * 0.0 + rate}
    return Pair({"n": n + rate * batch.targets, "a": 2.0 * a}, slots)


@pytest.mark.parametrize("told", [False, True])
def test_a_repeated_step_is_taken_as_often_as_asked(backend, told):
    """However many; each step is given its row, and the dicts keep their order."""
    device = backend.devices()[0]

    def put(array):
        return backend.from_host(np.asarray(array), device)

    state = Pair({"n": put(np.zeros(())), "a": put(np.ones(3))}, {"last": put(np.zeros(()))})
    batch = Batch(put(np.ones((1, 2))), put(np.ones(())), put(np.ones((1, 2))), 2)
    run = backend.compile(backend.repeat(advanced))
    for times in (1, 2, 7, 200):
        rates = np.arange(1.0, times + 1.0).reshape(times, 1)
        after = run(state, batch, {"rates": put(rates)} if told else {}, times)
        assert type(after) is Pair
        assert list(after.parameters) == ["n", "a"]
        assert float(after.parameters["n"]) == (rates.sum() if told else times)
        assert float(after.slots["last"]) == (times if told else 1.0)
        np.testing.assert_array_equal(backend.to_host(after.parameters["a"]), 2.0**times)
    assert float(state.parameters["n"]) == 0.0


def test_versions_are_texts(backend):
    versions = backend.versions()
    assert versions
    assert all(type(k) is str and type(v) is str and k and v for k, v in versions.items())
