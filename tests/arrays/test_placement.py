"""Placing arrays, finding them again, naming devices, and keeping two devices apart."""

from types import SimpleNamespace

import numpy as np
import pytest

from portable_dnn import (
    L_model_forward,
    accuracy,
    choose_device,
    compute_cost,
    device_of,
    linear_forward,
    place,
    predict,
    relu_backward,
    to_host,
    train,
    update_parameters,
)
from portable_dnn.arrays import devices as devices_module
from portable_dnn.arrays.contract import Check
from portable_dnn.arrays.registry import backend_names, first_failure, get_backend
from portable_dnn.errors import DeviceError, DTypeError

VARIABLE = "PORTABLE_DNN_DEVICE"
DTYPES = ["float64", "float32", "uint8", "int32", "int64", "bool"]


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.parametrize("dtype", DTYPES)
def test_there_and_back_keeps_numbers_dtype_and_shape(dtype, device):
    for shape in ((2, 3), (3,), (1, 2, 2, 3), ()):
        host = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
        host.flags.writeable = False
        there = place(host, device)
        assert device_of(there) == device
        back = to_host(there)
        assert isinstance(back, np.ndarray)
        assert back.dtype == host.dtype
        assert back.shape == host.shape
        np.testing.assert_array_equal(back, host)


def test_pictures_travel_as_bytes_and_are_cast_there(device, monkeypatch):
    host = np.array([[0, 7, 255]], dtype=np.uint8)
    backend = choose_device(device).backend
    sent = []
    original = backend.from_host

    def from_host(array, name):
        sent.append(array.dtype)
        return original(array, name)

    monkeypatch.setattr(backend, "from_host", from_host)
    assert to_host(place(host, device)).dtype == np.uint8
    cast = place(host, device, dtype="float32")
    assert to_host(cast).dtype == np.float32
    assert to_host(cast).tolist() == [[0.0, 7.0, 255.0]]
    assert set(sent) <= {np.dtype("uint8")}


def test_what_is_there_already_is_not_copied(device):
    there = place(np.ones((2, 2)), device)
    assert place(there, device) is there
    assert place(there, device, dtype="float64") is there


def test_parameter_dicts(device):
    host = {"W1": np.eye(2), "b1": np.zeros((2, 1))}
    there = place(host, device)
    assert list(there) == ["W1", "b1"]
    assert device_of(there) == device
    narrow = place(there, device, dtype="float32")
    assert {array.dtype for array in to_host(narrow).values()} == {np.dtype("float32")}
    assert {array.dtype for array in to_host(there).values()} == {np.dtype("float64")}
    np.testing.assert_array_equal(to_host(there)["W1"], np.eye(2))
    assert device_of(place(there, "cpu")) == "numpy:cpu"


def test_a_device_object_is_a_device_too(device):
    chosen = choose_device(device)
    assert str(chosen) == device
    assert chosen.why == "asked for"
    assert device_of(place(np.ones(2), chosen)) == device


@pytest.mark.parametrize("bad", [[1, 2], "X", 3.0, None, (np.ones(2),)])
def test_what_is_no_array_is_named(bad):
    kind = type(bad).__name__
    for function in (place, to_host, device_of):
        with pytest.raises(DTypeError, match=f"the argument is a {kind}, not an array"):
            function(bad)
        with pytest.raises(DTypeError, match=f"is a {kind}, not an array of a library"):
            function({"W7": bad})
    with pytest.raises(DTypeError, match=f"^W7 is a {kind}, not an array"):
        place({"W7": bad})
    with pytest.raises(DTypeError, match=f"^W is a {kind}, not an array .* numpy.asarray"):
        linear_forward(np.ones((2, 1)), bad, np.ones((2, 1)))
    with pytest.raises(DTypeError, match=f"^Y is a {kind}, not an array"):
        compute_cost(np.full((1, 2), 0.5), bad)


@pytest.mark.parametrize("dtype", ["float128", "complex128", "str", "", "float"])
def test_unknown_dtype(dtype, default_device):
    with pytest.raises(DTypeError, match=f"unknown dtype {dtype!r}; use one of float32, float64"):
        place(np.ones(2), default_device, dtype=dtype)


def test_an_empty_dict_lies_nowhere():
    with pytest.raises(DTypeError, match="an empty dict is on no device"):
        device_of({})


# Short forms


def test_short_forms(default_device):
    assert str(choose_device("cpu")) == "numpy:cpu"
    assert str(choose_device(default_device.partition(":")[0])) == default_device
    assert str(choose_device(default_device)) == default_device


@pytest.mark.parametrize("request_", ["", "gpu", "CPU", "cuda:", "numpy:", "tpu:0", ":cpu"])
def test_a_device_nobody_knows(request_):
    with pytest.raises(DeviceError) as caught:
        choose_device(request_)
    assert f"unknown device {request_!r}; use auto, cpu, cuda, cuda:N, a backend" in str(
        caught.value
    )
    assert "numpy" in str(caught.value)


def test_a_device_the_backend_does_not_have(default_device):
    backend = default_device.partition(":")[0]
    with pytest.raises(DeviceError) as caught:
        choose_device(f"{backend}:nine")
    assert f"there is no device '{backend}:nine'; backend {backend} has " in str(caught.value)
    assert default_device.partition(":")[2] in str(caught.value)


def test_auto_and_cuda_are_honest_about_this_machine():
    failure = first_failure(get_backend("cupy"))
    automatic = choose_device("auto")
    if failure is None:
        assert str(automatic) == str(choose_device("cuda")) == "cupy:cuda:0"
        assert automatic.why == "a usable CUDA GPU was found"
        return
    assert str(automatic) == "numpy:cpu"
    assert automatic.why.startswith(f"no usable CUDA GPU: {failure.detail}")
    assert "\n" not in automatic.why
    for request in ("cuda", "cuda:1", "cupy", "cupy:cuda:0"):
        with pytest.raises(DeviceError) as caught:
            choose_device(request)
        assert f"cannot use device {request!r}: {failure.detail}" in str(caught.value)
        assert failure.remedy in str(caught.value)


def pretend_cuda(monkeypatch, backend):
    """Put a pretend CUDA backend in the place of the real one."""
    monkeypatch.setattr(
        devices_module, "get_backend", lambda name: backend if name == "cupy" else get_backend(name)
    )


def test_a_usable_gpu_is_taken(monkeypatch):
    gpu = SimpleNamespace(
        name="cupy", checks=lambda: iter(()), devices=lambda: ("cuda:0", "cuda:1")
    )
    pretend_cuda(monkeypatch, gpu)
    assert str(choose_device()) == str(choose_device("auto")) == "cupy:cuda:0"
    assert choose_device("auto").why == "a usable CUDA GPU was found"
    assert str(choose_device("cuda")) == "cupy:cuda:0"
    assert str(choose_device("cuda:1")) == str(choose_device("cupy:cuda:1")) == "cupy:cuda:1"
    assert str(choose_device("cupy")) == "cupy:cuda:0"
    with pytest.raises(DeviceError, match=r"there is no device 'cuda:2'; .* has cuda:0, cuda:1"):
        choose_device("cuda:2")


def test_an_unusable_gpu_is_explained_and_cpu_never_asks(monkeypatch):
    asked = []

    def checks():
        asked.append(1)
        yield Check("cuda-driver", "failed", "no driver was found", "install the driver")

    pretend_cuda(monkeypatch, SimpleNamespace(name="cupy", checks=checks))
    assert str(choose_device("cpu")) == str(choose_device("numpy:cpu")) == "numpy:cpu"
    assert not asked
    automatic = choose_device("auto")
    assert str(automatic) == "numpy:cpu"
    assert automatic.why.startswith("no usable CUDA GPU: no driver was found")
    with pytest.raises(DeviceError) as caught:
        choose_device("cuda")
    assert str(caught.value) == (
        "cannot use device 'cuda': no driver was found; to fix it: install the driver"
    )


# The environment variable


def test_the_variable_gives_the_device_where_none_is_named(monkeypatch, device):
    monkeypatch.setenv(VARIABLE, device)
    assert str(choose_device()) == device
    assert choose_device().why == f"asked for (from {VARIABLE})"
    assert device_of(place(np.ones(2))) == device
    assert str(choose_device("cpu")) == "numpy:cpu"  # what is named goes first


def test_an_empty_variable_is_none(monkeypatch):
    without = str(choose_device())
    monkeypatch.setenv(VARIABLE, "")
    assert str(choose_device()) == without == str(choose_device("auto"))


@pytest.mark.parametrize("value", ["gpu", "numpy:cuda:0"])
def test_a_bad_value_is_blamed_on_the_variable(value, monkeypatch):
    monkeypatch.setenv(VARIABLE, value)
    for call in (choose_device, lambda: place(np.ones(2))):
        with pytest.raises(DeviceError, match=rf"{value!r} \(from {VARIABLE}\)"):
            call()


# Two devices or two libraries in one call


def elsewhere(device):
    """A device other than this one."""
    return "numpy:cpu" if device != "numpy:cpu" else f"strict:{get_backend('strict').devices()[0]}"


@pytest.fixture(
    params=[None, "strict:device1", "strict:device2"], ids=["other library", "device1", "device2"]
)
def pair(request, device):
    """Two devices that are not to be mixed: another library's, or another one of the same."""
    pytest.importorskip("array_api_strict")
    here = "strict:cpu" if request.param else device
    return here, request.param or elsewhere(device)


def test_mixed_devices_are_named_and_nothing_is_moved(pair, make_network):
    here, there = pair
    one, other = make_network((3, 2, 1), 4, here), make_network((3, 2, 1), 4, there)
    mixed = {**one.parameters, "b2": other.parameters["b2"]}
    grads = {f"d{name}": array for name, array in one.parameters.items()}
    calls = {
        "X": lambda: L_model_forward(one.X, other.parameters),
        "X ": lambda: predict(one.X, mixed),
        "A": lambda: linear_forward(one.X, other.parameters["W1"], one.parameters["b1"]),
        "AL": lambda: compute_cost(one.Y, other.Y),
        "dA": lambda: relu_backward(one.X, other.X),
        "X  ": lambda: train(one.X, other.Y, one.parameters),
        "W1": lambda: update_parameters(
            one.parameters, {**grads, "db1": other.parameters["b1"]}, 0.1
        ),
        "predictions": lambda: accuracy(predict(one.X, one.parameters), other.Y),
    }
    for name, call in calls.items():
        with pytest.raises(DeviceError) as caught:
            call()
        message = str(caught.value)
        assert message.startswith(f"{name.strip()} is on {here} but ")
        assert f" is on {there}; put both on one device with place()" in message
        assert isinstance(caught.value, RuntimeError)
    with pytest.raises(DeviceError, match=f"W1 is on {here} but b2 is on {there}"):
        device_of(mixed)


def test_every_registered_backend_is_listed():
    assert backend_names()[0] == "numpy"
    assert {"numpy", "cupy", "strict"} <= set(backend_names())
