"""Files that are whole, but open elsewhere or left marked by a program that was killed."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from portable_dnn.data import read_dataset
from portable_dnn.errors import DataError
from portable_dnn.files.hdf5 import file as hdf5_file
from portable_dnn.models.store import load_model

READERS = {"data": read_dataset, "model": load_model}
# Opens a file, marks it as being written if asked, says so, and waits or dies.
HOLDER = """
import os, sys, h5py
path, swmr, end = sys.argv[1:]
file = h5py.File(path, "a", libver="latest")
if swmr == "swmr":
    file.swmr_mode = True
file.flush()
print("open", flush=True)
os._exit(1) if end == "dies" else sys.stdin.read()
"""


@pytest.fixture(params=READERS)
def reader(request):
    return READERS[request.param]


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w", libver="latest") as file:
        file["train_set_x"] = np.zeros((2, 3, 3, 3), np.uint8)
        file["train_set_y"] = [1, 0]
    return tmp_path / "x.h5"


def holder(path, swmr, end):
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, swmr, end],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def refusal(reader, path):
    with pytest.raises(DataError) as refused:
        reader(path)
    assert "damaged" not in str(refused.value)
    assert str(path) in str(refused.value)
    return str(refused.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks with other words")
def test_a_file_that_another_program_has_open(reader, path):
    with holder(path, "no", "waits") as process:
        process.stdout.readline()
        try:
            said = refusal(reader, path)
        finally:
            process.communicate()
    assert "is open in another program" in said
    assert "HDF5_USE_FILE_LOCKING=FALSE" in said
    # Closed there, it is read, or refused for what it is.
    if reader is read_dataset:
        assert reader(path).train.labels.tolist() == [1, 0]


def test_a_file_that_a_killed_program_left_marked(reader, path):
    with holder(path, "swmr", "dies") as process:
        process.communicate()
    said = refusal(reader, path)
    assert "is marked as being written" in said
    assert f"h5clear -s {path}" in said


@pytest.mark.parametrize("number", [37, 38, 95])
def test_a_file_system_without_locks(reader, path, monkeypatch, number):
    def fails(*_arguments, **_more):
        raise OSError(number, f"Unable to open file (unable to lock file, errno = {number})")

    monkeypatch.setattr(hdf5_file.h5py, "File", fails)
    said = refusal(reader, path)
    assert "cannot be locked where it lies" in said
    assert "HDF5_USE_FILE_LOCKING=FALSE" in said
