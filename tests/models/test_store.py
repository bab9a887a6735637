"""The model file through the library: what goes in comes out, and nothing else is in it."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portable_dnn import initialize_parameters_deep
from portable_dnn.arrays.devices import choose_device, device_of, place, to_host
from portable_dnn.arrays.holding import holding_of
from portable_dnn.errors import DataError, DeviceError, OutputError
from portable_dnn.models.model import Model
from portable_dnn.models.store import FORMAT_VERSION, load_model, save_model

NAMES = ("relu", "leaky_relu", "leaky_relu:0.25", "tanh", "sigmoid")


def make(layers=(3, 2), shape=(4, 4, 3), dtype="float64", names=("non-cat", "cat"), hidden=None):
    n_x = shape[0] * shape[1] * shape[2]
    return Model(
        initialize_parameters_deep((n_x, *layers, 1), method="he", dtype=dtype),
        ("relu",) * len(layers) if hidden is None else hidden,
        names,
        shape,
        {"settings": {"learning_rate": 0.1}, "made": "in a test"},
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.h5"


def same(first, second):
    assert list(first) == list(second)
    for name, array in first.items():
        assert array.dtype == second[name].dtype
        assert array.shape == second[name].shape
        assert array.tobytes() == second[name].tobytes()


@st.composite
def models(draw):
    layers = draw(st.lists(st.integers(1, 5), max_size=4))
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    name = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
    model = make(
        tuple(layers),
        shape,
        dtype,
        tuple(draw(st.lists(name, min_size=2, max_size=2, unique=True))),
        tuple(draw(st.sampled_from(NAMES)) for _ in layers),
    )
    width = 32 if dtype == "float32" else 64
    values = st.floats(allow_nan=False, allow_infinity=False, width=width)
    for array in model.parameters.values():
        array.flat[0] = draw(values)
    return model


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(model=models())
def test_round_trip(path, model):
    save_model(model, path)
    loaded = load_model(path)
    same(loaded.parameters, model.parameters)
    assert loaded.hidden == model.hidden
    assert loaded.class_names == model.class_names
    assert loaded.image_shape == model.image_shape
    assert loaded.provenance == model.provenance
    assert loaded.layer_dims == model.layer_dims
    assert loaded.dtype == model.dtype


def test_from_and_to_every_device(path, device):
    model = make()
    there = Model(place(model.parameters, device), *list(vars(model).values())[1:])
    save_model(there, path)
    same(load_model(path).parameters, model.parameters)
    loaded = load_model(str(path), device)
    assert device_of(loaded.parameters) == device
    same(to_host(loaded.parameters), model.parameters)


def test_the_file_is_the_same_from_every_device(tmp_path, device):
    model = make()
    save_model(model, tmp_path / "host.h5")
    there = Model(place(model.parameters, device), *list(vars(model).values())[1:])
    save_model(there, tmp_path / "device.h5")
    assert (tmp_path / "host.h5").read_bytes() == (tmp_path / "device.h5").read_bytes()


def test_the_file_describes_itself(path):
    save_model(make(dtype="float32", hidden=("relu", "leaky_relu:0.25")), path)
    with h5py.File(path, "r") as file:
        found = dict(file.attrs)
        provenance = json.loads(found.pop("provenance"))
        assert {key: np.asarray(value).tolist() for key, value in found.items()} == {
            "format": b"portable_dnn model",
            "format_version": FORMAT_VERSION,
            "layer_dims": [48, 3, 2, 1],
            "hidden": [b"relu", b"leaky_relu:0.25"],
            "dtype": b"float32",
            "class_names": [b"non-cat", b"cat"],
            "image_shape": [4, 4, 3],
            "pixel_scale": 255.0,
        }
        assert list(file) == ["parameters"]
        assert {name: array.shape for name, array in file["parameters"].items()} == {
            "W1": (3, 48),
            "b1": (3, 1),
            "W2": (2, 3),
            "b2": (2, 1),
            "W3": (1, 2),
            "b3": (1, 1),
        }
    assert provenance == {"settings": {"learning_rate": 0.1}, "made": "in a test"}


def test_the_file_holds_numbers_and_text_only(path):
    save_model(make(), path)
    plain = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING)
    with h5py.File(path, "r") as file:
        for name in file.attrs:
            assert file.attrs.get_id(name).get_type().get_class() in plain, name
        for array in file["parameters"].values():
            assert array.id.get_type().get_class() == h5py.h5t.FLOAT
            assert not array.is_virtual
            assert not array.external
    content = path.read_bytes()
    for trace in (b"numpy.core", b"cnumpy", b"ctypes", b"\x80\x04\x95", b"__reduce__"):
        assert trace not in content


@pytest.mark.parametrize("moment", ["attributes", "arrays", "flush", "rename"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_crash_leaves_the_old_file(path, monkeypatch, moment, error):
    save_model(make(), path)
    before = path.read_bytes()

    def crash(*_arguments, **_options):
        raise error

    owner, name = {
        "attributes": (h5py.AttributeManager, "__setitem__"),
        "arrays": (h5py.Group, "create_dataset"),
        "flush": (os, "fsync"),
        "rename": (type(path), "replace"),
    }[moment]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, crash)
        with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else OutputError):
            save_model(make((5,)), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    save_model(make((5,)), path)
    assert load_model(path).layer_dims == (48, 5, 1)


def test_the_folder_is_missing(tmp_path):
    with pytest.raises(OutputError, match="does not exist; create it first"):
        save_model(make(), tmp_path / "missing" / "model.h5")


def test_a_newer_version_is_refused_before_anything_else_is_read(path):
    with h5py.File(path, "w") as file:
        file.attrs["format"] = np.bytes_(b"portable_dnn model")
        file.attrs["format_version"] = FORMAT_VERSION + 1
    with pytest.raises(DataError, match=r"newer than version 1 .*: upgrade portable_dnn$"):
        load_model(path)


def test_an_unknown_device(path):
    save_model(make(), path)
    with pytest.raises(DeviceError, match="unknown device 'gpu'"):
        load_model(path, "gpu")


DAMAGE = """
import sys
from pathlib import Path
from portable_dnn.errors import DataError
from portable_dnn.models.store import load_model

path = Path(sys.argv[1])
whole = path.read_bytes()
for place in range(8, len(whole), 61):
    damaged = bytearray(whole)
    damaged[place] ^= 0xFF
    path.write_bytes(damaged)
    try:
        assert load_model(path).layer_dims == (12, 2, 1)
    except DataError as error:
        print(error)
"""


def test_every_damage_is_a_data_error(path):
    save_model(make((2,), (2, 2, 3)), path)
    # In a process of its own, because the HDF5 library might crash on such files.
    run = subprocess.run(
        [sys.executable, "-c", DAMAGE, str(path)], capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    messages = run.stdout.splitlines()
    assert len(messages) > 10
    assert all(str(path) in message for message in messages)


def test_a_copy_for_which_there_is_no_memory_is_not_made(default_device, path, monkeypatch):
    device = choose_device(default_device)
    save_model(make(), path)
    monkeypatch.setattr(device.backend, "free_memory", lambda name: 100)
    if holding_of(device).shares_host:
        assert load_model(path, device).parameters
        return
    with pytest.raises(DataError, match=rf"^on {device}, the parameters of .*model\.h5 make "):
        load_model(path, device)
