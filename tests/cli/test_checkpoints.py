"""`train --checkpoint-every` and `--resume`: nothing is lost, and nothing else changes."""

import errno
import hashlib
import io
import json
import os
import signal
import tempfile
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from portable_dnn.checkpoints import writer
from portable_dnn.checkpoints.content import FORMAT_VERSION
from portable_dnn.checkpoints.file import read_checkpoint
from portable_dnn.checkpoints.folder import list_checkpoints
from portable_dnn.checkpoints.writer import CheckpointWriter
from portable_dnn.cli import guard
from portable_dnn.cli.console import Bar
from portable_dnn.errors import OutputError
from portable_dnn.models import store
from portable_dnn.models.store import load_model
from tests.cli.checkpointed import EVERY, RUN, SIGNALS, iterations, named, same_bits, train

pytestmark = pytest.mark.usefixtures("wide", "heard")


@pytest.mark.parametrize("compress", ["on", "off"])
@pytest.mark.parametrize("kind", SIGNALS, ids=lambda kind: kind.name)
def test_stopped_and_gone_on_with(
    portable_dnn_command, succeeds, signals_at, monkeypatch, folder, device, kind, compress
):
    command = (*train(device), *EVERY, "--compress", compress, "--history", "h.json")
    succeeds(*train(device, "whole.h5"), "--compress", compress, "--history", "whole.json")
    with monkeypatch.context():
        signals_at(30, kind.number)
        stopped = portable_dnn_command(*command)
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert stopped.code == kind.code
    assert stopped.err == ""
    assert stopped.lines[-3:] == [
        f"stopped  by {kind.name} after 30 of 55 iterations",
        f"kept     {named(folder, 30)}",
        f"resume   portable-dnn {' '.join(map(str, command))} --resume",
    ]
    assert not (folder / "m.h5").exists()
    assert iterations(folder) == [30, 20]
    name = named(folder, 30)
    rest = succeeds(*command, "--resume")
    assert f"resume   {name}: 30 of 55 iterations are done" in rest.lines
    assert "cost after iteration" not in rest.out
    assert same_bits(folder)
    whole, gone_on = (json.loads((folder / n).read_text("utf-8")) for n in ("whole.json", "h.json"))
    for key in ("iteration", "cost", "gradient_norm", "dead_share", "final_cost", "compressed"):
        assert gone_on[key] == whole[key]
    assert iterations(folder) == [55, 50]
    again = succeeds(*command, "--resume")
    assert f"resume   {named(folder, 55)}: 55 of 55 iterations are done" in again.lines
    assert same_bits(folder)


def test_checkpoints_change_nothing(succeeds, folder, device):
    plain = succeeds(*train(device, "whole.h5"))
    kept = succeeds(*train(device), "--checkpoint-every", 7)
    assert [line for line in plain.lines if "cost" in line or "0." in line[:40]][:3] == [
        line for line in kept.lines if "cost" in line or "0." in line[:40]
    ][:3]
    assert same_bits(folder)
    assert iterations(folder)[0] == 55
    assert len(iterations(folder)) == 2


def test_without_a_checkpoint_it_begins(succeeds, folder):
    succeeds(*train(out="whole.h5"))
    outcome = succeeds(*train(), "--resume")
    (line,) = (line for line in outcome.lines if line.startswith("resume "))
    assert line == "resume   no checkpoint next to m.h5: starting from the beginning"
    assert same_bits(folder)
    assert iterations(folder) == []


def test_by_the_clock(succeeds, folder):
    succeeds(*train(), "--checkpoint-every", "0.000001s")
    assert iterations(folder)[0] == 55
    assert len(iterations(folder)) == 2


@pytest.mark.filterwarnings("default")
def test_a_damaged_checkpoint_is_passed_over(portable_dnn_command, succeeds, folder):
    succeeds(*train(out="whole.h5"))
    succeeds(*train(), *EVERY)
    (_, newest), (iteration, _) = list_checkpoints(folder / "m.h5")
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 4
    newest.write_bytes(content)
    outcome = portable_dnn_command(*train(), *EVERY, "--resume")
    assert outcome.code == 0
    assert outcome.err == (
        f"portable-dnn: warning: {newest.name} is damaged: its checksum is not that of its "
        "content; skipped\n"
    )
    assert f": {iteration} of 55 iterations are done" in outcome.out
    assert same_bits(folder)
    assert read_checkpoint(newest).snapshot.iteration == 55


@pytest.mark.filterwarnings("default")
def test_on_another_device_the_numbers_go_on(portable_dnn_command, succeeds, signals_at, folder):
    succeeds(*train(out="whole.h5"))
    signals_at(30, signal.SIGINT)
    portable_dnn_command(*train(), *EVERY)
    outcome = portable_dnn_command(*train("strict"), *EVERY, "--resume", "--checkpoint-every", 50)
    assert outcome.code == 0
    (line,) = outcome.err.splitlines()
    assert "device numpy:cpu there and strict:cpu here" in line
    assert line.endswith("the numbers are equal up to rounding from here on")
    here, whole = (load_model(folder / n).parameters for n in ("m.h5", "whole.h5"))
    for name, values in whole.items():
        # 25 steps, each a few roundings of sums of 192 terms
        bound = 25 * 192 * np.finfo(float).eps * max(1.0, np.abs(values).max())
        np.testing.assert_allclose(here[name], values, rtol=0, atol=bound)


@pytest.fixture
def each_is_written(monkeypatch):
    """No checkpoint gives way to a newer one: each write is waited for."""
    put = writer.Background.put
    monkeypatch.setattr(
        writer.Background, "put", lambda self, piece: (put(self, piece), self.wait())
    )


@pytest.mark.usefixtures("each_is_written")
@pytest.mark.filterwarnings("always")
def test_a_disk_that_is_full_for_a_while(portable_dnn_command, succeeds, monkeypatch, folder):
    succeeds(*train(out="whole.h5"))
    replace, calls = writer.replace_bytes, []

    def full(*arguments):
        calls.append(arguments)
        if len(calls) < 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(*arguments)

    monkeypatch.setattr(writer, "replace_bytes", full)
    outcome = portable_dnn_command(*train(), *EVERY)
    assert outcome.code == 0
    assert outcome.err == (
        "portable-dnn: warning: no checkpoint can be written beside m.h5: No space left on device; "
        "training goes on, and the next interval tries again\n"
    )
    assert iterations(folder) == [55, 50]
    assert same_bits(folder)


def test_divergence_keeps_the_last_good_checkpoint(portable_dnn_command, folder):
    command = ("train", "data.h5", "--layers", "3,2", "--hidden", "leaky_relu", "--device", "cpu")
    command += ("--iterations", 300, "--learning-rate", 100, "--out", "m.h5")
    outcome = portable_dnn_command(*command, "--checkpoint-every", 1)
    assert outcome.code == 2
    (line,) = outcome.err.splitlines()
    assert "try a smaller learning rate than 100" in line
    newest = iterations(folder)[0]
    # The cost of iteration k is that after k updates.
    assert f"at iteration {newest + 1}: " in line
    assert line.endswith(f"the last checkpoint before it is {named(folder, newest)}")
    kept = read_checkpoint(folder / named(folder, newest))
    assert all(np.isfinite(array).all() for array in kept.snapshot.state.parameters.values())
    assert not (folder / "m.h5").exists()


def test_another_run_is_refused(refused, succeeds, make_data, folder):
    succeeds(*train(), *EVERY)
    name = named(folder, 55)
    for change, said in (
        (("--learning-rate", 0.2), "learning_rate 0.1 there and 0.2 here"),
        (("--layers", "3"), "layers 3,2 there and 3 here"),
        (("--dtype", "float32"), "dtype float64 there and float32 here"),
        (("--iterations", 60), "iterations 55 there and 60 here"),
    ):
        sentence = refused(*train(), *EVERY, "--resume", *change)
        assert sentence.startswith(f"{name} is of another run: ")
        assert said in sentence
    make_data(train=10, size=8)
    assert "its data are others" in refused(*train(), "--resume")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "s", "0s", "1e3", "10m", "", "１０", "9" * 10])
def test_no_interval(refused, text):
    said = refused(*train(), "--checkpoint-every", text)
    assert said.startswith("the interval between checkpoints is ")


@pytest.mark.parametrize("option", [("--resume",), EVERY])
def test_no_place_for_checkpoints(refused, option):
    said = refused("train", "data.h5", *RUN, *option)
    assert said == f"{option[0]} needs --out MODEL.h5: checkpoints are written next to the model"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other limits")
def test_a_name_that_is_too_long_for_a_checkpoint(refused):
    refused(*train(out="m" * 250 + ".h5"), *EVERY)


# ---- what may be whole is not passed over --------------------------------------------------------


def stopped_at_30(portable_dnn_command, monkeypatch, *arguments):
    with monkeypatch.context() as patch:
        move = Bar.move

        def moved(bar, now, cost=None):
            move(bar, now, cost)
            if now == 30:
                signal.raise_signal(signal.SIGINT)

        patch.setattr(Bar, "move", moved)
        return portable_dnn_command(*train(), *EVERY, *arguments)


def upgraded(content):
    """A whole checkpoint as a version to come might write it."""
    made = io.BytesIO(content)
    with h5py.File(made, "r+") as file:
        file.attrs["format_version"] = FORMAT_VERSION + 1
    rest = made.getvalue()[512:]
    first = f"portable_dnn checkpoint\nsha256 {hashlib.sha256(rest).hexdigest()}\n"
    return (first + f"bytes {len(rest)}\n").encode().ljust(512, b"\0") + rest


def test_one_of_a_newer_version_is_refused_and_stays(
    portable_dnn_command, refused, monkeypatch, folder
):
    stopped_at_30(portable_dnn_command, monkeypatch)
    for _, path in list_checkpoints(folder / "m.h5"):
        path.write_bytes(upgraded(path.read_bytes()))
    said = refused(*train(), *EVERY, "--resume")  # which also means that all files are as before
    assert "upgrade portable_dnn; it may be intact, so it was not skipped" in said


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE])
def test_one_that_cannot_be_read_now_is_refused_and_stays(
    portable_dnn_command, refused, monkeypatch, number
):
    stopped_at_30(portable_dnn_command, monkeypatch)
    read = Path.read_bytes

    def fail(path):
        if ".checkpoint-0000000030" in path.name and not calls.pop():
            raise OSError(number, os.strerror(number))
        return read(path)

    calls = [True, False, True]  # `refused` itself reads the folder before and after
    monkeypatch.setattr(Path, "read_bytes", fail)
    said = refused(*train(), "--resume")
    assert f"cannot be read: {os.strerror(number)}; it may be intact" in said


@pytest.mark.filterwarnings("default")
def test_of_a_damaged_and_a_whole_one_the_whole_one_stays(
    portable_dnn_command, monkeypatch, folder
):
    stopped_at_30(portable_dnn_command, monkeypatch)
    damaged = folder / named(folder, 30)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    # One more is written, at 40, before the run ends.
    monkeypatch.setattr(CheckpointWriter, "look", once_at(40))
    outcome = portable_dnn_command(*train(), *EVERY, "--resume")
    assert outcome.code == 0
    assert iterations(folder) == [40, 20]


def once_at(iteration):
    def look(self, progress):
        if progress.iteration + 1 == iteration:
            self.write_now(progress)

    return look


@pytest.mark.usefixtures("each_is_written")
def test_the_files_of_another_run_stay(succeeds, portable_dnn_command, monkeypatch, folder):
    stopped_at_30(portable_dnn_command, monkeypatch)
    before = {path: path.read_bytes() for _, path in list_checkpoints(folder / "m.h5")}
    succeeds(*train(), *EVERY, "--learning-rate", 0.2)
    assert iterations(folder) == [55, 50, 30, 20]
    assert all(path.read_bytes() == content for path, content in before.items())
    # Both can be gone on with.
    other = succeeds(*train(), *EVERY, "--learning-rate", 0.2, "--resume")
    assert "55 of 55 iterations are done" in other.out
    succeeds(*train(out="whole.h5"))
    rest = succeeds(*train(), *EVERY, "--resume")
    assert "30 of 55 iterations are done" in rest.out
    assert same_bits(folder)


@pytest.mark.filterwarnings("default")
def test_the_damaged_files_of_another_run_stay(portable_dnn_command, monkeypatch, folder):
    stopped_at_30(portable_dnn_command, monkeypatch)
    for _, path in list_checkpoints(folder / "m.h5"):
        path.write_bytes(path.read_bytes()[:-1])
    outcome = portable_dnn_command(*train(), *EVERY, "--learning-rate", 0.2, "--resume")
    assert outcome.code == 0
    assert "from the beginning" in outcome.out
    assert iterations(folder) == [55, 50, 30, 20]


@pytest.mark.filterwarnings("default")
def test_resume_forgotten(portable_dnn_command, monkeypatch, folder):
    stopped_at_30(portable_dnn_command, monkeypatch)
    name = named(folder, 30)
    outcome = portable_dnn_command(*train())
    assert outcome.code == 0
    assert outcome.err == (
        f"portable-dnn: warning: {name} is of this run, which now starts from the beginning: it is "
        "kept until the run has come as far; to continue from it instead, stop and add --resume\n"
    )
    assert iterations(folder) == [30, 20]


# ---- what the system refuses ---------------------------------------------------------------------


def test_no_thread_to_be_had(succeeds, monkeypatch, folder):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    succeeds(*train(out="whole.h5"))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    succeeds(*train(), *EVERY)
    assert iterations(folder) == [55, 50]
    assert same_bits(folder)


def test_a_folder_with_the_name_of_a_checkpoint(succeeds, folder):
    (folder / "m.h5.checkpoint-0000000001").mkdir()
    succeeds(*train(), *EVERY, "--resume")
    assert iterations(folder) == [55, 50]


@pytest.mark.usefixtures("each_is_written")
@pytest.mark.filterwarnings("default")
def test_one_that_cannot_be_removed(portable_dnn_command, monkeypatch, folder):
    unlink = os.unlink

    def refuse(path, **options):
        if ".checkpoint-0000000010" in str(path):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", refuse)
    outcome = portable_dnn_command(*train(), *EVERY)
    assert outcome.code == 0
    assert outcome.err == (
        "portable-dnn: warning: old checkpoints beside m.h5 cannot be removed: Operation not "
        "permitted; they are left there\n"
    )
    assert iterations(folder) == [55, 50, 10]


@pytest.mark.filterwarnings("default")
def test_a_checkpoint_that_would_take_the_last_memory_is_not_begun(
    portable_dnn_command, succeeds, monkeypatch, folder
):
    """The system would end the process without asking."""
    succeeds(*train(out="whole.h5"))
    monkeypatch.setattr(writer, "_FEW", 0)
    monkeypatch.setattr(writer, "free_host_memory", lambda: 1000)
    outcome = portable_dnn_command(*train(), *EVERY)
    assert outcome.code == 0
    assert "no checkpoint can be written beside m.h5: not enough memory; training" in outcome.err
    assert same_bits(folder)
    assert iterations(folder) == []


@pytest.mark.filterwarnings("default")
def test_no_memory_for_a_checkpoint(portable_dnn_command, succeeds, monkeypatch, folder):
    def none(*_arguments):
        raise MemoryError

    succeeds(*train(out="whole.h5"))
    monkeypatch.setattr(writer.CheckpointFormat, "to_bytes", none)
    outcome = portable_dnn_command(*train(), *EVERY)
    assert outcome.code == 0
    assert outcome.err == (
        "portable-dnn: warning: no checkpoint can be written beside m.h5: not enough memory; "
        "training goes on, and the next interval tries again\n"
    )
    assert same_bits(folder)
    assert iterations(folder) == []


@pytest.mark.filterwarnings("default")
def test_ctrl_c_with_a_full_disk(portable_dnn_command, succeeds, monkeypatch, folder, tmp_path):
    succeeds(*train(out="whole.h5"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    replace = writer.replace_bytes

    def full(path, *arguments):
        if path.parent.parent != elsewhere:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(path, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(writer, "replace_bytes", full)
        stopped = stopped_at_30(portable_dnn_command, monkeypatch)
    assert stopped.code == 130
    (kept,) = elsewhere.glob("*/m.h5.checkpoint-*")
    assert stopped.lines[-2] == f"kept     {kept}, since it cannot be written next to the model"
    assert stopped.lines[-1].startswith(
        "resume   move it next to m.h5, then run portable-dnn train "
    )
    kept.rename(folder / kept.name)
    assert "30 of 55 iterations are done" in succeeds(*train(), *EVERY, "--resume").out
    assert same_bits(folder)


def test_what_is_lost_is_said(portable_dnn_command, monkeypatch, folder):
    keep = CheckpointWriter.write_now
    monkeypatch.setattr(
        CheckpointWriter,
        "write_now",
        lambda self, p: keep(self, p) if p.iteration + 1 == 20 else None,
    )
    stopped = stopped_at_30(portable_dnn_command, monkeypatch)
    assert f"kept     {named(folder, 20)}, 10 iterations earlier: those are lost" in stopped.lines


def test_go_on_where_options_have_ended(portable_dnn_command, signals_at):
    signals_at(1, signal.SIGINT)
    command = ("train", *RUN, "--device", "cpu", "--out", "m.h5", "--", "data.h5")
    stopped = portable_dnn_command(*command)
    assert stopped.lines[-1].endswith(" --out m.h5 --resume -- data.h5")


def test_the_history_is_saved_where_the_model_cannot_be(portable_dnn_command, monkeypatch, folder):

    def refuse(model, path):
        raise OutputError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(store, "save_model", refuse)
    outcome = portable_dnn_command(*train(), "--history", "h.json")
    assert outcome.code == 1
    assert "history  h.json" in outcome.lines
    assert json.loads((folder / "h.json").read_text("utf-8"))["iteration"] == [0]


def test_a_long_setting_does_not_hide_the_advice(refused, succeeds, monkeypatch):
    with monkeypatch.context() as patch:
        describe = guard.describe_run

        def talkative(*arguments):
            run = describe(*arguments)
            return {**run, "settings": {**run["settings"], "x": {"deep": "y" * 9000}}}

        patch.setattr(guard, "describe_run", talkative)
        succeeds(*train(), *EVERY)
    said = refused(*train(), *EVERY, "--resume")
    assert said.endswith("leave out --resume to begin anew")
    assert len(said) < 400
