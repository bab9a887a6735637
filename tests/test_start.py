"""The first moment of the installed command."""

import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.test_imports import modules_after

# Ctrl-C comes when this module is about to be imported.
PROGRAM = """
import signal, sys

class Now:
    def find_spec(self, name, *_):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
sys.meta_path.insert(0, Now())
sys.argv = ["portable-dnn", "devices"]
from portable_dnn_command import main
main()
"""


def test_it_begins_with_a_module_that_imports_nothing():
    assert not modules_after("import portable_dnn_command") & {"portable_dnn", "numpy", "typer"}
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["scripts"] == {"portable-dnn": "portable_dnn_command:main"}


@pytest.mark.parametrize("module", ["portable_dnn.arrays.shapes", "rich.text"])
def test_ctrl_c_while_it_imports_is_silent(module):
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(module=module)], capture_output=True, check=False
    )
    assert (run.stdout, run.stderr) == (b"", b"")
    assert run.returncode in (-signal.SIGINT, 130, 0xC000013A)  # the last is Windows' own


def test_a_job_that_ignores_ctrl_c_goes_on_ignoring_it():
    ignoring = PROGRAM.format(module="rich.text").replace("default_int_handler", "SIG_IGN")
    run = subprocess.run([sys.executable, "-c", ignoring], capture_output=True, check=False)
    assert run.returncode == 0
    assert b"auto is " in run.stdout
