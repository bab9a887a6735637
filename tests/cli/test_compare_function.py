"""`compare --function`: a function of the user's own, from the command line."""

import json

import numpy as np
import pytest

from portable_dnn.cli import show_function
from portable_dnn.equivalence import FunctionReport, JudgedOperation
from portable_dnn.errors import OutputError

SOURCE = """
def centred(x, *, xp):
    return x - xp.mean(x, axis=0)

def wrong(x):
    return x.nothing

def compiled(x):
    return x - x.mean(axis=0)

def carelessly(x):
    return x - x.mean(axis=0) * 1.001

def ends(x):
    raise SystemExit(0)

def fails(x):
    raise ValueError("not today")

def waits(x):
    y = x - 1.0
    raise KeyboardInterrupt  # as Ctrl-C would

number = 3
"""


@pytest.fixture(autouse=True)
def module(folder):
    (folder / "ours_to_judge.py").write_text(SOURCE)
    np.savez(folder / "inputs.npz", x=np.eye(4, dtype=np.float32))


COMMAND = ("compare", "--backend", "numpy", "--inputs", "inputs.npz", "--function")


def test_a_function_is_judged_and_the_report_kept(succeeds, folder):
    kept = ("--json", "report.json", "--html", "page.html")
    outcome = succeeds(*COMMAND, "ours_to_judge:centred", *kept)
    assert outcome.lines[0].startswith("where")
    assert "right: 2 operations of centred on numpy:cpu" in outcome.out
    assert outcome.lines[-2:] == ["report   report.json", "page     page.html"]
    page = (folder / "page.html").read_text("utf-8")
    assert "right: 2 operations of centred" in page
    assert "x - mean(x)" in page
    assert np.__version__ in page
    content = json.loads((folder / "report.json").read_text("utf-8"))
    assert [one["name"] for one in content["operations"]] == ["mean", "subtract"]
    np.savez(folder / "inputs.npz", np.eye(4))
    assert (
        "right: 2 " in succeeds(*COMMAND, "ours_to_judge:centred", "--dtype", "float32", "-q").out
    )


def test_a_compiled_function_is_judged_as_a_whole(portable_dnn_command):
    for name, code, words in (("compiled", 0, "right: 2"), ("carelessly", 1, "WRONG as a whole:")):
        options = ("ours_to_judge:centred", "--compiled", f"ours_to_judge:{name}")
        outcome = portable_dnn_command(*COMMAND, *options)
        assert (outcome.code, outcome.err) == (code, "")
        assert outcome.lines[-1].startswith(words)
    options = ("ours_to_judge:centred", "--compiled", "ours_to_judge:none")
    outcome = portable_dnn_command(*COMMAND, *options)
    assert (outcome.code, "--compiled: ours_to_judge has no none" in outcome.err) == (2, True)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("ours_to_judge", "package.module:name would be right"),
        ("nowhere_at_all:f", "nowhere_at_all cannot be imported"),
        ("ours_to_judge:none", "ours_to_judge has no none"),
        ("ours_to_judge:number", "is a int, not a function"),
        ("ours_to_judge:fails", "ours_to_judge:fails fails with these inputs: not today"),
        ("ours_to_judge:ends", "ours_to_judge:ends ends the program: exit code 0"),
        ("ours_to_judge:wrong", "ours_to_judge:wrong fails with these inputs: "),
    ],
)
def test_what_is_no_function_is_refused(refused, function, words):
    assert words in refused(*COMMAND, function)


def test_what_does_not_go_together_is_refused(refused, folder):
    assert "all three are needed" in refused("compare", "--function", "a:b", "--backend", "cpu")
    message = refused(*COMMAND, "ours_to_judge:centred", "--reference", "torch", "--layers", "3")
    assert "--reference, --layers: of the network, not of --function" in message
    (folder / "inputs.npz").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert "pickle" not in refused(*COMMAND, "ours_to_judge:centred")
    np.savez(folder / "inputs.npz")
    assert "inputs.npz holds no arrays" in refused(*COMMAND, "ours_to_judge:centred")
    (folder / "inputs.npz").write_bytes(b"PK no archive")
    assert "is no file of arrays" in refused(*COMMAND, "ours_to_judge:centred")
    (folder / "inputs.npz").unlink()
    assert "inputs.npz does not exist" in refused(*COMMAND, "ours_to_judge:centred")


def test_a_wrong_operation_ends_with_1_though_nothing_can_be_written(
    portable_dnn_command, monkeypatch
):
    wrong = JudgedOperation("add", "x + y", "f.py", 3, "wrong", "9 where 8 is right")
    report = FunctionReport("centred", "numpy:cpu", (wrong,), (), None)
    monkeypatch.setattr(show_function, "compare_function", lambda *_, **__: report)

    def full(path, write, what):
        raise OutputError(f"cannot write {path}: no space left on the device")

    monkeypatch.setattr(show_function, "write_somewhere", full)
    outcome = portable_dnn_command(*COMMAND, "ours_to_judge:centred", "--json", "r.json")
    assert outcome.code == 1
    assert "the first is add at f.py:3, x + y: 9 where 8 is right" in outcome.out
    assert "no space left" in outcome.err


def test_a_report_takes_the_place_of_no_module(refused, folder):
    (folder / "that_stays.py").write_text(SOURCE)
    said = refused(*COMMAND, "that_stays:centred", "--json", "that_stays.py")
    assert "--json that_stays.py is also the module of --function; name another file" in said
    assert (folder / "that_stays.py").read_text() == SOURCE
    (folder / "compiled_that_stays.py").write_text(SOURCE)
    both = ("that_stays:centred", "--compiled", "compiled_that_stays:compiled")
    said = refused(*COMMAND, *both, "--html", "compiled_that_stays.py")
    assert "is also the module of --compiled; name another file" in said
    assert (folder / "compiled_that_stays.py").read_text() == SOURCE


def test_a_function_that_changes_the_folder_moves_no_report(succeeds, folder):
    (folder / "elsewhere").mkdir()
    (folder / "that_moves.py").write_text(
        "import os\n\ndef moves(x):\n    os.chdir('elsewhere')\n    return x + 1\n"
    )
    # It is called more than once, each time from the same folder.
    succeeds(*COMMAND, "that_moves:moves", "--json", "report.json")
    assert (folder / "report.json").is_file()


def test_what_was_judged_before_ctrl_c_is_kept(portable_dnn_command, folder):
    outcome = portable_dnn_command(*COMMAND, "ours_to_judge:waits", "--json", "report.json")
    assert outcome.code == 130
    said = "stopped before its end; until then right: 1 operation of waits on numpy:cpu"
    assert said in outcome.out
    content = json.loads((folder / "report.json").read_text("utf-8"))
    assert content["stopped"]
    assert content["outcome"] == "right in part"
    assert [one["name"] for one in content["operations"]] == ["subtract"]
