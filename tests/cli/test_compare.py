"""`portable-dnn compare`: verdicts, exit codes, what is printed and what is kept.

What it finds is tested where it is computed (tests/equivalence); here a small network on small
pictures is compared, on NumPy and on toyarray, a library that can be broken.
"""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from portable_dnn.arrays import registry
from portable_dnn.equivalence import read_report

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
    assert report.setup.settings["dtype"] == "float32"
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
    assert {row[-1] for row in table(outcome)} == {"identical", "rounding"}
    assert any("neither side is more right" in line for line in outcome.lines)


def test_products_in_tf32_are_wrong_by_name(portable_dnn_command, toy, monkeypatch, folder):
    in_tf32(toy, monkeypatch)
    plug_in = registry.get_backend("toy")
    monkeypatch.setattr(plug_in, "versions", lambda: {"toyarray": "1.0", "TOY_TF32": "1"})
    options = ("--json", "report.json", "--html", "report.html")
    outcome = portable_dnn_command("compare", "--backend", "toy", *SMALL, *options)
    assert (outcome.code, outcome.err) == (1, "")
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
    found = {**registry._entry_points(), "broken": SimpleNamespace(value="broken", load=load)}
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
            "not compared: cannot use device 'broken': the backend 'broken' (broken) does not "
            "load: out of order"
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
