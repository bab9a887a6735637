"""`portable-dnn compare` where the program ends in the middle: the report so far is kept."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from portable_dnn.arrays import registry
from portable_dnn.equivalence import read_report

TOY = Path(__file__).parents[1] / "backends" / "toy_plugin"
SMALL = ("--data", "data.h5", "--layers", "3", "--iterations", "4", "--json", "report.json")

ENDING = """
import os
import time
from portable_dnn_toy import *
import portable_dnn_toy

def compile(step):
    {ending}
    return portable_dnn_toy.compile(step)
"""


pytestmark = pytest.mark.usefixtures("data", "heard")


@pytest.fixture
def start(folder, tmp_path_factory):
    """Start a comparison in a process of its own, with a library that ends it when it compiles."""

    started = []

    def run(ending, *options):
        site = tmp_path_factory.mktemp("site")
        for name in ("toyarray.py", "portable_dnn_toy.py"):
            shutil.copy(TOY / name, site)
        (site / "ending.py").write_text(ENDING.format(ending=ending), encoding="utf-8")
        information = site / "ending-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("Name: ending\nVersion: 1.0\n", encoding="utf-8")
        entry = "[portable_dnn.backends]\ntoy = ending\n"
        (information / "entry_points.txt").write_text(entry, encoding="utf-8")
        path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        process = subprocess.Popen(
            [sys.executable, "-m", "portable_dnn", "compare", *options, *SMALL],
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        with process:
            process.kill()


def assert_unfinished(folder, error):
    report = read_report(folder / "report.json")
    assert report.outcome == "could not be compared"
    assert (report.failure.operation, report.failure.error) == ("compiled step", error)
    assert f"toy:cpu failed at compiled step: {error}" in report.headline
    assert {j.iteration for j in report.judgements} == {None, 0, 1, 2, 4}
    assert not report.wrong
    assert report.free_run is None
    assert sorted(path.name for path in folder.iterdir()) == ["data.h5", "report.json"]


def test_a_library_that_ends_the_process_leaves_the_report_so_far(
    start, folder, portable_dnn_command
):
    process = start("os._exit(3)", "--backend", "toy")
    process.communicate(timeout=120)
    assert process.returncode == 3
    assert_unfinished(folder, "the program ended before this stage was done")

    # It is no run to hold another one against.
    (folder / "report.json").rename(folder / "other.json")
    outcome = portable_dnn_command(
        *("compare", "--backend", "numpy", "--data", "data.h5", "--against", "other.json")
    )
    assert (outcome.code, outcome.err) == (2, "")
    assert (
        "Could not be compared: on toy:cpu of other.json compiled step failed: the program ended "
        "before this stage was done." in outcome.out
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
def test_ctrl_c_leaves_the_report_so_far_and_says_where(start, folder):
    process = start("time.sleep(100)", "--backend", "toy")
    path, end = folder / "report.json", time.monotonic() + 100
    while not (path.exists() and "compiled step" in path.read_text("utf-8")):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (130, "")
    said = [line for line in out.splitlines() if line.startswith("report ")]
    assert said == ["report   report.json (so far: stopped by Ctrl-C)"]
    assert_unfinished(folder, "Ctrl-C ended it")


def test_ctrl_c_keeps_what_the_stage_found_until_then(
    portable_dnn_command, toy, monkeypatch, folder
):
    def interrupted(x):
        raise KeyboardInterrupt

    monkeypatch.setattr(toy, "log1p", interrupted, raising=False)
    options = ("--backend", "toy", *SMALL, "--html", "page.html")
    outcome = portable_dnn_command("compare", *options)
    assert outcome.code == 130
    report = read_report(folder / "report.json")
    assert report.failure.operation == "probes"
    assert report.judgements
    assert not (folder / "page.html").exists()


def test_the_report_so_far_is_held_against_the_saved_one_too(
    succeeds, portable_dnn_command, monkeypatch, folder
):
    succeeds("compare", "--backend", "numpy", *SMALL[:-1], "saved.json")

    def interrupted(step):
        raise KeyboardInterrupt

    monkeypatch.setattr(registry.get_backend("numpy"), "compile", interrupted)
    monkeypatch.setattr("portable_dnn.equivalence.comparison.train_on", lambda *_: interrupted(0))
    options = ("--backend", "numpy", "--data", "data.h5", "--against", "saved.json")
    assert portable_dnn_command("compare", *options, "--json", "both.json").code == 130
    both = json.loads((folder / "both.json").read_text("utf-8"))
    assert both["reference"]["device"] == "numpy:cpu of saved.json"
    assert both["failure"]["operation"] == "training the reference"


def test_where_nothing_is_kept_nothing_is_said(portable_dnn_command, toy, monkeypatch, folder):
    def interrupted(x):
        raise KeyboardInterrupt

    monkeypatch.setattr(toy, "log1p", interrupted, raising=False)
    outcome = portable_dnn_command("compare", "--backend", "toy", *SMALL[:-2])
    assert outcome.code == 130
    assert "report" not in outcome.out
    assert [path.name for path in folder.iterdir()] == ["data.h5"]
