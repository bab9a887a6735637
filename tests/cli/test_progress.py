"""Lines about what is being done, where there is no terminal to draw a bar in."""

import time
from itertools import pairwise

import pytest

from portable_dnn.cli import heartbeat
from portable_dnn.cli.commands import evaluate, predict, sweep, train

SMALL = ("--layers", "2", "--iterations", 3, "--device", "cpu")


@pytest.fixture(autouse=True)
def said_at_all(monkeypatch):
    monkeypatch.delenv(heartbeat.VARIABLE)


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(heartbeat, "FIRST_SECONDS", 0.005)


@pytest.fixture
def slowly(monkeypatch):
    """Return a function that has something take its time."""

    def slow(module, name):
        function = getattr(module, name)

        def later(*arguments, **named):
            time.sleep(0.05)
            return function(*arguments, **named)

        monkeypatch.setattr(module, name, later)

    return slow


def said(outcome, text):
    """Whether a line says it, on the standard error only, and for how long it has gone on."""
    assert outcome.code == 0
    lines = [line for line in outcome.err.splitlines() if text in line]
    assert all(line.startswith("portable-dnn: ") and line.endswith(" s so far") for line in lines)
    assert "so far" not in outcome.out
    return bool(lines)


@pytest.mark.usefixtures("soon")
def test_a_comparison_says_how_far_it_is(portable_dnn_command, data):
    outcome = portable_dnn_command("compare", "--backend", "numpy", "--data", data, *SMALL[:4])
    assert said(outcome, " results judged, ")


@pytest.mark.usefixtures("soon")
def test_commands_say_what_they_do(portable_dnn_command, slowly, data, model, picture):
    slowly(evaluate, "load_data")
    slowly(evaluate, "evaluate_model")
    outcome = portable_dnn_command("evaluate", model, data)
    assert said(outcome, "reading the files, ")
    assert said(outcome, "evaluating, ")
    slowly(predict, "load_pictures")
    slowly(predict, "classify")
    outcome = portable_dnn_command("predict", model, picture)
    assert said(outcome, "reading pictures")
    assert said(outcome, "classifying, ")
    slowly(sweep, "run")
    outcome = portable_dnn_command("sweep", data, *SMALL)
    assert said(outcome, "iteration ")
    assert " of 9, " in outcome.err


@pytest.mark.usefixtures("soon")
def test_quiet_is_silent_and_what_is_quick_says_nothing(monkeypatch, slowly, succeeds, data):
    slowly(train, "run")
    assert succeeds("train", data, *SMALL, "--quiet").err == ""
    monkeypatch.setattr(heartbeat, "FIRST_SECONDS", 60.0)
    assert succeeds("train", data, *SMALL).err == ""
    monkeypatch.setattr(heartbeat, "FIRST_SECONDS", 0.005)
    monkeypatch.setenv(heartbeat.VARIABLE, "off")
    assert succeeds("train", data, *SMALL).err == ""


def test_without_a_thread_the_work_is_done(monkeypatch):
    def none(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(heartbeat.Thread, "start", none)
    with heartbeat.heartbeat(print, lambda: "working"):
        pass


def test_lines_become_rarer(monkeypatch):
    monkeypatch.setattr(heartbeat, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(heartbeat, "LONGEST_SECONDS", 0.04)
    times = []
    with heartbeat.heartbeat(lambda text: times.append(time.monotonic()), lambda: "working"):
        time.sleep(0.3)
    pauses = [after - before for before, after in pairwise(times)]
    assert len(pauses) >= 2
    assert min(pauses) >= 0.019
    assert pauses[0] < 0.3


def test_nobody_is_told_twice_who_does_not_listen(monkeypatch):
    monkeypatch.setattr(heartbeat, "FIRST_SECONDS", 0.005)
    asked = []

    def closed(text):
        asked.append(text)
        raise BrokenPipeError

    with heartbeat.heartbeat(closed, lambda: "working"):
        time.sleep(0.1)
    assert len(asked) == 1
