"""The limits that the operating system keeps, and how many bytes are left below them."""

import subprocess
import sys

import pytest

from portable_dnn.machine import process_limits
from portable_dnn.machine.process_limits import address_space_left

pytest.importorskip("resource", reason="this system has no such limits")


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout.strip(), done.stderr


START = "from portable_dnn.machine.process_limits import *\n"


def test_no_limit():
    assert address_space_left() > 2**40


def test_where_the_system_has_none(monkeypatch):
    monkeypatch.setattr(process_limits, "_resource", lambda: None)
    assert address_space_left() == sys.maxsize
    process_limits.limit_this_process(1, 1)
    assert len(bytearray(10_000_000)) == 10_000_000


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not limit the address space")
def test_memory():
    code = START + (
        "limit_this_process(100_000_000, 60)\n"
        "print(address_space_left() <= 100_000_000)\n"
        "try: bytearray(200_000_000)\n"
        "except MemoryError: print('refused')"
    )
    assert run(code) == (0, "True\nrefused", "")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not limit the address space")
def test_a_file_that_declares_more_than_is_left_is_refused_before_it_is_read(tmp_path):
    code = START + (
        "from portable_dnn.machine.memory import check_fits\n"
        "limit_this_process(100_000_000, 60)\n"
        "try: check_fits(200_000_000, 'data.h5 declares')\n"
        "except ValueError as error: print(error)"
    )
    _, said, _ = run(code)
    assert said.startswith("data.h5 declares 200.0 MB of data, but only 1")


def test_processor_time():
    code, _, _ = run(START + "limit_this_process(100_000_000, 0)\nwhile True: pass")
    assert code < 0


def test_size_of_a_file(tmp_path):
    target = tmp_path / "large"
    code = START + (
        f"limit_this_process(100_000_000, 60)\nfile = open({str(target)!r}, 'wb')\n"
        "try:\n"
        "    while True: file.write(bytes(1_000_000))\n"
        "except OSError: print('refused')\n"
        "import os; os._exit(0)"
    )
    assert run(code)[1] == "refused"
    assert target.stat().st_size <= 100_000_000
