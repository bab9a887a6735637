"""Ctrl-C, SIGTERM and a closed terminal: when they come, and what is kept."""

import os
import signal
import subprocess
import sys

import pytest

from portable_dnn.cli import guard
from portable_dnn.models.store import load_model
from portable_dnn.results import experiment
from tests.cli.checkpointed import EVERY, RUN, SIGNALS, iterations, same_bits, train

pytestmark = pytest.mark.usefixtures("wide", "heard")

# What the guard of a run does between two iterations.
LOOKS = {(guard.__file__, "look"), (guard.__file__, "keep")}


def test_ctrl_c_keeps_a_checkpoint_even_if_none_were_asked_for(
    portable_dnn_command, signals_at, folder
):
    signals_at(1, signal.SIGINT)
    outcome = portable_dnn_command(*train())
    assert outcome.code == 130
    assert outcome.lines[-1].endswith("--out m.h5 --resume")
    assert iterations(folder) == [1]


def test_a_signal_at_any_line_of_the_look_keeps_a_checkpoint(portable_dnn_command, folder):
    def signal_at(number):
        """Return a trace function that sends a signal before that line of all those of looks."""
        left = [number]

        def trace(frame, event, _):
            if (frame.f_code.co_filename, frame.f_code.co_name) not in LOOKS:
                return None
            left[0] -= event == "line"
            if left[0] >= 0:
                return trace
            sys.settrace(None)
            return signal.raise_signal(signal.SIGTERM)

        return trace

    before = sys.gettrace()
    for number in range(12):
        sys.settrace(signal_at(number))
        try:
            outcome = portable_dnn_command(*train(out=f"{number}.h5"))
        finally:
            sys.settrace(before)
        assert outcome.code == 143
        assert iterations(folder, f"{number}.h5"), f"line {number}: {outcome.out}"


def test_without_out_nothing_is_kept(portable_dnn_command, signals_at, folder):
    signals_at(1, signal.SIGINT)
    before = sorted(folder.iterdir())
    outcome = portable_dnn_command("train", "data.h5", *RUN, "--device", "cpu")
    assert outcome.code == 130
    assert outcome.lines[-1] == "kept     nothing: to keep a run, add --out"
    assert sorted(folder.iterdir()) == before


def test_the_second_ctrl_c_ends_at_once(portable_dnn_command, signals_at, folder):
    signals_at(30, signal.SIGINT, signal.SIGINT)
    outcome = portable_dnn_command(*train(), *EVERY)
    assert outcome.code == 130
    assert "stopped" not in outcome.out
    assert "Traceback" not in outcome.err
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        (("SIGHUP", "SIGHUP", "SIGHUP"), 129),
        (("SIGTERM", "SIGHUP"), 143),
        (("SIGHUP", "SIGTERM"), 129),
        (("SIGHUP", "SIGTERM", "SIGTERM"), 143),
    ],
)
def test_a_closed_terminal_is_told_of_by_kernel_and_shell(
    portable_dnn_command, signals_at, folder, numbers, code
):
    """That is no second signal of somebody who will not wait."""
    signals_at(1, *(getattr(signal, name) for name in numbers))
    outcome = portable_dnn_command(*train())
    assert outcome.code == code
    patient = numbers.count("SIGTERM") < 2
    assert ("stopped  by" in outcome.out) is patient
    assert iterations(folder) == ([1] if patient else [])


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no Ctrl-C to a child alone")
def test_the_second_ctrl_c_ends_a_library_that_computes_for_minutes(folder):
    program = (
        "import hashlib, sys\n"
        "from portable_dnn.cli import main\n"
        "from portable_dnn.cli.console import Bar\n"
        "def move(bar, now, cost=None):\n"
        "    print('computing', flush=True)\n"
        "    hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)\n"  # Python hears nothing meanwhile
        "Bar.move = move\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, *map(str, train()), "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "computing\n"
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(60) == 130
        finally:
            process.kill()


@pytest.fixture
def signals_while_saving(monkeypatch):
    """Return a function that has signals sent when the model's file is flushed."""

    def send(*numbers):
        flush, rest = os.fsync, [numbers]

        def late(descriptor):
            flush(descriptor)
            for number in rest.pop() if rest else ():
                signal.raise_signal(number)

        monkeypatch.setattr(os, "fsync", late)

    return send


@pytest.mark.parametrize("kind", SIGNALS, ids=lambda kind: kind.name)
def test_a_signal_while_the_model_is_written_lets_it_be_finished(
    portable_dnn_command, succeeds, signals_while_saving, folder, kind
):
    succeeds(*train(out="whole.h5"))
    signals_while_saving(kind.number)
    outcome = portable_dnn_command(*train(), "--history", "h.json")
    assert (outcome.code, outcome.err) == (kind.code, "")
    assert outcome.lines[-3:] == [
        "model    m.h5",
        "history  h.json",
        f"stopped  by {kind.name} after the last iteration: everything is saved",
    ]
    assert same_bits(folder)


def test_a_second_signal_while_the_model_is_written(
    portable_dnn_command, signals_while_saving, folder
):
    before = sorted(folder.iterdir())
    signals_while_saving(signal.SIGTERM, signal.SIGTERM)
    assert portable_dnn_command(*train()).code == 143
    assert sorted(folder.iterdir()) == before


def test_a_signal_after_the_last_look(portable_dnn_command, monkeypatch, folder):
    evaluate = experiment.evaluate

    def late(*arguments):
        monkeypatch.setattr(experiment, "evaluate", evaluate)  # one signal, not one for each set
        signal.raise_signal(signal.SIGINT)
        return evaluate(*arguments)

    monkeypatch.setattr(experiment, "evaluate", late)
    assert portable_dnn_command(*train()).code == 130
    assert load_model(folder / "m.h5").parameters


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
