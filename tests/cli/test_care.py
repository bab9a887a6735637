"""The command line takes care of what the user has: inputs, other plug-ins, the terminal."""

import os

import h5py
import numpy as np
import pytest

from portable_dnn.data import DataSet, ImageSet, write_dataset


@pytest.fixture
def small(tmp_path):
    """Write a data set of four pictures; return its path."""

    def make(name="data.h5", class_names=("non-cat", "cat")):
        images = np.random.RandomState(0).randint(0, 256, (4, 4, 4, 3)).astype(np.uint8)
        part = ImageSet(images, np.array([0, 1, 0, 1]))
        path = tmp_path / name
        write_dataset(DataSet(part, part, class_names, "made"), path)
        return path

    return make


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "data.h5", "--out", "data.h5"),
        ("train", "data.h5", "--test", "test.h5", "--history", "./test.h5"),
        ("train", "data.h5", "--out", "x", "--history", "x"),
        ("sweep", "data.h5", "--out", "data.h5"),
    ],
)
def test_no_output_replaces_an_input_or_another_output(
    portable_dnn_command, small, tmp_path, monkeypatch, arguments
):
    monkeypatch.chdir(tmp_path)
    before = small().read_bytes()
    small("test.h5")
    code, _, err = portable_dnn_command(*arguments, "--iterations", "2")
    assert code == 2
    assert "name another file" in err
    assert (tmp_path / "data.h5").read_bytes() == before


def test_a_link_is_followed_and_a_pipe_refused(portable_dnn_command, small, tmp_path):
    data, target, link = small(), tmp_path / "target.h5", tmp_path / "link.h5"
    link.symlink_to(target)
    assert portable_dnn_command("train", data, "--iterations", "2", "--out", link)[0] == 0
    assert link.is_symlink()
    assert h5py.is_hdf5(target)
    os.mkfifo(tmp_path / "pipe")
    code, _, err = portable_dnn_command(
        "train", data, "--iterations", "2", "--out", tmp_path / "pipe"
    )
    assert (code, "it is not a plain file" in err) == (2, True)


def test_classes_the_other_way_round_are_refused(portable_dnn_command, small, tmp_path):
    model = tmp_path / "model.h5"
    assert portable_dnn_command("train", small(), "--iterations", "2", "--out", model)[0] == 0
    turned = small("turned.h5", ("cat", "non-cat"))
    code, _, err = portable_dnn_command("evaluate", model, turned)
    assert code == 2
    assert "the labels would mean the opposite" in err


def test_sweep_checks_every_point_before_the_first_run(portable_dnn_command, small):
    code, out, err = portable_dnn_command("sweep", small(), "--init", "lecun", "--init", "foo")
    assert (code, out) == (2, "")
    assert "unknown initialization 'foo'" in err


@pytest.mark.parametrize("layers", ["99999999999999999999", "1" * 5000, "100000000"])
def test_layers_that_fit_no_memory(portable_dnn_command, small, layers):
    code, _, err = portable_dnn_command("train", small(), "--layers", f"{layers},{layers}")
    assert code == 2
    assert len(err) < 400


def test_version(portable_dnn_command):
    code, out, _ = portable_dnn_command("--version")
    assert code == 0
    assert out.startswith("portable-dnn ")


def test_a_network_that_died_is_pointed_out(portable_dnn_command, small):
    settings = ("--layers", "3", "--learning-rate", "1e6", "--iterations", "101")
    code, out, _ = portable_dnn_command("train", small(), *settings)
    assert code == 0
    assert "note     layer 1: all units are off for every picture" in out
    assert "note" not in portable_dnn_command("train", small(), "--iterations", "2")[1]
