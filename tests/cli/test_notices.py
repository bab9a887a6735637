"""What a run tells its user is shown, whatever Python was told of warnings, and ends no run."""

import errno
import os
import warnings

import numpy as np
import pytest
from PIL import Image

from portable_dnn.checkpoints import writer
from portable_dnn.data import read_picture

TRAIN = ("train", "data.h5", "--layers", "3,2", "--iterations", 40, "--device", "cpu")
KEPT = (*TRAIN, "--out", "m.h5", "--checkpoint-every", 10)


@pytest.fixture(params=["ignore", "error", "default"], autouse=True)
def told(request, data):
    """What PYTHONWARNINGS says."""
    warnings.simplefilter(request.param)


def test_of_the_start(portable_dnn_command):
    outcome = portable_dnn_command(*TRAIN, "--init", "zeros")
    assert outcome.code == 0
    (line,) = outcome.err.splitlines()
    assert line.startswith("portable-dnn: warning: with zeros, all units of a layer compute the")


def test_of_checkpoints_that_cannot_be_written(portable_dnn_command, monkeypatch, folder):
    def read_only(*_arguments):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(writer, "replace_bytes", read_only)
    outcome = portable_dnn_command(*KEPT)
    assert outcome.code == 0
    assert outcome.err.startswith("portable-dnn: warning: no checkpoint can be written beside m.h5")
    assert (folder / "m.h5").exists()


def test_of_a_damaged_checkpoint(portable_dnn_command, folder):
    portable_dnn_command(*KEPT)
    newest = max(folder.glob("m.h5.checkpoint-*"))
    newest.write_bytes(newest.read_bytes()[:-9])
    outcome = portable_dnn_command(*KEPT, "--resume")
    assert outcome.code == 0
    assert f"{newest.name} is damaged" in outcome.err
    assert "30 of 40 iterations are done" in outcome.out


def test_of_other_class_names(portable_dnn_command, folder):
    import h5py

    portable_dnn_command(*TRAIN, "--out", "m.h5")
    with h5py.File(folder / "data.h5", "r+") as file:
        del file["list_classes"]
        file["list_classes"] = np.array([b"dog", b"fox"])
    outcome = portable_dnn_command("evaluate", "m.h5", "data.h5")
    assert outcome.code == 0
    assert "'dog' and 'fox'" in outcome.err


def odd_picture(folder):
    """Write a picture with metadata that Pillow warns of."""
    exif = Image.Exif()
    exif[0x0112] = 1
    exif[0x010E] = "a description"
    Image.new("RGB", (4, 4)).save(folder / "odd.jpg", exif=exif.tobytes()[:-8])
    return folder / "odd.jpg"


def test_but_not_of_a_pictures_oddities(portable_dnn_command, folder, model):
    outcome = portable_dnn_command("predict", model, odd_picture(folder))
    assert (outcome.code, outcome.err) == (0, "")


def test_reading_pictures_leaves_the_filters_of_the_process_alone(folder, monkeypatch):
    """Threads that set and restore them would leave them as another had set them."""
    warnings.simplefilter("ignore")

    def forbidden(*_arguments, **_options):
        raise AssertionError

    monkeypatch.setattr(warnings, "catch_warnings", forbidden)
    monkeypatch.setattr(warnings, "simplefilter", forbidden)
    assert read_picture(odd_picture(folder), 4).shape == (4, 4, 3)
