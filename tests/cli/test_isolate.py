"""--isolate: what a file does to the process that reads it is one sentence, and exit code 2."""

import errno
import os
import signal
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from portable_dnn.data import read_dataset
from portable_dnn.errors import DataError
from portable_dnn.isolation import runner as isolation
from portable_dnn.isolation.readers import read_pictures_isolated
from portable_dnn.models.store import load_model

BAD_WORKER = Path(__file__).with_name("bad_worker.py")
SHORT = ("--isolate", "--isolate-seconds", 1)
SMALL = ("--isolate", "--isolate-memory", 0.3)


@pytest.fixture(autouse=True)
def nothing_left(tmp_path_factory, monkeypatch):
    """See that the private folder of the other process is gone after each test."""
    folder = tmp_path_factory.mktemp("private")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture
def misbehaves(monkeypatch):
    """Return a function that gives the other process a reader that misbehaves."""

    def choose(how):
        command = [sys.executable, "-P", str(BAD_WORKER), how]
        monkeypatch.setattr(isolation, "worker_command", lambda: command)

    return choose


def commands(model, data, picture, pictures):
    return {
        "train": ("train", data, "--iterations", 2, "--layers", "2", "--compress", "off", "-q"),
        "sweep": ("sweep", data, "--iterations", 2, "--learning-rate", 0.01, "-q"),
        "evaluate": ("evaluate", model, data),
        "predict": ("predict", model, picture, picture),
        "summary": ("summary", model),
        "info": ("data", "info", data),
        "import": ("data", "import", pictures, "--out", "new.h5"),
    }


@pytest.fixture(params=["train", "sweep", "evaluate", "predict", "summary", "info", "import"])
def command(request, model, data, picture, folder):
    for part in ("cat", "non-cat"):
        (folder / "all" / part).mkdir(parents=True)
        for name in ("a.png", "b.png"):
            (folder / "all" / part / name).write_bytes(picture.read_bytes())
    return commands(model, data, picture, folder / "all")[request.param]


# ---- good files ---------------------------------------------------------------------------------


def without_times(lines):
    return [line for line in lines if not line.startswith("trained in")]


def test_the_same_as_without(succeeds, command):
    plain = succeeds(*command)
    if "--out" in command:
        Path("new.h5").unlink()
    isolated = succeeds(*command, "--isolate")
    assert without_times(isolated.lines) == without_times(plain.lines)


def test_the_same_data(succeeds, data):
    here = succeeds("data", "info", data, "--json")
    assert succeeds("data", "info", data, "--json", "--isolate").out == here.out


def test_the_same_model(succeeds, data):
    settings = ("train", data, "--iterations", 3, "--layers", "3", "-q", "--out")
    succeeds(*settings, "here.safetensors")
    succeeds(*settings, "there.safetensors", "--isolate")
    first, second = (load_model(f"{name}.safetensors") for name in ("here", "there"))
    for name, array in first.parameters.items():
        assert array.tobytes() == second.parameters[name].tobytes()


def test_text_of_variable_length_is_read(succeeds, folder):
    with h5py.File(folder / "text.h5", "w") as file:
        file["train_set_x"] = np.zeros((2, 4, 4, 3), np.uint8)
        file["train_set_y"] = [0, 1]
        file["list_classes"] = ["kein Kätzchen", "Kätzchen"]
    said = succeeds("data", "info", "text.h5", "--isolate").out
    assert "1 kein Kätzchen, 1 Kätzchen" in said


def test_two_files(succeeds, data, make_data):
    other = make_data("t.h5", train=0)
    said = succeeds("train", data, "--test", other, "--iterations", 1, "--isolate").out
    assert f"{data} and {other}" in said


# ---- refused in the other process ---------------------------------------------------------------


def test_the_reasons_are_the_same(refused, folder):
    (folder / "bad.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    for command in (("data", "info"), ("train",), ("summary",)):
        plain = refused(*command, "bad.h5")
        assert refused(*command, "bad.h5", "--isolate") == plain


def test_a_missing_file(refused):
    assert "nowhere.h5 does not exist" in refused("train", "nowhere.h5", "--isolate")


def test_a_damaged_picture(refused, model, picture):
    picture.write_bytes(picture.read_bytes()[:60])
    said = refused("predict", model, picture, "--isolate")
    assert str(picture) in said
    assert "damaged" in said


# ---- the other process fails --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["train", "evaluate", "predict"])
def test_a_crash(refused, model, data, picture, misbehaves, name):
    misbehaves("crash")
    said = refused(*commands(model, data, picture, None)[name], "--isolate")
    assert "was not read: the process that read it crashed (SIGSEGV)" in said
    assert "2.0 GB of memory and 60 s" in said


def test_an_abort(refused, data, misbehaves):
    misbehaves("stop")
    assert "crashed (SIGABRT)" in refused("train", data, "--isolate")


def test_a_panic_is_a_shortage_of_memory(refused, data, misbehaves):
    misbehaves("panic")
    said = refused("data", "info", data, "--isolate")
    assert said.startswith(f"{data} was not read: reading it takes too much memory; the limits")


@pytest.mark.skipif(not hasattr(signal, "SIGRTMIN"), reason="this system has no such signals")
def test_a_signal_without_a_name(refused, data, misbehaves):
    misbehaves("real_time")
    said = refused("data", "info", data, "--isolate")
    assert f"crashed (signal {signal.SIGRTMIN + 1})" in said


def test_the_end_of_much_is_shown(refused, data, misbehaves):
    misbehaves("chatter")
    assert "failed (ZeroDivisionError: the end of much)" in refused("train", data, "--isolate")


def test_no_end(refused, data, misbehaves):
    misbehaves("sleep")
    said = refused("data", "info", data, *SHORT)
    assert said == (
        f"{data} was not read: reading it takes too long; the limits of --isolate are 2.0 GB of "
        "memory and 1 s; --isolate-memory and --isolate-seconds raise them"
    )


def test_the_time_is_that_for_one_picture(refused, model, picture, misbehaves):
    misbehaves("patient")
    said = refused("predict", model, *[picture] * 4, "--isolate", "--isolate-seconds", 3)
    assert said == "it was read to the end"


@pytest.mark.parametrize("how", ["a result", "a request", "a folder"])
def test_no_room_for_temporary_files(refused, data, misbehaves, monkeypatch, how):
    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if how == "a result":
        misbehaves("no_room")
    with monkeypatch.context() as patch:
        if how == "a request":
            patch.setattr(Path, "write_text", full)
        elif how == "a folder":
            patch.setattr(tempfile, "mkdtemp", full)
        said = refused("data", "info", data, "--isolate")
    assert said.startswith("--isolate cannot write to the folder for temporary files (")
    assert said.endswith("name another folder in the environment variable TMPDIR")


def test_a_process_that_removes_its_request(refused, data, misbehaves):
    misbehaves("hide")
    assert refused("data", "info", data, "--isolate") == "it was read to the end"


@pytest.mark.parametrize("how", ["fill", "ask"])
def test_too_much_memory(refused, data, misbehaves, how):
    misbehaves(how)
    said = refused("data", "info", data, *SMALL)
    assert "reading it takes too much memory; the limits of --isolate are 300.0 MB" in said


def test_memory_is_watched_where_the_system_sets_no_limit(refused, data, misbehaves):
    misbehaves("fill_unlimited")  # as on Windows
    assert "takes too much memory" in refused("data", "info", data, *SMALL)


def test_more_on_the_disk_than_memory(refused, data, misbehaves):
    misbehaves("flood")
    said = refused("data", "info", data, *SMALL)
    assert f"{data} was not read: the process that read it failed (" in said


def test_a_mistake_of_ours(refused, data, misbehaves):
    misbehaves("mistake")
    said = refused("data", "info", data, "--isolate")
    assert "failed (ZeroDivisionError: a bug {with} braces)" in said


@pytest.mark.parametrize("how", ["nothing", "garbage", "other", "link"])
def test_what_it_leaves_is_not_trusted(refused, model, data, picture, misbehaves, how):
    misbehaves(how)
    kind = "summary" if how == "garbage" else "info"
    refused(*commands(model, data, picture, None)[kind], "--isolate")


@pytest.mark.parametrize("how", ["other", "smaller"])
def test_pictures_that_it_leaves_are_not_trusted(picture, misbehaves, how):
    misbehaves(how)
    with pytest.raises(DataError, match="holds no pictures of shape"):
        read_pictures_isolated([picture], (4, 4), isolation.Limits())


def test_a_real_file_that_hangs_the_hdf5_library(refused, succeeds, folder):
    with h5py.File(folder / "text.h5", "w") as file:
        file["train_set_x"] = np.zeros((2, 4, 4, 3), np.uint8)
        file["train_set_y"] = [0, 1]
        file["list_classes"] = ["non-cat", "cat"]
    path = folder / "text.h5"
    content = bytearray(path.read_bytes())
    content[content.index(b"GCOL") + 24] ^= 0xFF
    path.write_bytes(content)
    assert "takes too long" in refused("data", "info", path, *SHORT)
    # Without --isolate the text is not read at all.
    assert "variable length" in succeeds("data", "info", path).out


def test_no_module_of_the_current_folder_is_imported(succeeds, data, folder):
    for name in ("h5py", "numpy", "portable_dnn", "PIL", "json"):
        (folder / f"{name}.py").write_text("open('harm', 'w')\n")
    succeeds("data", "info", data, "--isolate")
    assert not (folder / "harm").exists()


# ---- the options --------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--isolate-memory", "--isolate-seconds"])
def test_limits_without_isolate(refused, data, option):
    assert "go with --isolate; add it" in refused("data", "info", data, option, 5)


@pytest.mark.parametrize("value", [0, -1, "nan", "inf"])
@pytest.mark.parametrize("option", ["--isolate-memory", "--isolate-seconds"])
def test_odd_limits(refused, data, option, value):
    said = refused("data", "info", data, "--isolate", option, value)
    assert "positive number" in said


def test_a_limit_below_the_data(refused, folder):
    with h5py.File(folder / "large.h5", "w") as file:
        file["train_set_x"] = np.zeros((100, 128, 128, 3), np.uint8)
        file["train_set_y"] = np.arange(100) % 2
    said = refused("data", "info", "large.h5", "--isolate", "--isolate-memory", 0.003)
    assert "large.h5" in said
    assert read_dataset("large.h5").train is not None


# ---- checkpoints --------------------------------------------------------------------------------


@pytest.fixture
def resumed(succeeds, folder):
    """A finished run with its last two checkpoints put back, and the command that goes on."""
    train = ("train", "--layers", "3,2", "--iterations", 5, "--checkpoint-every", 1, "--out")
    for name in ("m.h5", "whole.h5"):
        succeeds(*train, name, "-q")
    for path in sorted(folder.glob("m.h5.checkpoint-*"))[-1:]:
        path.unlink()  # that after the last iteration
    return (*train, "m.h5", "--resume", "--isolate")


def test_a_checkpoint_goes_on_with_the_same_bits(succeeds, resumed, folder):
    assert "4 of 5 iterations are done" in succeeds(*resumed).out
    ours, whole = (load_model(folder / name) for name in ("m.h5", "whole.h5"))
    for name, array in whole.parameters.items():
        assert array.tobytes() == ours.parameters[name].tobytes()


@pytest.mark.filterwarnings("default")
def test_a_damaged_checkpoint_is_passed_over(portable_dnn_command, resumed, folder):
    (path,) = folder.glob("m.h5.checkpoint-*")
    path.write_bytes(path.read_bytes()[:-1])
    outcome = portable_dnn_command(*resumed)
    assert outcome.code == 0
    assert f"{path.name} is damaged: its checksum is not that of its content; skipped" in (
        outcome.err
    )
    assert "from the beginning" in outcome.out


def test_a_checkpoint_that_crashes_its_reader(refused, resumed, misbehaves, folder):
    misbehaves("crash")
    said = refused(*resumed)
    assert "m.h5.checkpoint-0000000004" in said
    assert "crashed (SIGSEGV)" in said
    assert "it may be intact, so it was not skipped" in said
