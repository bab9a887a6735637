"""Models as safetensors: the same as in HDF5, the same bytes, and the same checks."""

import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portable_dnn import initialize_parameters_deep
from portable_dnn.arrays.devices import device_of, place
from portable_dnn.errors import DataError, OutputError
from portable_dnn.machine.limits import MOST_HEADER_BYTES
from portable_dnn.models.model import Model
from portable_dnn.models.store import load_model, save_model

NAMES = ("relu", "leaky_relu", "leaky_relu:0.25", "tanh", "sigmoid")


def make(layers=(3, 2), shape=(4, 4, 3), dtype="float64", names=("non-cat", "cat"), hidden=None):
    n_x = shape[0] * shape[1] * shape[2]
    return Model(
        initialize_parameters_deep((n_x, *layers, 1), method="he", dtype=dtype),
        ("relu",) * len(layers) if hidden is None else hidden,
        names,
        shape,
        {"settings": {"learning_rate": 0.1}, "made": "in a test", "list": [1, None, "ä"]},
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def same(first, second):
    assert list(first.parameters) == list(second.parameters)
    for name, array in first.parameters.items():
        other = second.parameters[name]
        assert (array.dtype, array.shape) == (other.dtype, other.shape)
        assert np.asarray(array).tobytes() == np.asarray(other).tobytes()
    for name in ("hidden", "class_names", "image_shape", "provenance", "layer_dims", "dtype"):
        assert getattr(first, name) == getattr(second, name)


@st.composite
def models(draw):
    layers = tuple(draw(st.lists(st.integers(1, 5), max_size=4)))
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    name = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
    names = tuple(draw(st.lists(name, min_size=2, max_size=2, unique=True)))
    hidden = tuple(draw(st.sampled_from(NAMES)) for _ in layers)
    model = make(layers, shape, dtype, names, hidden)
    values = st.floats(allow_nan=False, allow_infinity=False, width=int(dtype[-2:]))
    for array in model.parameters.values():
        array.flat[0] = draw(values)
    return model


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(model=models())
def test_round_trip_of_both_kinds_and_between_them(tmp_path, model):
    first, second, third = (tmp_path / f"{n}" for n in ("1.safetensors", "2.h5", "3.safetensors"))
    save_model(model, first)
    same(load_model(first), model)
    save_model(load_model(first), second)
    same(load_model(second), model)
    save_model(load_model(second), third)
    assert third.read_bytes() == first.read_bytes()


def test_from_and_to_every_device(path, device):
    model = make()
    save_model(Model(place(model.parameters, device), *list(vars(model).values())[1:]), path)
    same(load_model(path), model)
    assert device_of(load_model(path, device).parameters) == device


def test_arrays_of_any_layout(path):
    model = make()
    turned = {name: np.asfortranarray(array) for name, array in model.parameters.items()}
    turned["W1"] = np.repeat(model.parameters["W1"], 2, axis=1)[:, ::2]
    save_model(Model(turned, *list(vars(model).values())[1:]), path)
    same(load_model(path), model)


def test_the_same_bytes_from_every_process(path, tmp_path):
    save_model(make(), tmp_path / "model.h5")
    save_model(make(), path)
    code = (
        "import sys; from portable_dnn import load_model, save_model\n"
        "save_model(load_model(sys.argv[1]), sys.argv[2])"
    )
    for number in range(3):
        other = tmp_path / f"{number}.safetensors"
        subprocess.run([sys.executable, "-c", code, tmp_path / "model.h5", other], check=True)
        assert other.read_bytes() == path.read_bytes()


def test_the_file_describes_itself_to_anyone(path):
    save_model(make(dtype="float32"), path)
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    described = json.loads(header.pop("__metadata__")["portable_dnn"])
    assert described == {
        "format": "portable_dnn model",
        "format_version": 1,
        "layer_dims": [48, 3, 2, 1],
        "hidden": ["relu", "relu"],
        "dtype": "float32",
        "class_names": ["non-cat", "cat"],
        "image_shape": [4, 4, 3],
        "pixel_scale": 255.0,
        "provenance": dict(make().provenance),
    }
    assert {name: (entry["dtype"], entry["shape"]) for name, entry in header.items()} == {
        "W1": ("F32", [3, 48]),
        "b1": ("F32", [3, 1]),
        "W2": ("F32", [2, 3]),
        "b2": ("F32", [2, 1]),
        "W3": ("F32", [1, 2]),
        "b3": ("F32", [1, 1]),
    }


def test_the_kind_is_told_by_the_content_too(path):
    save_model(make(), path)
    renamed = path.rename(path.with_suffix(".model"))
    same(load_model(renamed), make())


def test_the_suffix_in_any_case(tmp_path):
    save_model(make(), tmp_path / "MODEL.SafeTensors")
    assert (tmp_path / "MODEL.SafeTensors").read_bytes()[8:9] == b"{"


# ---- what is refused ----------------------------------------------------------------------------


def refused(path, said):
    with pytest.raises(DataError) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def damage(path, change):
    """Change the header of a good file: a function of the header and of the description."""
    save_model(make(), path)
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    described = json.loads(header["__metadata__"]["portable_dnn"])
    change(header, described)
    if "__metadata__" in header:
        header["__metadata__"]["portable_dnn"] = json.dumps(described)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    return path


def entry(name, value):
    return lambda _, described: described.__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (entry("format", "something"), "is a safetensors file but not a model of portable_dnn"),
        (entry("format_version", 2), "format version 2, newer than version 1"),
        (entry("format_version", True), "format_version is True"),
        (entry("format_version", None), "format_version is None"),
        (entry("layer_dims", [48, 3, 1]), "layer_dims is [48, 3, 1]"),
        (entry("layer_dims", [48.0, 3, 2, 1]), "layer_dims is [48.0"),
        (entry("layer_dims", [[48]]), "layer_dims is [[48]]"),
        (entry("hidden", ["relu"]), "activation"),
        (entry("hidden", ["relu", "gelu"]), "gelu"),
        (entry("hidden", ["relu", 1]), "activation"),
        (entry("hidden", {"relu": 1}), "activation"),
        (entry("class_names", ["a"]), "class names"),
        (entry("class_names", ["a", "\x1b[2J"]), "cannot be shown"),
        (entry("class_names", ["a", "\ud800"]), "cannot be shown"),
        (entry("image_shape", [2**70, 1, 1]), "image_shape is"),
        (entry("image_shape", [-4, -4, 3]), "image_shape is"),
        (entry("pixel_scale", 1.0), "pixel_scale is 1.0"),
        (entry("pixel_scale", [255.0]), "pixel_scale is [255.0]"),
        (entry("dtype", "float32"), "dtype is float32"),
        (entry("provenance", "text"), "provenance is not a JSON object"),
        (lambda _, described: described.pop("hidden"), "lacks the entry hidden"),
        (lambda header, _: header.pop("__metadata__"), "not a model of portable_dnn (it holds W1"),
        (lambda header, _: header["W1"].update(dtype="I64"), "W1 has dtype int64"),
        (lambda header, _: header["W1"].update(dtype="C64"), "W1 has dtype C64"),
        (lambda header, _: header["W1"].update(dtype="F64", shape=[48, 3]), "b1 has shape (3, 1)"),
        (lambda header, _: header["W1"].update(shape=[3, 2**40]), "damaged safetensors"),
        (lambda header, _: header["W1"].update(shape=[2**63, 2]), "damaged safetensors"),
        (lambda header, _: header["W1"].update(data_offsets=[0, 8]), "damaged safetensors"),
        (lambda header, _: header["W1"].update(data_offsets=[8, 0]), "damaged safetensors"),
        (lambda header, _: header["b1"].update(header["b2"]), "damaged safetensors"),
        (lambda header, _: header.update(W9=header.pop("W2")), "W9"),
    ],
)
def test_what_does_not_fit(path, change, said):
    refused(damage(path, change), said)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_numbers(path, value):
    model = make()
    model.parameters["W2"][0, 0] = value
    save_model(model, path)
    refused(path, "W2 holds NaN or infinity")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a safetensors file"),
        (b"\x00" * 8, "or its end is missing"),
        (b"{}", "is not a safetensors file"),
        (struct.pack("<Q", 2) + b"{}", "not a model of portable_dnn (it holds nothing)"),
        (struct.pack("<Q", 2**40) + b"{}", "or its end is missing"),
        (struct.pack("<Q", 100_000) + b"[" * 100_000, "damaged safetensors"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "is not a safetensors file"),
        (b"\x80\x04\x95" + b"pickle" * 100, "is not a safetensors file"),
    ],
)
def test_no_safetensors(path, content, said):
    path.write_bytes(content)
    refused(path, said)


def test_a_long_header_is_not_read(path):
    text = json.dumps({"__metadata__": {"x": "y" * MOST_HEADER_BYTES}}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    refused(path, "has a header of 1.0 MB; at most 1.0 MB are read")


def test_missing_and_folder(tmp_path):
    refused(tmp_path / "no.safetensors", "does not exist; give the path of a model file")
    (tmp_path / "folder.safetensors").mkdir()
    refused(tmp_path / "folder.safetensors", "is a folder")


def test_no_permission(path, monkeypatch):
    # Simulated, because the superuser may read everything.
    save_model(make(), path)

    def denied(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", denied)
    refused(path, "may not be read: permission denied")


def damaged_in_every_way(whole):
    for at in range(0, len(whole), 5):
        yield whole[:at]
        yield whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]


def test_every_damage_is_a_data_error(path):
    save_model(make((2,), (2, 2, 3)), path)
    messages = []
    for damaged in damaged_in_every_way(path.read_bytes()):
        path.write_bytes(damaged)
        try:
            assert load_model(path).layer_dims == (12, 2, 1)
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all(str(path) in message for message in messages)


# ---- what cannot be written ---------------------------------------------------------------------


def with_provenance(provenance):
    return Model(*list(vars(make()).values())[:-1], provenance)


def test_a_provenance_too_long_for_hdf5(tmp_path):
    model = with_provenance({"notes": "x" * 70_000})
    with pytest.raises(OutputError) as caught:
        save_model(model, tmp_path / "model.h5")
    assert str(caught.value) == (
        f"cannot write {tmp_path / 'model.h5'}: its provenance takes 70013 bytes, and HDF5 holds "
        "64000 in an attribute; keep it shorter"
    )
    assert not list(tmp_path.iterdir())
    save_model(model, tmp_path / "model.safetensors")
    assert load_model(tmp_path / "model.safetensors").provenance == model.provenance


def test_the_longest_provenance_that_hdf5_takes(tmp_path):
    model = with_provenance({"notes": "x" * (64_000 - len('{"notes": ""}'))})
    save_model(model, tmp_path / "model.h5")
    assert load_model(tmp_path / "model.h5").provenance == model.provenance


def test_a_provenance_too_long_to_be_read_again(path):
    with pytest.raises(OutputError, match=r"description take 1\.0 MB, and 1\.0 MB are read again"):
        save_model(with_provenance({"notes": "x" * MOST_HEADER_BYTES}), path)
    assert not path.exists()


@pytest.mark.parametrize("suffix", ["h5", "safetensors"])
def test_a_provenance_that_is_no_plain_data(tmp_path, suffix):
    with pytest.raises(OutputError, match="provenance is no plain data for JSON"):
        save_model(with_provenance({"x": object()}), tmp_path / f"model.{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_crash_leaves_the_old_file(path, monkeypatch, moment):
    save_model(make(), path)
    before = path.read_bytes()

    def crash(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    owner = os if moment == "fsync" else type(path)
    with monkeypatch.context() as patch:
        patch.setattr(owner, moment, crash)
        with pytest.raises(OutputError, match="No space left on device"):
            save_model(make((5,)), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
