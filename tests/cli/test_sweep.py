"""`portable-dnn sweep`."""

import json
import re
import signal
from pathlib import Path

import pytest
from PIL import Image

from portable_dnn.cli.commands import sweep as sweep_command
from portable_dnn.errors import DataError, OutputError
from portable_dnn.models.store import load_model
from portable_dnn.results.plots import cost_curves

BASE = ("--iterations", 20, "--layers", "3,2", "--device", "cpu")
# With leaky_relu no unit can die, which would end the growth.
DIVERGES = ("--hidden", "leaky_relu", "--learning-rate", "1e300")


def table(outcome):
    return [
        tuple(re.split(r" {2,}", line)[:4])
        for line in outcome.lines
        if re.search(r"  (small|lecun|xavier|he|zeros)  ", line)
    ]


def test_the_lowest_cost_wins_wherever_it_stands(succeeds, data):
    rates = ["0.001", "0.2", "0.01"]
    for order in (rates, rates[::-1], ["0.2", "0.01", "0.001"]):
        options = [part for rate in order for part in ("--learning-rate", rate)]
        outcome = succeeds("sweep", data, *BASE, *options)
        found = table(outcome)
        assert [rate for rate, *_ in found] == order
        best = min(found, key=lambda row: float(row[3]))
        assert best[0] == "0.2"
        assert outcome.lines[-1] == "lowest cost: learning rate 0.2, layers 3,2, start lecun"


def test_the_grid_is_every_combination(succeeds, data):
    outcome = succeeds(
        *("sweep", data, "--iterations", 2, "--learning-rate", 0.01, "--learning-rate", 0.1),
        *("--layers", "3", "--layers", "", "--init", "he", "--init", "xavier"),
    )
    assert len({row[3] for row in table(outcome)}) > 4
    assert {row[:3] for row in table(outcome)} == {
        (rate, layers, start)
        for rate in ("0.01", "0.1")
        for layers in ("3", "none")
        for start in ("he", "xavier")
    }


def test_the_defaults(succeeds, data):
    outcome = succeeds("sweep", data, "--iterations", 1)
    assert [row[:3] for row in table(outcome)] == [
        (rate, "20,7,5", "lecun") for rate in ("0.003", "0.0075", "0.01")
    ]


def test_a_run_is_that_of_train(succeeds, data, device):
    options = (*BASE[:-1], device, "--learning-rate", 0.05, "--init", "he", "--seed", 3)
    trained = succeeds("train", data, *options, "--hidden", "tanh")
    ((*_, cost),) = table(succeeds("sweep", data, *options, "--hidden", "tanh"))
    assert re.search(rf"^training .* {cost}$", trained.out, re.MULTILINE)


def test_out_is_the_best(succeeds, data, folder):
    outcome = succeeds(
        *("sweep", data, *BASE, "--learning-rate", 0.2, "--learning-rate", 0.001),
        *("--out", "best.h5"),
    )
    assert outcome.lines[-1] == "model    best.h5"
    evaluated = succeeds("evaluate", "best.h5", data, "--device", "cpu")
    assert re.search(rf"^training .* {table(outcome)[0][3]}$", evaluated.out, re.MULTILINE)
    assert load_model(folder / "best.h5").provenance["settings"]["learning_rate"] == 0.2


def test_a_run_that_diverged_is_marked_and_never_wins(succeeds, data):
    outcome = succeeds(
        *("sweep", data, *BASE, *DIVERGES, "--learning-rate", 0.01),
    )
    assert table(outcome)[0][3] == "diverged"
    assert outcome.lines[-1].startswith("lowest cost: learning rate 0.01,")
    assert re.search("run 1 of 2: .* the cost became nan at iteration 1:", outcome.out)


def test_the_history_of_every_run(succeeds, data, folder):
    rates = ("--learning-rate", 0.01, "--learning-rate", 0.2)
    outcome = succeeds("sweep", data, *BASE, *rates, "--history", "h.json")
    assert outcome.lines[-1] == "history  h.json"
    content = json.loads((folder / "h.json").read_text("utf-8"))
    assert content["command"].endswith("--learning-rate 0.01 --learning-rate 0.2 --history h.json")
    assert [run["settings"]["learning_rate"] for run in content["runs"]] == [0.01, 0.2]
    for run, row in zip(content["runs"], table(outcome), strict=True):
        assert f"{run['final_cost']:.6f}" == row[3]
    # The file of a run is that of train, but for its time.
    succeeds("train", data, *BASE, "--learning-rate", 0.2, "--history", "t.json")
    alone = json.loads((folder / "t.json").read_text("utf-8"))
    assert {**content["runs"][1], "seconds": 0} == {
        **{name: value for name, value in alone.items() if name != "command"},
        "seconds": 0,
    }


@pytest.fixture
def drawn(monkeypatch):
    """The curves and the title that are drawn."""
    seen = []

    def curves(*arguments):
        seen.append(arguments)
        return cost_curves(*arguments)

    monkeypatch.setattr("portable_dnn.results.plots.cost_curves", curves)
    return seen


def test_one_picture_of_all_learning_rates(succeeds, data, folder, drawn):
    rates = ("--learning-rate", 0.01, "--learning-rate", 0.2)
    long = ("--iterations", 150, *BASE[2:])
    outcome = succeeds("sweep", data, *long, *rates, "--plots", "plots", "--history", "h.json")
    assert outcome.lines[-1] == f"picture  {Path('plots', 'costs.png')}"
    with Image.open(folder / "plots" / "costs.png") as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 300
    ((curves, title),) = drawn
    assert title == "layers 3,2, start lecun"
    assert list(curves) == ["learning rate 0.01", "learning rate 0.2"]
    runs = json.loads((folder / "h.json").read_text("utf-8"))["runs"]
    for curve, run in zip(curves.values(), runs, strict=True):
        assert curve == ([0, 100, 150], [*run["cost"], run["final_cost"]])


def test_names_of_curves_say_what_differs(succeeds, data, drawn):
    grid = ("--layers", "3", "--layers", "", "--init", "he", "--init", "lecun")
    succeeds("sweep", data, "--iterations", 2, *grid, "--learning-rate", 0.1, "--plots", "plots")
    succeeds("sweep", data, *BASE, "--learning-rate", 0.1, "--plots", "plots")
    (curves, title), (one, rest) = drawn
    assert title == "learning rate 0.1"
    assert list(curves) == [
        *("layers 3, start he", "layers 3, start lecun"),
        *("layers none, start he", "layers none, start lecun"),
    ]
    assert (list(one), rest) == (["learning rate 0.1"], "layers 3,2, start lecun")


def test_what_diverged_is_in_history_and_picture(portable_dnn_command, data, folder, drawn):
    files = ("--history", "h.json", "--plots", "plots", "--out", "m.h5")
    outcome = portable_dnn_command("sweep", data, *BASE, *DIVERGES, *files)
    assert outcome.code == 2
    (run,) = json.loads((folder / "h.json").read_text("utf-8"))["runs"]
    assert run["iteration"] == [0]
    assert "the cost became nan at iteration 1" in run["diverged"]
    ((curves, _),) = drawn
    assert list(curves) == ["learning rate 1e+300 (diverged)"]
    assert (folder / "plots" / "costs.png").is_file()
    assert not (folder / "m.h5").exists()


def test_what_cannot_be_written_does_not_cost_the_rest(
    portable_dnn_command, data, folder, monkeypatch
):
    def fails(*_arguments):
        raise OutputError("cannot write h.json: no")

    monkeypatch.setattr("portable_dnn.cli.commands.sweep.write_histories", fails)
    files = ("--history", "h.json", "--plots", "plots", "--out", "m.h5")
    outcome = portable_dnn_command("sweep", data, *BASE, *files)
    assert outcome.code == 1
    assert outcome.err.startswith("portable-dnn: error: cannot write h.json: no; the history could")
    assert (folder / "m.h5").is_file()
    assert (folder / "plots" / "costs.png").is_file()


def test_all_diverged(refused, data):
    said = refused("sweep", data, *BASE, *DIVERGES, "--out", "best.h5")
    assert "no run of the sweep kept a finite cost" in said


def test_quiet(succeeds, data):
    outcome = succeeds("sweep", data, *BASE, "--learning-rate", 0.01, "--quiet")
    assert len(outcome.lines) == 3
    assert outcome.lines[0].startswith("learning rate")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--learning-rate", 0.01, "--learning-rate", -1), "learning rate is -1"),
        (("--layers", "3", "--layers", "3,,2"), "part 2"),
        (("--init", "he", "--init", "xavie"), "xavie"),
        (("--hidden", "rel"), "rel"),
        (("--seed", -1), "seed is -1"),
        (("--iterations", 0), "iterations is 0"),
        (("--dtype", "float16"), "float16"),
        (("--out", "missing/best.h5"), "missing"),
    ],
)
def test_bad_settings(refused, data, arguments, said):
    assert said in refused("sweep", data, *arguments)


@pytest.mark.parametrize(
    "bad", [("--init", "he", "--init", "xavie"), ("--iterations", 0), ("--seed", -1)]
)
def test_no_run_before_all_settings_are_checked(portable_dnn_command, data, bad):
    assert portable_dnn_command("sweep", data, "--layers", "2", *bad).out == ""


# ---- nothing that is finished is lost -----------------------------------------------------------

RATES = ("--learning-rate", 0.001, "--learning-rate", 0.2, "--learning-rate", 0.01)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_keeps_the_runs_that_are_finished(
    portable_dnn_command, signals_at, data, folder, name
):
    number = getattr(signal, name, None)
    if number is None:
        pytest.skip("this system has no such signal")
    signals_at(41, number)  # in the third run
    outcome = portable_dnn_command("sweep", data, *BASE, *RATES, "--out", "best.h5")
    assert outcome.code == 128 + number
    assert [row[0] for row in table(outcome)] == ["0.001", "0.2"]
    shown = "Ctrl-C" if name == "SIGINT" else name
    assert f"stopped  by {shown} after 2 of 3 runs" in outcome.lines
    assert outcome.lines[-2:] == [
        "lowest cost: learning rate 0.2, layers 3,2, start lecun",
        "model    best.h5",
    ]
    assert load_model(folder / "best.h5").provenance["settings"]["learning_rate"] == 0.2


@pytest.mark.usefixtures("heard")
def test_a_signal_in_the_first_run_leaves_nothing(portable_dnn_command, signals_at, data, folder):
    signals_at(1, signal.SIGINT)
    outcome = portable_dnn_command("sweep", data, *BASE, *RATES, "--out", "best.h5")
    assert outcome.code == 130
    assert outcome.lines[-1] == "stopped  by Ctrl-C after 0 of 3 runs"
    assert not (folder / "best.h5").exists()


def after_two(monkeypatch, error):
    """Have the third run end with an error."""
    real, calls = sweep_command._try, []

    def third(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise error
        return real(*arguments)

    monkeypatch.setattr(sweep_command, "_try", third)


def test_an_error_keeps_the_runs_before_it(portable_dnn_command, monkeypatch, data, folder):
    after_two(monkeypatch, DataError("the memory has run out, which is what this is about"))
    outcome = portable_dnn_command("sweep", data, *BASE, *RATES, "--out", "best.h5")
    assert outcome.code == 2
    assert "the memory has run out" in outcome.err
    assert [row[0] for row in table(outcome)] == ["0.001", "0.2"]
    assert outcome.lines[-1] == "model    best.h5"
    assert load_model(folder / "best.h5").provenance["settings"]["learning_rate"] == 0.2


def test_the_best_is_on_the_disk_as_soon_as_there_is_one(
    portable_dnn_command, monkeypatch, data, folder
):
    after_two(monkeypatch, SystemExit(9))  # as near to a kill as it gets in this process
    outcome = portable_dnn_command("sweep", data, *BASE, *RATES, "--out", "best.h5")
    assert outcome.code == 9
    assert load_model(folder / "best.h5").provenance["settings"]["learning_rate"] == 0.2
