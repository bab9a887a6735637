"""Data files that cannot be used, through every command that reads one."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

GOOD = {
    "train_set_x": np.zeros((3, 4, 4, 3), np.uint8),
    "train_set_y": np.array([0, 1, 0]),
    "test_set_x": np.zeros((2, 4, 4, 3), np.uint8),
    "test_set_y": np.array([0, 1]),
    "list_classes": np.array([b"non-cat", b"cat"]),
}
FLOATS = np.zeros((3, 4, 4, 3))


def floats_with(value):
    values = FLOATS.copy()
    values[2, 3, 1, 0] = value
    return values


@pytest.fixture(params=["train", "evaluate", "sweep", "info"])
def refused_by(request, refused, model):
    """Return a function that gives a data file to one of the commands."""
    commands = {
        "train": lambda path: (
            *("train", path, "--iterations", 3, "--out", "new.h5"),
            *("--history", "h.json", "--plots", "plots"),
        ),
        "evaluate": lambda path: ("evaluate", model, path),
        "sweep": lambda path: ("sweep", path, "--iterations", 3, "--out", "new.h5"),
        "info": lambda path: ("data", "info", path),
    }
    return lambda path: refused(*commands[request.param](path))


@pytest.fixture
def bad(folder):
    """Return a function that writes a good data file but for what it is given."""

    def write(**changes):
        with h5py.File(folder / "bad.h5", "w") as file:
            for key, values in {**GOOD, **changes}.items():
                if values is not None:
                    file[key] = values
        return folder / "bad.h5"

    return write


def test_the_unchanged_file_is_good(succeeds, bad):
    succeeds("train", bad(), "--iterations", 1, "--layers", "2")
    floats = bad(train_set_x=floats_with(0.5), test_set_x=FLOATS[:2])
    succeeds("train", floats, "--iterations", 1, "--layers", "2")


def test_missing(refused_by):
    assert "nowhere.h5 does not exist" in refused_by("nowhere.h5")


def test_a_folder(refused_by, folder):
    (folder / "sub").mkdir()
    assert "sub is a folder" in refused_by("sub")


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x00" * 5000])
def test_not_hdf5(refused_by, folder, content):
    (folder / "bad.h5").write_bytes(content)
    assert "bad.h5 is not an HDF5 file" in refused_by("bad.h5")


def test_truncated(refused_by, make_data):
    path = make_data(size=40)
    path.write_bytes(path.read_bytes()[:20000])
    assert "truncated" in refused_by(path)


def test_without_the_keys(refused_by, folder):
    with h5py.File(folder / "bad.h5", "w") as file:
        file["x"] = [1]
    said = refused_by("bad.h5")
    assert "train_set_x" in said
    assert "found x" in said


def test_half_a_set(refused_by, bad):
    assert "no train_set_y" in refused_by(bad(train_set_y=None))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train_set_x": np.zeros((3, 48), np.uint8)}, "train_set_x has shape (3, 48)"),
        ({"train_set_x": np.zeros((3, 4, 4, 1), np.uint8)}, "train_set_x has shape (3, 4, 4, 1)"),
        ({"test_set_x": np.uint8(7)}, "test_set_x has shape ()"),
        ({"train_set_y": np.zeros((3, 1))}, "train_set_y has shape (3, 1)"),
        ({"train_set_y": np.int64(1)}, "train_set_y has shape ()"),
        ({"train_set_x": GOOD["train_set_x"][:0], "train_set_y": GOOD["train_set_y"][:0]}, "empty"),
        ({"test_set_x": np.zeros((2, 0, 4, 3), np.uint8)}, "empty"),
        ({"train_set_x": h5py.Empty("u1")}, "train_set_x is empty"),
        ({"train_set_y": np.array([0, 2, 1])}, "train_set_y[1] is 2; labels must be 0 or 1"),
        ({"train_set_y": np.array([0, 1, -1])}, "train_set_y[2] is -1"),
        ({"test_set_y": np.array([0.5, 1.0])}, "test_set_y[0] is 0.5"),
        ({"train_set_y": np.array([0, np.nan, 1])}, "train_set_y[1] is nan"),
        ({"train_set_y": np.array([0, 1])}, "3 pictures, but train_set_y has 2 labels"),
        ({"test_set_y": np.array([[0, 1, 1]])}, "2 pictures, but test_set_y has 3 labels"),
        ({"train_set_x": floats_with(np.nan)}, "train_set_x[2, 3, 1, 0] is nan"),
        ({"train_set_x": floats_with(np.inf)}, "train_set_x[2, 3, 1, 0] is inf"),
        ({"train_set_x": floats_with(-np.inf)}, "train_set_x[2, 3, 1, 0] is -inf"),
        ({"train_set_x": floats_with(2.0)}, "must have values from 0 to 1"),
        ({"train_set_x": GOOD["train_set_x"] + np.int64(256)}, "must have values from 0 to 255"),
        ({"train_set_x": np.full((3, 4, 4, 3), b"x")}, "must hold numbers"),
        ({"train_set_y": np.array([b"a", b"b", b"c"])}, "must hold numbers"),
        ({"train_set_x": h5py.SoftLink("/test_set_x")}, "train_set_x is a link"),
        ({"train_set_x": h5py.ExternalLink("other.h5", "x")}, "train_set_x is a link"),
        ({"test_set_x": np.zeros((2, 5, 4, 3), np.uint8)}, "test pictures are 5 x 4"),
    ],
)
def test_content(refused_by, bad, changes, said):
    path = bad(**changes)
    found = refused_by(path)
    assert str(path) in found
    assert said in found


@pytest.mark.parametrize("shape", [(2**31, 1024, 1024, 3), (3, 2**40, 2**20, 3)])
def test_more_than_the_memory(refused_by, bad, shape):
    path = bad(train_set_x=None, train_set_y=None, test_set_x=None, test_set_y=None)
    with h5py.File(path, "r+") as file:
        file.create_dataset("train_set_x", shape, "u1", chunks=(1, 64, 64, 3))
        file.create_dataset("train_set_y", shape[:1], "u1", chunks=(1,))
    assert path.stat().st_size < 100_000
    said = refused_by(path)
    assert "memory" in said
    assert "GB" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "bad.h5"),
        ("sweep", "bad.h5"),
        ("evaluate", "model.h5", "bad.h5"),
        ("evaluate", "bad.h5"),
        ("predict", "bad.h5", "bad.h5"),
        ("predict", "model.h5", "bad.h5"),
        ("summary", "bad.h5"),
        ("compare", "--backend", "numpy", "--data", "bad.h5"),
        ("data", "info", "bad.h5"),
        ("data", "import", "bad.h5", "--out", "n.h5"),
    ],
)
def test_a_file_that_may_not_be_read_is_refused_in_one_sentence(
    portable_dnn_command, model, folder, monkeypatch, arguments
):
    # Simulated, because the superuser may read everything; asked beforehand, the system says no.
    (folder / "bad.h5").write_bytes(b"x" * 100)
    real = Path.open

    def denied(path, *more, **options):
        if path.name == "bad.h5":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *more, **options)

    monkeypatch.setattr(Path, "open", denied)
    monkeypatch.setattr(os, "access", lambda *_arguments, **_options: False)
    outcome = portable_dnn_command(*arguments)
    assert outcome.code == 2
    (line,) = outcome.err.splitlines()
    assert line.startswith("portable-dnn: error: ")
    assert "bad.h5" in line


def test_a_key_with_a_line_break(refused_by, folder):
    with h5py.File(folder / "bad.h5", "w") as file:
        file["x\nportable-dnn: all is well\x1b[2J"] = [1]
    said = refused_by("bad.h5")
    assert "\x1b" not in said


def test_a_file_without_training_pictures(refused, make_data):
    path = make_data(train=0)
    for command in ("train", "sweep"):
        assert "no training pictures" in refused(command, path, "--iterations", 1, "--out", "n.h5")


# ---- the two sets together ----------------------------------------------------------------------


def test_test_pictures_of_another_size_in_a_second_file(refused, data, make_data):
    said = refused("train", data, "--test", make_data("t.h5", train=0, size=5), "--iterations", 1)
    assert "4 x 4" in said
    assert "5 x 5" in said


def test_a_second_file_without_a_test_set(refused, data, make_data):
    said = refused("train", data, "--test", make_data("t.h5", test=0), "--iterations", 1)
    assert "test_set_x" in said


def test_a_second_file_that_is_missing(refused, data):
    assert "t.h5 does not exist" in refused("train", data, "--test", "t.h5", "--iterations", 1)


def test_a_second_file_of_other_classes(refused, data, bad):
    other = bad(list_classes=np.array([b"dog", b"cat"]))
    assert "class names differ" in refused("train", data, "--test", other, "--iterations", 1)


def test_a_test_set_without_a_training_set(refused, data):
    assert "--test needs a data file" in refused("train", "--test", data, "--iterations", 1)


def test_pictures_of_another_size_than_the_models(refused, model, make_data):
    said = refused("evaluate", model, make_data("five.h5", size=5))
    assert "5 x 5" in said
    assert "4 x 4" in said


def test_the_built_in_pictures_are_of_another_size_than_the_models(refused, model):
    assert "64 x 64" in refused("evaluate", model)


def test_the_models_classes_the_other_way_round(refused, model, bad):
    # Right and wrong would be counted against the wrong names.
    swapped = bad(list_classes=np.array([b"cat", b"non-cat"]))
    assert "the labels would mean the opposite" in refused("evaluate", model, swapped)


@pytest.mark.filterwarnings("default")
def test_other_classes_than_the_models(portable_dnn_command, model, bad):
    outcome = portable_dnn_command("evaluate", model, bad(list_classes=np.array([b"0", b"1"])))
    assert outcome.code == 0
    (line,) = outcome.err.splitlines()
    assert line.startswith("portable-dnn: warning: class 0 and class 1 are 'non-cat' and 'cat'")


@pytest.mark.parametrize(
    "names",
    [[b"cat", b"cat"], [b"", b"cat"], [b"\x1b[2J", b"cat"], [b"a\nb", b"cat"], [b"\xff", b"c"]],
)
def test_class_names_that_cannot_be_shown_are_left_out_aloud(succeeds, bad, names):
    outcome = succeeds("data", "info", bad(list_classes=np.array(names)))
    assert "2 0, 1 1" in outcome.lines[1]
    assert "\x1b" not in outcome.out
    assert any(line.startswith("note     ") and "called 0 and 1" in line for line in outcome.lines)


def test_damaged_text_of_variable_length(folder, bad):
    # Such text lies in a heap, and one wrong byte there keeps the HDF5 library busy for ever.
    path = bad(list_classes=["non-cat", "cat"])
    content = bytearray(path.read_bytes())
    content[content.index(b"GCOL") + 24] ^= 0xFF
    path.write_bytes(content)
    run = subprocess.run(
        [sys.executable, "-m", "portable_dnn", "data", "info", path],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "list_classes holds text of variable length" in run.stdout
