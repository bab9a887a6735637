"""`portable-dnn devices` and `portable-dnn doctor`."""

import json
import os
import re
from importlib.metadata import EntryPoint

import pytest

from portable_dnn.arrays import registry
from portable_dnn.arrays.contract import Check
from portable_dnn.arrays.registry import backend_names, first_failure, get_backend
from portable_dnn.machine.apart import how_it_ends


@pytest.fixture
def no_gpu():
    failure = first_failure(get_backend("cupy"))
    if failure is None:
        pytest.skip("there is a usable CUDA GPU here")
    return failure


@pytest.fixture
def ladder(monkeypatch):
    """Return a function that gives the CuPy backend a ladder of its own."""

    def use(*checks):
        monkeypatch.setattr(get_backend("cupy"), "checks", lambda: iter(checks))
        monkeypatch.setattr(get_backend("cupy"), "devices", lambda: ("cuda:0",))

    return use


OK = Check("cupy-import", "ok", "CuPy 14.0")
WARNING = Check("cupy-packages", "warning", "two packages", "python -m pip uninstall one")
FAILED = Check("cuda-driver", "failed", "no driver", "install a driver")


# ---- devices ------------------------------------------------------------------------------------


def test_every_backend_is_listed_with_its_devices_or_a_reason(succeeds):
    outcome = succeeds("devices")
    for name in backend_names():
        backend = get_backend(name)
        failure = first_failure(backend)
        if failure is None:
            library, version = next(iter(backend.versions().items()))
            for device in backend.devices():
                row = rf"^{name}:{device} +(\d+\.\d GiB|-) +{library} {re.escape(version)}$"
                assert re.search(row, outcome.out, re.MULTILINE), device
        else:
            assert f"{name} cannot run here: {failure.detail}" in outcome.out
            assert failure.remedy in outcome.out


def test_what_auto_is(succeeds, no_gpu):
    last = succeeds("devices").lines[-1]
    assert last.startswith(f"auto is numpy:cpu (no usable CUDA GPU: {no_gpu.detail}")


def test_the_listed_devices_can_be_asked_for(succeeds, model, data):
    names = re.findall(r"^(\w+:\S+) ", succeeds("devices").out, re.MULTILINE)
    assert {"numpy:cpu", "strict:cpu", "strict:device1"} <= set(names)
    for name in names:
        succeeds("evaluate", model, data, "--device", name)


def test_a_plug_in_that_does_not_load(succeeds, monkeypatch):
    found = {
        **registry._entry_points(),
        "broken": EntryPoint("broken", "no_such_module", registry.GROUP),
    }
    monkeypatch.setattr(registry, "_entry_points", lambda: found)
    outcome = succeeds("devices")
    assert "broken cannot run here: the backend 'broken' (no_such_module) does not" in outcome.out
    assert re.search("^numpy:cpu ", outcome.out, re.MULTILINE)


@pytest.fixture
def stranger(monkeypatch, folder):
    """Return a function that installs a package with a plug-in of this source."""

    def install(source):
        (folder / "strangers_plug_in.py").write_text(source)
        package = folder / "stranger-1.0.dist-info"
        package.mkdir()
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
        registered = f"[{registry.GROUP}]\nstranger = strangers_plug_in\n"
        (package / "entry_points.txt").write_text(registered)
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        monkeypatch.syspath_prepend(folder)
        registry._entry_points.cache_clear()

    yield install
    monkeypatch.undo()
    registry._entry_points.cache_clear()
    registry._end_of.cache_clear()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os; os._exit(7)", "ends the process (exit code 7)"),
        ("import os; os.abort()", "ends the process (SIGABRT)"),
        ("import sys; sys.stdout = sys.stderr = None; 1 / 0", "does not load: division by zero"),
        ("raise KeyboardInterrupt", "ends the process"),
    ],
)
def test_a_strangers_plug_in_hurts_itself_only(succeeds, stranger, source, said):
    """It is registered, and nobody asks for it by name."""
    stranger(source)
    sentence = f"stranger cannot run here: the backend 'stranger' (strangers_plug_in) {said}"
    outcome = succeeds("devices")
    assert sentence in outcome.out
    assert re.search("^numpy:cpu ", outcome.out, re.MULTILINE)


def test_a_stranger_is_tried_once(stranger, monkeypatch):
    """Not at each array of a library without a plug-in: that would take a process each time."""
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    tried = []
    monkeypatch.setattr(registry, "how_it_ends", lambda statements: tried.append(1) or "ends")
    registry._end_of.cache_clear()
    stranger("raise KeyboardInterrupt")
    known = {name: e for name, e in registry._entry_points().items() if name != "strict"}
    monkeypatch.setattr(registry, "_entry_points", lambda: known)
    for _ in range(3):
        assert registry.owner_of(strict.ones(2)).name == "array_api_strict"
    registry._end_of.cache_clear()
    assert tried == [1]


def test_one_that_does_not_answer(monkeypatch):
    assert how_it_ends("import time; time.sleep(60)", seconds=0.5) == "does not answer within 0.5 s"


# ---- doctor -------------------------------------------------------------------------------------


def test_a_backend_that_works(succeeds):
    outcome = succeeds("doctor", "--backend", "numpy")
    assert outcome.lines[0].startswith("ok      numpy")
    assert outcome.lines[-1] == ("numpy can be used here; next: portable-dnn train --device numpy")


def test_a_backend_that_works_as_json(succeeds):
    found = json.loads(succeeds("doctor", "--backend", "numpy", "--json").out)
    assert found["backend"] == "numpy"
    assert found["usable"] is True
    assert {check["status"] for check in found["checks"]} == {"ok"}
    assert all(set(check) == {"name", "status", "detail", "remedy"} for check in found["checks"])
    assert found["next"].startswith("portable-dnn train")


def test_no_gpu(portable_dnn_command, no_gpu):
    outcome = portable_dnn_command("doctor")
    assert outcome.code == 1
    assert outcome.err == ""
    assert outcome.lines[-2:] == [
        f"FAILED  {no_gpu.name}: {no_gpu.detail}",
        f"cupy cannot be used here; next: {no_gpu.remedy}",
    ]


def test_no_gpu_as_json(portable_dnn_command, no_gpu):
    outcome = portable_dnn_command("doctor", "--json")
    assert outcome.code == 1
    found = json.loads(outcome.out)
    assert (found["backend"], found["usable"]) == ("cupy", False)
    assert found["checks"][-1] == {
        "name": no_gpu.name,
        "status": "failed",
        "detail": no_gpu.detail,
        "remedy": no_gpu.remedy,
    }
    assert found["next"] == no_gpu.remedy


def test_a_line_for_each_rung(portable_dnn_command, ladder):
    ladder(OK, WARNING, FAILED)
    outcome = portable_dnn_command("doctor")
    assert outcome.code == 1
    assert outcome.lines == [
        "ok      cupy-import: CuPy 14.0",
        "warning cupy-packages: two packages",
        "        python -m pip uninstall one",
        "FAILED  cuda-driver: no driver",
        "cupy cannot be used here; next: install a driver",
    ]


def test_a_warning_is_no_failure(portable_dnn_command, ladder, monkeypatch):
    ladder(OK, WARNING)
    step = Check("cupy-step", "ok", "a small training gave NumPy's numbers")
    monkeypatch.setattr("portable_dnn.cli.commands.doctor.try_step", lambda backend: step)
    for arguments in (("doctor",), ("doctor", "--json")):
        assert portable_dnn_command(*arguments).code == 0


def test_an_unknown_backend(refused):
    said = refused("doctor", "--backend", "cuda")
    assert "unknown backend 'cuda'; registered are numpy" in said
