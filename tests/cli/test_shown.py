"""Names of files and words of libraries are shown as text; no digit of a result is cut off."""

import io
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.cells import cell_len

from portable_dnn.cli.commands import devices
from portable_dnn.cli.console import Output

# Set the title, wipe the line, turn the direction round, a C1 control, and a row of one's own.
EVIL = "e\x1b]2;t\x07\x1b[2K\u202e\x9d0;x\x9c\nlast.png  cat  1.0000"


def as_text(outcome):
    """See that nothing steers the terminal, and return all lines."""
    said = outcome.out + outcome.err
    assert re.findall(r"[^\n\x20-\x7e\xa0-\uffff]", said) == []
    assert "\u202e" not in said
    return said.split("\n")


@pytest.fixture
def evil_folder(folder, data):
    """A folder of pictures, a data file and a class, all of evil names."""
    (folder / "photos").mkdir()
    for name in ("a.png", f"{EVIL}.png"):
        Image.new("RGB", (3, 3)).save(folder / "photos" / name)
    return data.rename(folder / f"{EVIL}.h5")


def test_names_of_pictures(portable_dnn_command, model, evil_folder):
    outcome = portable_dnn_command("predict", model, "photos")
    assert outcome.code == 0
    assert len(as_text(outcome)) == 4  # a heading, two pictures, the end of the last line


@pytest.mark.parametrize(
    "arguments",
    [
        ("data", "info"),
        ("train", "--layers", "2", "--iterations", 1),
        ("compare", "--backend", "numpy", "--layers", "2", "--iterations", 1, "--data"),
        ("evaluate", "model.h5"),
        ("summary",),  # it is no model
        ("predict", "model.h5"),  # nor a picture
        ("devices", "--no-such"),  # misuse is shown by another library
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.usefixtures("model")
def test_names_of_files(portable_dnn_command, evil_folder, arguments):
    lines = as_text(portable_dnn_command(*arguments, evil_folder))
    assert not [line for line in lines if line.startswith("last.png")]


def test_the_command_shows_what_a_library_says_as_text(portable_dnn_command, monkeypatch):
    def fail(_name):
        raise RuntimeError(EVIL)

    monkeypatch.setattr(devices, "look_at", fail)
    lines = as_text(portable_dnn_command("devices"))
    assert not [line for line in lines if line.startswith("last.png")]


def test_a_fault_of_the_program_has_a_code_of_its_own(portable_dnn_command, monkeypatch):
    def fail(_name):
        raise LookupError(EVIL)

    monkeypatch.setattr(devices, "choose_device", fail)
    outcome = portable_dnn_command("devices")
    lines = as_text(outcome)
    assert outcome.code == 70
    assert any(line.startswith("Traceback") for line in lines)
    assert any(line.startswith(r"LookupError: e\x1b]2;t") for line in lines)
    assert lines[-2].endswith("please report it with all these lines")


# ---- terminals ----------------------------------------------------------------------------------

CELLS = st.text(st.characters(exclude_categories=()), max_size=12)
TABLES = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=4)
)


def printed(rows, columns, encoding, **variables):
    """Print a table in a terminal, or to a file, and return its lines."""
    bare = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        stream = io.TextIOWrapper(bare, encoding, errors="backslashreplace", newline="\n")
        patch.setattr(sys, "stdout", stream)
        for name, value in {"COLUMNS": str(columns), "TERM": "xterm", **variables}.items():
            patch.setenv(name, value)
        Output().table(rows[0], rows[1:])
        stream.flush()
        return bare.getvalue().decode(encoding).split("\n")[:-1]


@given(TABLES, st.integers(0, 120), st.sampled_from(["utf-8", "ascii", "cp1252", "shift-jis"]))
def test_a_table_to_a_file_has_a_line_a_row(rows, columns, encoding):
    lines = printed(rows, columns, encoding)
    assert len(lines) == len(rows)


@given(
    st.lists(st.lists(st.floats(0, 1e9).map("{:.6f}".format), min_size=4, max_size=4), min_size=1),
    st.integers(0, 120),
    st.sampled_from(["utf-8", "ascii", "cp437"]),
)
def test_no_digit_is_cut_off_however_narrow_the_terminal(rows, columns, encoding):
    heading = ["test accuracy", "cost", "猫 or é", "learning rate"]
    lines = printed([heading, *rows], columns, encoding, FORCE_COLOR="1")
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert re.findall(r"\d+\.\d{6}", "\n".join(plain)) == [cell for row in rows for cell in row]
    if plain[0][0] not in "t":  # drawn, so it is as wide as the terminal at most
        assert max(map(cell_len, plain)) <= columns


def test_wide_letters_and_those_that_an_encoding_lacks_stay_in_their_columns():
    rows = [["name", "cost"], ["猫", "1.5"], ["ab", "2.5"]]
    assert printed(rows, 80, "utf-8") == ["name  cost", "猫     1.5", "ab     2.5"]
    assert printed(rows, 80, "ascii") == ["name    cost", "\\u732b   1.5", "ab       2.5"]


def test_what_grows_is_not_drawn_where_it_does_not_fit(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("FORCE_COLOR", "1")
    with Output().growing(("operation", "error"), lambda: [("x" * 30, "1.25")], lambda: "3 done"):
        pass
    shown = capsys.readouterr().out
    assert "3 done" in shown
    assert "…" not in shown
