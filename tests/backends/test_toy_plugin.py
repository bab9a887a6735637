"""A sixth backend from a package of its own, as docs/backends.md shows it, installed and used."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("toy_plugin")
FIRST = Path(__file__).with_name("toy_plugin_1")  # as version 1 of the contract had it
PAGE = ROOT / "docs" / "backends.md"
SHOWN = ("pyproject.toml", "portable_dnn_toy.py")


@pytest.fixture(scope="session", params=[SOURCE, FIRST], ids=["contract 2", "contract 1"])
def site(request, tmp_path_factory) -> Path:
    """A folder with the package, built by its own build system and unpacked as pip does it."""
    pytest.importorskip("hatchling", reason="hatchling, which builds the package, is not installed")
    folder = tmp_path_factory.mktemp("toy")
    source = shutil.copytree(request.param, folder / "source")
    shutil.copy(SOURCE / "toyarray.py", source)  # the library is the same for both
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def python(site, tmp_path):
    """Run a module in a new process that finds the installed package."""
    plug_in = (site / "portable_dnn_toy.py").read_text("utf-8")

    def run(*arguments: str, cwd: Path = tmp_path) -> str:
        path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        # What is written for version 1 comes by paths that have moved since.
        moved = () if "contract" in plug_in else ("-W", "default::DeprecationWarning")
        done = subprocess.run(
            [sys.executable, "-W", "error", *moved, "-m", *arguments],
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_it_is_listed(python):
    listed = python("portable_dnn", "devices")
    assert re.search(r"^toy:cpu +- +toyarray 1.0$", listed, re.MULTILINE)
    assert "toy can be used here" in python("portable_dnn", "doctor", "--backend", "toy")


def test_it_trains_to_the_same_numbers(python):
    options = ("--iterations", "3", "--layers", "4", "--quiet")
    toy, ours = (
        python("portable_dnn", "train", "--device", device, *options).splitlines()
        for device in ("toy:cpu", "numpy:cpu")
    )
    assert toy[:-1] == ours[:-1]
    assert re.fullmatch(r"trained in [\d.]+ s on toy:cpu", toy[-1])


def test_it_is_compared(python):
    options = ("--layers", "4", "--iterations", "2", "--quiet", "--dtype", "float32")
    assert python("portable_dnn", "compare", "--backend", "toy", *options).startswith(
        "verdict  The same numbers: "
    )


def test_it_keeps_the_contract_and_computes(site, python):
    tests = ["tests/backends/test_contract.py", "tests/network/test_layers.py"]
    if "contract" not in (site / "portable_dnn_toy.py").read_text("utf-8"):
        tests = ["-Wdefault::DeprecationWarning", *tests, "-k", "repeated_step or layers"]
    printed = python("pytest", "--backend", "toy", "-q", "-p", "no:cacheprovider", *tests, cwd=ROOT)
    assert re.search(r"\d{2,} passed", printed)
    assert "skipped" not in printed


def test_the_page_shows_the_very_files():
    shown = dict(
        re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```\n", PAGE.read_text("utf-8"), re.DOTALL)
    )
    assert shown == {name: (SOURCE / name).read_text("utf-8") for name in SHOWN}


def test_it_takes_under_a_hundred_lines():
    lines = sum(len((SOURCE / name).read_text("utf-8").splitlines()) for name in SHOWN)
    assert lines < 100
