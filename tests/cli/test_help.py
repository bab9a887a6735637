"""What `--help` says: a whole sentence for everything, and every exit code that is used."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

import portable_dnn.cli.commands
from portable_dnn.cli.app import app

COMMANDS = Path(portable_dnn.cli.commands.__file__).parent
# What click and typer add by themselves.
BUILT_IN = {"help", "install_completion", "show_completion"}
# The commands that end with something other than 0 and 2, by `portable-dnn NAME`.
CODES = {
    "": {0, 1, 2, 70, 130},
    "train": {0, 1, 2, 70, 129, 130, 143},
    "sweep": {0, 1, 2, 70, 129, 130, 143},
    "compare": {0, 1, 2, 70, 130},
    "doctor": {0, 1, 2, 70},
}
# How a command gives another exit code, or waits for a signal that becomes one.
OTHER_CODES = re.compile(r"typer\.Exit\(|\bcaught\(|\bsave_model_somewhere\(")


def walk(command, name=""):
    """Return the program, its commands and their subcommands, by name."""
    found = {name: command}
    for sub, below in getattr(command, "commands", {}).items():
        found |= walk(below, f"{name} {sub}".strip())
    return found


PROGRAM = walk(get_command(app))
PARAMETERS = [
    pytest.param(parameter, id=f"{name} {parameter.name}".strip())
    for name, command in PROGRAM.items()
    for parameter in command.params
    if parameter.name not in BUILT_IN
]


def is_sentence(text):
    """Whether a text is a sentence of at least some words."""
    return bool(re.match(r"[A-Z].*\.$", text, re.DOTALL)) and len(text.split()) >= 4


def test_the_walk_finds_every_command_and_option():
    files = {path.stem for path in COMMANDS.glob("[a-z]*.py")}
    assert files == {name for name in PROGRAM if name and " " not in name}
    names = {values.id for values in PARAMETERS}
    assert {"version" in name for name in names} == {True, False}
    assert {"train out", "compare iterations", "predict pictures", "data import size"} <= names


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Of the free run.", False),  # four words, and still no sentence: see below
        ("Save here.", False),
        ("Number of updates of the weights", False),
        ("number of updates of the weights.", False),
        ("Number of updates of the weights.", True),
    ],
)
def test_what_a_sentence_is(text, right):
    assert (is_sentence(text) and not text.startswith(("Of ", "And "))) == right


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_option_and_argument_is_explained_in_whole_sentences(parameter):
    assert is_sentence(parameter.help or "")
    assert not parameter.help.startswith(("Of ", "And ", "Their ", "Default"))


@pytest.mark.parametrize("name", PROGRAM)
def test_every_command_is_explained_in_whole_sentences(name):
    paragraphs = PROGRAM[name].help.replace("\n", " ").split("  ")
    for paragraph in paragraphs:
        assert is_sentence(paragraph.strip())


@pytest.mark.parametrize("name", ["", "data"])
def test_no_summary_of_a_command_is_cut_short(succeeds, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    _, _, listed = succeeds(*name.split(), "--help").out.partition("Commands:\n")
    commands = listed.partition("\n\n")[0].splitlines()
    assert len(commands) >= 3
    for line in commands:
        assert line.endswith(".")
        assert not line.endswith("...")


def codes_shown(shown):
    """Read the exit codes and what they mean from a help."""
    _, _, listed = shown.partition("Exit codes:\n")
    return {
        int(code): meaning for code, meaning in re.findall(r"^ {4}(\d+) +(\S.*)$", listed, re.M)
    }


@pytest.mark.parametrize("name", PROGRAM)
def test_the_help_says_what_the_exit_codes_mean(succeeds, name):
    shown = codes_shown(succeeds(*name.split(), "--help").out)
    assert set(shown) == CODES.get(name, set())
    for meaning in shown.values():
        assert meaning[0].isupper()


def test_every_command_with_other_exit_codes_is_in_the_table():
    files = {
        path.stem for path in COMMANDS.glob("*.py") if OTHER_CODES.search(path.read_text("utf-8"))
    }
    assert files == set(CODES) - {""}


def test_no_line_of_a_help_is_wider_than_the_terminal(succeeds, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for name in PROGRAM:
        for line in succeeds(*name.split(), "--help").lines:
            assert len(line) <= 80
