"""`portable-dnn compare`: verdicts, exit codes, what is printed and what is kept.

What it finds is tested where it is computed (tests/equivalence); here a small network on small
pictures is compared, on NumPy and on toyarray, a library that can be broken.
"""

import errno
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from portable_dnn.arrays import registry
from portable_dnn.cli.console import Output
from portable_dnn.equivalence import read_report
from portable_dnn.equivalence.report import file as report_file
from portable_dnn.equivalence.report import save as save_report
from portable_dnn.errors import OutputError

SMALL = ("--data", "data.h5", "--layers", "3", "--iterations", 4)
PICTURES = ("error_by_iteration.png", "error_by_operation.png")


@pytest.fixture(autouse=True)
def _data(data):
    """Every test needs pictures."""


def in_tf32(toyarray, monkeypatch):
    """Have products multiply in TF32, as cards do: 10 bits after the point."""
    exact = toyarray.Array.__matmul__

    def cut(array):
        if array.dtype != np.float32:
            return array
        bits = np.ascontiguousarray(array.values).view(np.uint32)
        return toyarray.Array(((bits + 0x1000) & np.uint32(0xFFFFE000)).view(np.float32))

    monkeypatch.setattr(toyarray.Array, "__matmul__", lambda a, b: exact(cut(a), cut(b)))


def table(outcome):
    """Return the table's rows as lists of cells, without its heading."""
    rows = [re.split(r" {2,}", line) for line in outcome.lines]
    rows = [row for row in rows if len(row) == 7]
    assert rows[0][0] == "operation"
    return rows[1:]


def verdict(outcome):
    (line,) = [line for line in outcome.lines if line.startswith("verdict  ")]
    return line.removeprefix("verdict  ")


# Verdicts


def test_a_backend_is_the_same_as_itself_and_everything_is_kept(succeeds, folder):
    outcome = succeeds(
        *("compare", "--backend", "numpy", *SMALL),
        *("--json", "report.json", "--html", "report.html", "--plots", "pictures"),
    )
    assert re.match(r"The same numbers: all \d{3} results of numpy:cpu have", verdict(outcome))
    rows = table(outcome)
    assert {row[-1] for row in rows} == {"identical"}
    names = [row[0] for row in rows]
    assert len(set(names)) == len(names)
    steps = [name for name in names if not name.startswith("probe: ")]
    assert names == steps + [name for name in names if name.startswith("probe: ")]
    flow = ["layer 1, forward product", "layer 2, activation (sigmoid)", "cost from logits"]
    flow += ["layer 2, backward product dW", "layer 1, backward sum db", "layer 1, update"]
    assert [name for name in steps if name in flow] == flow
    assert "free run 4 iterations give the same bits" in outcome.lines

    report = read_report(folder / "report.json")
    assert report.outcome == "same numbers"
    assert report.tested.device == report.reference.device == "numpy:cpu"
    assert report.tested.versions["numpy"] == np.__version__
    assert report.setup.layer_dims == (48, 3, 1)
    assert report.setup.settings["dtype"] == "float64"  # as for train
    assert "Not looked at: float32, where products in reduced precision" in outcome.out
    assert sorted(path.name for path in (folder / "pictures").iterdir()) == list(PICTURES)
    for name in ("report.json", "report.html", *(f"pictures/{p}" for p in PICTURES)):
        assert any(line.endswith(f" {name}") for line in outcome.lines), name


def test_another_backend_rounds_otherwise(succeeds, toy, monkeypatch):
    exact = toy.Array.__matmul__

    def backwards(a, b):  # sums in another order
        return exact(toy.Array(a.values[..., ::-1]), toy.Array(b.values[::-1]))

    monkeypatch.setattr(toy.Array, "__matmul__", backwards)
    outcome = succeeds("compare", "--backend", "toy:cpu", *SMALL, "--dtype", "float64")
    assert verdict(outcome).startswith("Rounding only: ")
    assert "judged   toy:cpu (toyarray 1.0)" in outcome.lines
    assert {row[-1] for row in table(outcome)} == {"identical", "rounding", "as step by step"}
    assert any("neither side is more right" in line for line in outcome.lines)


def test_products_in_tf32_are_wrong_by_name(portable_dnn_command, toy, monkeypatch, folder):
    in_tf32(toy, monkeypatch)
    plug_in = registry.get_backend("toy")
    monkeypatch.setattr(plug_in, "versions", lambda: {"toyarray": "1.0", "TOY_TF32": "1"})
    options = ("--json", "report.json", "--html", "report.html", "--dtype", "float32")
    outcome = portable_dnn_command("compare", "--backend", "toy", *SMALL, *options)
    assert (outcome.code, outcome.err) == (1, "")
    assert "Not looked at: float64 (--dtype float64)." in outcome.out
    assert verdict(outcome).startswith("Wrong at layer 1, forward product, ")
    wrong = {row[0] for row in table(outcome) if row[-1] == "WRONG"}
    assert {"layer 1, forward product", "layer 2, backward product dA"} <= wrong
    assert "layer 1, activation (relu)" not in wrong
    assert any("Do not trust results of toy:cpu" in line for line in outcome.lines)
    assert "         Settings that decide its digits: TOY_TF32 = 1." in outcome.lines
    assert read_report(folder / "report.json").outcome == "wrong"
    assert "Everything that is wrong" in (folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("function", "operation"), [("tanh", "activation (tanh)"), ("log1p", "cost from logits")]
)
def test_a_backend_that_dies_in_the_middle(
    portable_dnn_command, toy, monkeypatch, folder, function, operation
):
    def dies(*_, **__):
        raise RuntimeError("out of memory\nallocating 12 bytes")

    monkeypatch.setattr(toy, function, dies, raising=False)
    outcome = portable_dnn_command("compare", "--backend", "toy", *SMALL, "--json", "report.json")
    assert (outcome.code, outcome.err) == (2, "")
    assert "Traceback" not in outcome.out
    said = verdict(outcome)
    assert said.startswith(f"Could not be compared: toy:cpu failed at {operation}")
    assert "out of memory" in said
    report = read_report(folder / "report.json")
    assert report.outcome == "could not be compared"
    assert report.failure.operation.startswith(operation)
    assert report.judgements
    assert report.free_run is None


def test_quiet_is_the_verdict_alone(succeeds):
    outcome = succeeds("compare", "--backend", "numpy", *SMALL, "-q")
    assert outcome.lines == [f"verdict  {verdict(outcome)}"]


# All of them


def test_all_of_them(portable_dnn_command, toy, register, monkeypatch, folder):
    in_tf32(toy, monkeypatch)

    def load():
        raise RuntimeError("out of order")

    backends = {name: registry.get_backend(name) for name in ("numpy", "toy")}
    register(**backends)
    broken = SimpleNamespace(value=__name__, load=load)
    found = {**registry._entry_points(), "broken": broken}
    monkeypatch.setattr(registry, "_entry_points", lambda: found)
    options = ("--json", "report.json", "--html", "page.html", "--plots", "pictures")
    for dtype, code, result in (("float64", 0, "same numbers"), ("float32", 1, "wrong")):
        outcome = portable_dnn_command("compare", "--all", "--dtype", dtype, *SMALL, *options)
        assert (outcome.code, outcome.err) == (code, "")
        (verdict,) = [line for line in outcome.lines if line.startswith("verdict  ")]
        summary = outcome.lines[outcome.lines.index(verdict) :]
        rows = [re.split(r" {2,}", line) for line in summary if line.startswith("toy:cpu  ")]
        assert [row[:3] for row in rows] == [["toy:cpu", dtype, result]]
        assert outcome.lines[-1] == (
            f"not compared: the backend 'broken' ({__name__}) does not load: out of order"
        )
        name = f"toy-cpu-{dtype}"
        assert json.loads((folder / f"report-{name}.json").read_text())["outcome"] == result
        assert (folder / f"page-{name}.html").is_file()
        assert all((folder / "pictures" / f"{name}-{p}").is_file() for p in PICTURES)


def test_all_where_nothing_else_can_run(refused, register):
    register(numpy=registry.get_backend("numpy"))
    assert refused("compare", "--all", *SMALL) == "nothing but numpy:cpu can run here"


# What is asked for by name and cannot be


@pytest.mark.parametrize("options", [(), ("--backend", "numpy", "--all")])
def test_one_or_all(refused, options):
    assert "--backend cupy, or --all" in refused("compare", *options, *SMALL)


def test_a_backend_asked_for_by_name_that_cannot_run_is_an_error(refused, toy, monkeypatch):
    monkeypatch.setattr(toy, "__version__", "2.0")
    assert "unknown device 'tupy'" in refused("compare", "--backend", "tupy", *SMALL)
    assert "there is no device 'toy:gpu'" in refused("compare", "--backend", "toy:gpu", *SMALL)
    assert "unknown device 'cuby'" in refused(
        "compare", "--backend", "toy", "--reference", "cuby", *SMALL
    )
    monkeypatch.setattr(toy.Array, "__matmul__", lambda a, b: a)
    said = refused("compare", "--backend", "toy", *SMALL)
    assert said.startswith("cannot use device 'toy': a small matrix product came back with wrong")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dtype", "float16"), "unknown dtype 'float16'"),
        (("--iterations", 0), "the number of iterations is 0"),
        (("--layers", "3,x"), "part 2 is 'x'"),
        (("--hidden", "elu"), "unknown activation 'elu'"),
        (("--data", "missing.h5"), "missing.h5 does not exist"),
    ],
)
def test_settings_that_are_none(refused, options, said):
    assert said in refused("compare", "--backend", "numpy", *SMALL, *options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--json", "missing/r.json"), "does not exist; create it first"),
        (("--html", "."), "it is a folder; name a file in it"),
        (("--plots", "data.h5"), "it is not a folder"),
        (("--json", "same", "--html", "same"), "--html same is also --json"),
        (("--json", "data.h5"), "--json data.h5 is also --data"),
    ],
)
def test_outputs_are_checked_before_the_work(refused, monkeypatch, options, said):
    monkeypatch.setattr("portable_dnn.cli.show_comparison.compare", None)  # no work is done
    assert said in refused("compare", "--backend", "numpy", *SMALL, *options)


def test_the_pages_commands_are_there(succeeds):
    page = (Path(__file__).parents[2] / "docs" / "compare.md").read_text("utf-8")
    offered = succeeds("compare", "--help").out
    for option in set(re.findall(r"--[a-z]+", page)):
        assert option in offered, option


# The exit code is the verdict's


def unwritable(monkeypatch, *names):
    """Let the system refuse to make files of a comparison, when it is over."""
    real = save_report.write_atomically, save_report.write_text, report_file.write_text

    def refuse(write):
        def pretend(path, *rest):
            if Path(path).name in names and not Path(path).is_absolute():
                raise OutputError(f"cannot write {Path(path).name}: no space")
            return write(path, *rest)

        return pretend

    monkeypatch.setattr(save_report, "write_atomically", refuse(real[0]))
    monkeypatch.setattr(save_report, "write_text", refuse(real[1]))
    monkeypatch.setattr(report_file, "write_text", refuse(real[2]))


@pytest.fixture
def elsewhere(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


KEPT = ("--json", "r.json", "--html", "r.html", "--plots", "p")


@pytest.mark.parametrize(
    "refused_names", [["r.json"], ["r.html"], ["error_by_operation.png"], ["r.json", "r.html"]]
)
def test_what_cannot_be_written_comes_after_the_verdict(
    portable_dnn_command, monkeypatch, folder, elsewhere, refused_names
):
    unwritable(monkeypatch, *refused_names)
    outcome = portable_dnn_command("compare", "--backend", "numpy", *SMALL, *KEPT, "--quiet")
    assert outcome.code == 2
    assert verdict(outcome).startswith("The same numbers")
    for name in refused_names:
        assert f"cannot write {name}: no space" in outcome.err
    for name in {"r.json", "r.html"} - set(refused_names):  # the others are there
        assert (folder / name).stat().st_size > 1000
    saved = [path.name for path in elsewhere.glob("*/*")]
    assert sorted(saved) == [name for name in sorted(refused_names) if name.startswith("r.")]


def test_no_report_so_far_passes_for_the_whole_one(
    portable_dnn_command, monkeypatch, folder, elsewhere
):
    whole = save_report.ReportFiles.writers

    def full_at_the_end(files, report):
        unwritable(monkeypatch, "r.json")
        return whole(files, report)

    monkeypatch.setattr(save_report.ReportFiles, "writers", full_at_the_end)
    outcome = portable_dnn_command("compare", "--backend", "numpy", *SMALL, "--json", "r.json")
    assert outcome.code == 2
    assert not (folder / "r.json").exists()
    (saved,) = elsewhere.glob("*/r.json")
    assert read_report(saved).outcome == "same numbers"


def test_a_disk_that_is_full_while_it_runs_does_not_end_it(
    portable_dnn_command, monkeypatch, elsewhere
):
    unwritable(monkeypatch, "r.json")
    outcome = portable_dnn_command("compare", "--backend", "numpy", *SMALL, "--json", "r.json")
    assert verdict(outcome).startswith("The same numbers")
    assert len(list(elsewhere.glob("*/r.json"))) == 1


def test_wrong_stays_wrong_where_nothing_can_be_written(
    portable_dnn_command, toy, monkeypatch, elsewhere
):
    in_tf32(toy, monkeypatch)
    unwritable(monkeypatch, "r.json")
    options = ("--json", "r.json", "--dtype", "float32")
    outcome = portable_dnn_command("compare", "--backend", "toy", *SMALL, *options)
    assert outcome.code == 1
    assert "cannot write r.json" in outcome.err


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("said", ["data     ", "verdict  "])
def test_an_output_that_is_closed(portable_dnn_command, toy, monkeypatch, wrong, said):
    if wrong:
        in_tf32(toy, monkeypatch)
    line = Output.line

    def closed(output, text=""):
        if text.startswith(said):
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        line(output, text)

    monkeypatch.setattr(Output, "line", closed)
    monkeypatch.setattr(os, "dup2", lambda *_: None)  # the output of the tests stays open
    outcome = portable_dnn_command("compare", "--backend", "toy", *SMALL, "--dtype", "float32")
    assert outcome.code == (1 if wrong and said == "verdict  " else 2)
    assert outcome.err == ""


def test_a_fault_of_the_program_is_no_verdict(portable_dnn_command, monkeypatch):
    def fail(*_arguments):
        raise AssertionError("not what it should be")

    monkeypatch.setattr(save_report, "report_page", fail)
    outcome = portable_dnn_command("compare", "--backend", "numpy", *SMALL, "--html", "r.html")
    assert verdict(outcome).startswith("The same numbers")
    assert outcome.code == 70


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are text here")
def test_a_name_that_is_no_text(succeeds, folder):
    odd = os.fsdecode(b"d\xe9\xff.h5")
    (folder / "data.h5").rename(odd)
    small = ("--layers", "3", "--iterations", 2, "--quiet")
    succeeds("compare", "--backend", "numpy", "--data", odd, *small, *KEPT)
    assert read_report(folder / "r.json").outcome == "same numbers"
    for name in ("r.json", "r.html"):
        assert r"d\udce9\udcff.h5" in (folder / name).read_text("utf-8")
