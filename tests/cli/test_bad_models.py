"""Model files that cannot be used, through every command that reads one."""

import h5py
import numpy as np
import pytest

TEXT = "S32"  # of fixed length, as save_model writes it


@pytest.fixture(params=["evaluate", "predict", "summary"])
def refused_by(request, refused, data, picture):
    """Return a function that gives a model file to one of the commands."""
    rest = {"evaluate": [data], "predict": [picture, "--json"], "summary": []}[request.param]

    def give(path):
        said = refused(request.param, path, *rest)
        assert str(path) in said
        return said

    return give


def attribute(name, value):
    def change(file):
        if value is None:
            del file.attrs[name]
        else:
            file.attrs[name] = np.bytes_(value.encode()) if isinstance(value, str) else value

    return change


def parameter(name, value):
    def change(file):
        del file["parameters"][name]
        if value is not None:
            file["parameters"][name] = value

    return change


def values(name, index, value):
    def change(file):
        file["parameters"][name][index] = value

    return change


def cast(*names, dtype):
    def change(file):
        for name in names:
            array = file["parameters"][name][()].astype(dtype)
            parameter(name, array)(file)

    return change


def test_the_undamaged_file_is_good(succeeds, model, data, picture):
    succeeds("evaluate", model, data)
    succeeds("predict", model, picture)
    succeeds("summary", model)


def test_missing(refused_by):
    assert "does not exist; give the path of a model file" in refused_by("nowhere.h5")


def test_a_data_set(refused_by, data):
    said = refused_by(data)
    assert "is HDF5 but not a model of portable_dnn" in said
    assert "train_set_x" in said


def test_a_text_file(refused_by, folder):
    (folder / "model.h5").write_text("weights: none", encoding="utf-8")
    assert "is not an HDF5 file" in refused_by("model.h5")


def test_an_empty_hdf5_file(refused_by, folder):
    h5py.File(folder / "model.h5", "w").close()
    assert "it holds nothing" in refused_by("model.h5")


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated(refused_by, model, share):
    content = model.read_bytes()
    model.write_bytes(content[: int(len(content) * share)])
    assert "truncated" in refused_by(model)


@pytest.mark.parametrize("version", [2, 10**6])
def test_a_newer_format_version(refused_by, damaged_model, version):
    said = refused_by(damaged_model(attribute("format_version", version)))
    assert f"format version {version}, newer than version 1" in said
    assert "upgrade portable_dnn" in said


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", True, np.array([1, 2]), h5py.Empty("i8")])
def test_an_odd_format_version(refused_by, damaged_model, version):
    said = refused_by(damaged_model(attribute("format_version", version)))
    assert "format_version" in said
    assert "np.int64" not in said  # written for people


@pytest.mark.parametrize(
    "name",
    [
        *("format", "format_version", "layer_dims", "hidden", "dtype"),
        *("class_names", "image_shape", "pixel_scale", "provenance"),
    ],
)
def test_a_missing_attribute(refused_by, damaged_model, name):
    said = refused_by(damaged_model(attribute(name, None)))
    assert name in said or "not a model" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", 3),
        ("format", np.array(["portable_dnn model", "x"], TEXT)),
        ("layer_dims", [48, 3, 1]),
        ("layer_dims", [48.0, 3.0, 2.0, 1.0]),
        ("layer_dims", "48,3,2,1"),
        ("layer_dims", 48),
        ("layer_dims", h5py.Empty("i8")),
        ("layer_dims", np.zeros((2, 2), int)),
        ("hidden", np.array(["relu"], TEXT)),
        ("hidden", np.array(["relu", "gelu"], TEXT)),
        ("hidden", "relu"),
        ("hidden", [1, 2]),
        ("hidden", h5py.Empty("f")),
        ("class_names", np.array(["cat"], TEXT)),
        ("class_names", np.array(["a", "b", "c"], TEXT)),
        ("class_names", "cat"),
        ("class_names", [0.0, 1.0]),
        ("class_names", h5py.Empty("S1")),
        ("image_shape", [4, 4]),
        ("image_shape", [4, 3, 4, 1]),
        ("image_shape", [8, 8, 3]),
        ("image_shape", [-4, -4, 3]),
        ("image_shape", [2**62, 2**62, 3]),
        ("image_shape", [4.0, 4.0, 3.0]),
        ("image_shape", "4x4"),
        ("pixel_scale", 1.0),
        ("pixel_scale", "255"),
        ("pixel_scale", [255.0, 255.0]),
        ("pixel_scale", np.nan),
        ("pixel_scale", h5py.Empty("f8")),
        ("dtype", "float32"),
        ("dtype", 8),
        ("provenance", "no JSON"),
        ("provenance", "[1]"),
        ("provenance", 3),
        ("provenance", "[" * 60_000),
        ("provenance", h5py.Empty("S1")),
        ("provenance", np.array(["{}", "{}"], TEXT)),
        ("provenance", np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")])),
    ],
)
def test_an_attribute_that_does_not_fit(refused_by, damaged_model, name, value):
    said = refused_by(damaged_model(attribute(name, value)))
    spoken = {"hidden": "activation", "format": "model", "class_names": "class names"}
    assert spoken.get(name, name) in said or name in said


@pytest.mark.parametrize("name", ["format", "hidden", "class_names", "dtype", "provenance"])
def test_text_of_variable_length(refused_by, damaged_model, name):
    # It lies in a heap, and one wrong byte there keeps the HDF5 library busy for ever.
    said = refused_by(damaged_model(lambda file: file.attrs.__setitem__(name, "text")))
    assert name in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (parameter("W2", np.zeros((2, 4))), "W2 has shape (2, 4), but layer 1 gives 3 units"),
        (parameter("b2", np.zeros((3, 1))), "b2 has shape (3, 1), but W2 has 2 rows"),
        (parameter("b2", np.zeros(2)), "b2 has shape (2,)"),
        (parameter("W3", np.zeros((2, 2))), "b3"),
        (parameter("W1", np.zeros((3, 4, 12))), "W1 has shape (3, 4, 12)"),
        (parameter("W1", np.zeros((0, 48))), "W1 has shape (0, 48)"),
        (parameter("W1", 3.0), "W1 has shape ()"),
        (parameter("W2", None), "W1, b1"),
        (parameter("W1", h5py.Empty("f8")), "W1"),
        (lambda file: file["parameters"].create_dataset("W9", data=[[1.0]]), "W9"),
        (lambda file: file["parameters"].clear(), "parameters"),
        (lambda file: file.__delitem__("parameters"), "lacks the group parameters"),
        (
            lambda file: (file.__delitem__("parameters"), file.__setitem__("parameters", [1.0])),
            "parameters is an array; it must be a group",
        ),
        (values("W1", (2, 40), np.nan), "W1 holds NaN or infinity"),
        (values("b3", (0, 0), np.inf), "b3 holds NaN or infinity"),
        (cast("W1", "b1", dtype="f2"), "W1 has dtype float16"),
        (cast("W2", dtype="i8"), "W2 has dtype int64"),
        (cast("W2", dtype="c16"), "W2 holds neither numbers nor plain text"),
        (cast("W2", dtype="f4"), "W2 is float32 but W1 is float64"),
        (parameter("W2", np.full((2, 3), b"x")), "W2 has dtype"),
        (parameter("W2", h5py.SoftLink("/parameters/W1")), "W2 is a link"),
        (parameter("W2", h5py.ExternalLink("other.h5", "W2")), "W2 is a link"),
        (lambda file: file["parameters"].move("W2", "U2"), "U2"),
    ],
)
def test_parameters(refused_by, damaged_model, change, said):
    assert said in refused_by(damaged_model(change))


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_model_of_grey_pictures(refused, damaged_model, data, picture, command):
    # The library may have trained it, but the files that the commands read have colours.
    model = damaged_model(attribute("image_shape", [1, 48, 1]))
    said = refused(command, model, data if command == "evaluate" else picture)
    assert "3 channels" in said
    assert "1 x 48 with 1 channel" in said


def test_two_outputs_for_two_classes(refused_by, damaged_model):
    def change(file):
        parameter("W3", np.zeros((2, 2)))(file)
        parameter("b3", np.zeros((2, 1)))(file)
        file.attrs["layer_dims"] = [48, 3, 2, 2]

    assert "2 outputs" in refused_by(damaged_model(change))


@pytest.mark.parametrize("kind", [h5py.SoftLink("/real"), h5py.ExternalLink("other.h5", "/real")])
def test_the_group_is_a_link(refused_by, damaged_model, kind):
    def change(file):
        file.move("parameters", "real")
        file["parameters"] = kind

    assert "parameters" in refused_by(damaged_model(change))


@pytest.mark.parametrize("side", [4, 2**20])
def test_a_huge_declared_shape(refused_by, damaged_model, side):
    features = 3 * (2**20) ** 2

    def change(file):
        parameter("W1", None)(file)
        file["parameters"].create_dataset("W1", (3, features), "f8", chunks=(3, 1024))
        file.attrs["layer_dims"] = [features, 3, 2, 1]
        file.attrs["image_shape"] = [side, side, 3]

    said = refused_by(damaged_model(change))
    assert ("of memory are free" if side > 4 else f"W1 takes {features} features") in said


def test_a_virtual_array(refused_by, damaged_model):
    def change(file):
        parameter("W2", None)(file)
        layout = h5py.VirtualLayout((2, 3), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "x", (2, 3))
        file["parameters"].create_virtual_dataset("W2", layout)

    assert "virtual" in refused_by(damaged_model(change))


def test_a_class_name_cannot_steer_the_terminal(damaged_model, portable_dnn_command, picture):
    names = np.array(["\x1b[31mcat\n", "\x1b]0;title\x07"], TEXT)
    outcome = portable_dnn_command(
        "predict", damaged_model(attribute("class_names", names)), picture
    )
    assert "\x1b" not in outcome.out + outcome.err
    assert "\x07" not in outcome.out + outcome.err
    assert len(outcome.lines) in (0, 2)
