"""What a person sees in a terminal: colours or lines drawn, and a bar that moves."""

import os
import re
import signal
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")

ESCAPE = "\x1b["


@pytest.fixture
def in_a_terminal():
    """Return a function that runs the program in a pseudo-terminal and gives what is written."""

    def run(*arguments, columns=100):
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns)}
        with subprocess.Popen(
            [sys.executable, "-m", "portable_dnn", *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
        ) as process:
            os.close(theirs)
            written = b""
            while True:
                try:
                    part = os.read(ours, 65536)
                except OSError:  # Linux's way of saying that the other end is closed
                    break
                if not part:
                    break
                written += part
            os.close(ours)
            assert process.wait() == 0, written
        return written.decode()

    return run


def test_training_shows_a_bar_and_draws_a_table(in_a_terminal, data):
    shown = in_a_terminal("train", data, "--layers", "2", "--iterations", 201, "--device", "cpu")
    assert ESCAPE in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    for line in ("cost after iteration    0: ", "cost after iteration  200: "):
        assert line in plain
    bars = re.findall(r"iteration +\d+/201 [^\r\n]*?cost (-|\d\.\d{6}) [^\r\n]*?left", plain)
    assert bars
    assert any(cost != "-" for cost in bars)
    assert "━" in plain
    rows = re.findall(r"│ (training|test) +│ +(\d) │ +\d │ +\d\.\d{4} │ \d\.\d{6} │", plain)
    assert rows == [("training", "8"), ("test", "4")]
    assert "\x1b[?25h" in shown  # the cursor is back
    assert len(re.findall("pictures +┃", plain)) == 1


def test_the_bar_keeps_its_digits_where_it_is_narrow(in_a_terminal, data):
    narrow = ("--layers", "2", "--iterations", 201, "--device", "cpu")
    shown = in_a_terminal("train", data, *narrow, columns=24)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"\d+/201 cost \d\.\d{6}", plain)
    assert "…" not in plain


def test_quiet_is_plain_in_a_terminal(in_a_terminal, data):
    shown = in_a_terminal("train", data, "--layers", "2", "--iterations", 2, "-q")
    assert ESCAPE not in shown
    assert "━" not in shown
    assert shown.startswith("pictures  number")


def test_a_sweep_counts_the_iterations_of_all_its_runs(in_a_terminal, data):
    shown = in_a_terminal("sweep", data, "--layers", "2", "--iterations", 2, "--device", "cpu")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"iteration 6/6 [^\r\n]*cost \d", plain)
    assert "│ 0.0075 " in plain


def test_a_comparison_shows_what_it_has_judged(in_a_terminal, data):
    small = ("--data", data, "--layers", "3", "--iterations", 3)
    shown = in_a_terminal("compare", "--backend", "numpy", *small, columns=120)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert re.search(r"probes: \d+ results judged", plain)
    assert len(re.findall("operation +┃", plain)) > 1  # drawn again and again, and once at the end
    end = plain[plain.rindex("┏") :]
    assert re.search(r"│ layer 1, forward product +│ +Z1 │.*│ +identical │", end)
    assert "results judged" not in end.partition("verdict")[0]
    assert "\x1b[?25h" in shown  # the cursor is back


def test_json_stays_json_in_a_terminal(in_a_terminal, model, picture):
    import json

    shown = in_a_terminal("predict", model, picture, "--json", "--device", "cpu", columns=20)
    assert json.loads(shown)[0]["picture"] == str(picture)


def test_what_counts_as_a_terminal_may_be_forced(succeeds, data, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    for command in ("train", "sweep"):
        shown = succeeds(command, data, "--layers", "2", "--iterations", 101).out
        assert ESCAPE in shown
        assert "┏━" in shown


@pytest.mark.usefixtures("heard")
def test_a_terminal_that_is_closed_leaves_a_checkpoint(data, folder):
    """SIGHUP comes, and nothing can be written to the terminal any more."""
    ours, theirs = pty.openpty()
    command = ("train", data, "--layers", "2", "--iterations", 10**7, "--out", "m.h5")
    program = (
        "import fcntl, sys, termios\n"
        "from portable_dnn.cli import main\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"  # its own terminal, as a shell has
        "main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, *map(str, command), "--device", "cpu"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        written = b""
        while b"cost after" not in written:
            written += os.read(ours, 65536)
        os.close(ours)
        try:
            assert process.wait(60) == 129
        finally:
            process.kill()
    assert len(list(folder.glob("m.h5.checkpoint-*"))) == 1


def test_a_pipe_that_is_closed_leaves_a_checkpoint(data, folder):
    """No signal comes: what the run has done is kept all the same."""
    command = ("train", data, "--layers", "2", "--iterations", 10**7, "--out", "m.h5")
    with subprocess.Popen(
        [sys.executable, "-m", "portable_dnn", *map(str, command), "--device", "cpu"],
        stdout=subprocess.PIPE,
    ) as process:
        while b"cost after" not in process.stdout.readline():
            pass
        process.stdout.close()
        try:
            assert process.wait(60) not in (0, -signal.SIGPIPE)
        finally:
            process.kill()
    assert len(list(folder.glob("m.h5.checkpoint-*"))) == 1


def test_a_result_that_cannot_be_shown_is_kept(data, folder):
    """The pipe is closed just when the run is done."""
    program = (
        "import io, sys\n"
        "from portable_dnn.cli import main\n"
        "class Pipe(io.TextIOWrapper):\n"
        "    def write(self, text):\n"
        "        if 'accuracy' in text:\n"
        "            sys.stdout.closed_now = True\n"
        "        if getattr(self, 'closed_now', False):\n"
        "            raise BrokenPipeError(32, 'Broken pipe')\n"
        "        return super().write(text)\n"
        "sys.stdout = Pipe(sys.stdout.detach(), line_buffering=True)\n"
        "main()\n"
    )
    kept = ("--out", "m.h5", "--history", "h.json", "--plots", "plots")
    command = ("train", data, "--layers", "2", "--iterations", 101, *kept, "--device", "cpu")
    done = subprocess.run([sys.executable, "-c", program, *map(str, command)], capture_output=True)
    assert done.returncode == 1, done.stderr
    assert b"cost after iteration  100" in done.stdout
    assert b"accuracy" not in done.stdout
    assert b"Traceback" not in done.stderr
    assert (folder / "m.h5").exists()
    assert (folder / "h.json").exists()
    assert len(list((folder / "plots").iterdir())) > 2


def test_reading_pictures_shows_a_bar(in_a_terminal, tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name in ("cat", "dog"):
        (tmp_path / "album" / name).mkdir(parents=True)
        for number in range(3):
            image.new("RGB", (9, 9)).save(tmp_path / "album" / name / f"{number}.png")
    shown = in_a_terminal("data", "import", tmp_path / "album", "--out", tmp_path / "d.h5")
    assert "picture" in shown
    assert re.search(r"6/6", shown)
