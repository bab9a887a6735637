"""`train --checkpoint-every` and `--resume`: nothing is lost, and nothing else changes."""

import errno
import json
import os
import signal

import numpy as np
import pytest

from portable_dnn import checkpoints
from portable_dnn.checkpoint import read_checkpoint
from portable_dnn.checkpoints import list_checkpoints
from portable_dnn.cli.console import Bar
from portable_dnn.store import load_model

RUN = ("--iterations", 55, "--layers", "3,2", "--learning-rate", 0.1)
EVERY = ("--checkpoint-every", 10)


@pytest.fixture(autouse=True)
def _wide(make_data):
    """Every test needs pictures with more pixels than there are pictures."""
    make_data(size=8)


@pytest.fixture(autouse=True)
def _heard():
    """A job in the background is started deaf to Ctrl-C, and the program keeps to that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def train(device="cpu", out="m.h5"):
    return ("train", "data.h5", *RUN, "--device", device, "--out", out)


def same_bits(folder, first="m.h5", second="whole.h5"):
    a, b = (load_model(folder / name).parameters for name in (first, second))
    return all(a[name].tobytes() == b[name].tobytes() for name in b)


def iterations(folder, out="m.h5"):
    return [iteration for iteration, _ in list_checkpoints(folder / out)]


@pytest.fixture
def signals_at(monkeypatch):
    """Return a function that has signals sent when so many iterations are done."""

    def send(done, *numbers):
        move = Bar.move

        def moved(bar, now, cost=None):
            move(bar, now, cost)
            if now == done:
                for number in numbers:
                    signal.raise_signal(number)

        monkeypatch.setattr(Bar, "move", moved)

    return send


@pytest.mark.parametrize("compress", ["on", "off"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_and_gone_on_with(
    portable_dnn_command, succeeds, signals_at, monkeypatch, folder, device, number, code, compress
):
    command = (*train(device), *EVERY, "--compress", compress, "--history", "h.json")
    succeeds(*train(device, "whole.h5"), "--compress", compress, "--history", "whole.json")
    with monkeypatch.context():
        signals_at(30, number)
        stopped = portable_dnn_command(*command)
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert stopped.code == code
    assert stopped.err == ""
    name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    assert stopped.lines[-3:] == [
        f"stopped  by {name} after 30 of 55 iterations",
        "kept     m.h5.checkpoint-0000000030",
        f"go on    portable-dnn {' '.join(map(str, command))} --resume",
    ]
    assert not (folder / "m.h5").exists()
    assert iterations(folder) == [30, 20]
    rest = succeeds(*command, "--resume")
    assert "resume   m.h5.checkpoint-0000000030: 30 of 55 iterations are done" in rest.lines
    assert "cost after iteration" not in rest.out
    assert same_bits(folder)
    whole, gone_on = (json.loads((folder / n).read_text("utf-8")) for n in ("whole.json", "h.json"))
    for key in ("iteration", "cost", "gradient_norm", "dead_share", "final_cost", "compressed"):
        assert gone_on[key] == whole[key]
    assert iterations(folder) == [55, 50]
    again = succeeds(*command, "--resume")
    assert "resume   m.h5.checkpoint-0000000055: 55 of 55 iterations are done" in again.lines
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
    assert line == "resume   no checkpoint beside m.h5: from the beginning"
    assert same_bits(folder)
    assert iterations(folder) == []


def test_by_the_clock(succeeds, folder):
    succeeds(*train(), "--checkpoint-every", "0.000001s")
    assert iterations(folder)[0] == 55
    assert len(iterations(folder)) == 2


def test_ctrl_c_keeps_a_checkpoint_even_if_none_were_asked_for(
    portable_dnn_command, signals_at, folder
):
    signals_at(1, signal.SIGINT)
    outcome = portable_dnn_command(*train())
    assert outcome.code == 130
    assert outcome.lines[-1].endswith("--out m.h5 --resume")
    assert iterations(folder) == [1]


def test_without_out_nothing_is_kept(portable_dnn_command, signals_at, folder):
    signals_at(1, signal.SIGINT)
    before = sorted(folder.iterdir())
    outcome = portable_dnn_command("train", "data.h5", *RUN, "--device", "cpu")
    assert outcome.code == 130
    assert outcome.lines[-1] == "nothing  of it is kept: to keep it, name --out"
    assert sorted(folder.iterdir()) == before


def test_the_second_ctrl_c_ends_at_once(portable_dnn_command, signals_at, folder):
    signals_at(30, signal.SIGINT, signal.SIGINT)
    outcome = portable_dnn_command(*train(), *EVERY)
    assert outcome.code == 130
    assert "stopped" not in outcome.out
    assert "Traceback" not in outcome.err
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_signal_while_the_model_is_written(portable_dnn_command, monkeypatch, folder):
    before = sorted(folder.iterdir())
    flush = os.fsync

    def late(descriptor):
        flush(descriptor)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(os, "fsync", late)
    assert portable_dnn_command(*train()).code == 143
    assert sorted(folder.iterdir()) == before


def test_signals_are_left_as_they_were(succeeds):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    succeeds(*train())
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_signal_that_was_ignored_stays_ignored(succeeds, signals_at):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        signals_at(30, signal.SIGINT)
        succeeds(*train(), *EVERY)
    finally:
        signal.signal(signal.SIGINT, before)


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
        "content; passed over\n"
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


@pytest.mark.filterwarnings("always")
def test_a_disk_that_is_full_for_a_while(portable_dnn_command, succeeds, monkeypatch, folder):
    succeeds(*train(out="whole.h5"))
    replace, calls = checkpoints.replace_bytes, []

    def full(*arguments):
        calls.append(arguments)
        if len(calls) < 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(*arguments)

    monkeypatch.setattr(checkpoints, "replace_bytes", full)
    # Each write is waited for, so that there are more than three for sure.
    put = checkpoints.Background.put
    monkeypatch.setattr(
        checkpoints.Background, "put", lambda self, piece: (put(self, piece), self.wait())
    )
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
    assert line.endswith(f"the last checkpoint before it is m.h5.checkpoint-{newest:010d}")
    kept = read_checkpoint(folder / f"m.h5.checkpoint-{newest:010d}")
    assert all(np.isfinite(array).all() for array in kept.snapshot.state.values())
    assert not (folder / "m.h5").exists()


def test_another_run_is_refused(refused, succeeds, make_data):
    succeeds(*train(), *EVERY)
    for change, said in (
        (("--learning-rate", 0.2), "learning_rate 0.1 there and 0.2 here"),
        (("--layers", "3"), "layers 3,2 there and 3 here"),
        (("--dtype", "float32"), "dtype float64 there and float32 here"),
        (("--iterations", 60), "iterations 55 there and 60 here"),
    ):
        sentence = refused(*train(), *EVERY, "--resume", *change)
        assert sentence.startswith("m.h5.checkpoint-0000000055 is of another run: ")
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
    assert said == f"{option[0]} needs --out MODEL.h5: checkpoints lie beside the model"


@pytest.mark.skipif(os.name == "nt", reason="Windows has other limits")
def test_a_name_that_is_too_long_for_a_checkpoint(refused):
    refused(*train(out="m" * 250 + ".h5"), *EVERY)
