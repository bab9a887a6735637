"""What is given to `compare --against` and is no report."""

import os
from pathlib import Path

import pytest

from portable_dnn.equivalence.report.file import read_report
from portable_dnn.errors import DataError
from portable_dnn.machine.limits import MOST_REPORT_BYTES


def refused(path):
    with pytest.raises(DataError) as caught:
        read_report(path)
    said = str(caught.value)
    assert str(path) in said
    return said


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_never_ends(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "is not a plain file" in refused(tmp_path / "pipe")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no such device")
def test_a_device_that_never_ends():
    assert "is not a plain file" in refused("/dev/zero")


def test_a_folder_and_nothing(tmp_path):
    assert "is a folder" in refused(tmp_path)
    assert "does not exist" in refused(tmp_path / "nothing")


def test_more_than_a_report_has(tmp_path):
    path = tmp_path / "r.json"
    path.write_bytes(b"[" + b"[]," * (MOST_REPORT_BYTES // 3) + b"[]]")
    assert "has more than the 8.0 MB of a report" in refused(path)
    with path.open("wb") as file:
        file.truncate(10**10)  # a hole: nothing of it is on the disk
    assert "has more than the 8.0 MB of a report" in refused(path)


@pytest.mark.parametrize("content", [b"\xff", b"[" * 100_000, b"{", b"[]"])
def test_no_report(tmp_path, content):
    path = tmp_path / "r.json"
    path.write_bytes(content)
    assert "is not a report" in refused(path)
