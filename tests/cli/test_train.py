"""`portable-dnn train` where all is well."""

import json
import re

import numpy as np
import pytest

from portable_dnn.models.store import load_model

SMALL = ("--iterations", 3, "--layers", "3,2")


def costs(outcome):
    return re.findall(r"^cost after iteration +(\d+): (\d+\.\d{6})$", outcome.out, re.MULTILINE)


def start_hash(outcome):
    (found,) = re.findall(
        r"^start +\S+ from seed \d+, sha256 ([0-9a-f]{64})$", outcome.out, re.MULTILINE
    )
    return found


def table(outcome):
    """Return the final table: per set, number, wrong, accuracy, cost."""
    rows = re.findall(
        r"^(training|test) +(\d+) +(\d+) +(\d\.\d{4}) +(\d+\.\d{6})$", outcome.out, re.MULTILINE
    )
    return {name: row for name, *row in rows}


def test_the_built_in_pictures_on_every_device(succeeds, device):
    outcome = succeeds("train", "--iterations", 3, "--device", device)
    reference = succeeds("train", "--iterations", 3, "--device", "cpu")
    assert costs(outcome) == costs(reference) == [("0", "0.717877")]
    assert start_hash(outcome) == start_hash(reference)
    assert table(outcome) == table(reference)
    (number, wrong, accuracy, _), (test_number, test_wrong, test_accuracy, _) = (
        table(outcome)[name] for name in ("training", "test")
    )
    assert (number, test_number) == ("209", "50")
    assert accuracy == f"{1 - int(wrong) / 209:.4f}"
    assert test_accuracy == f"{1 - int(test_wrong) / 50:.4f}"
    assert re.search(rf"^device +{device} \(asked for\)$", outcome.out, re.MULTILINE)
    assert re.search(rf"^trained in \d+\.\d s on {device}$", outcome.out, re.MULTILINE)


def test_a_longer_run_prints_a_cost_every_100_iterations(succeeds, data, device):
    arguments = ("train", data, "--layers", "3,2", "--iterations", 201, "--learning-rate", 0.1)
    outcome = succeeds(*arguments, "--device", device)
    assert [iteration for iteration, _ in costs(outcome)] == ["0", "100", "200"]
    assert costs(outcome) == costs(succeeds(*arguments, "--device", "cpu"))
    numbers = [float(cost) for _, cost in costs(outcome)]
    assert numbers == sorted(numbers, reverse=True)
    assert float(table(outcome)["training"][3]) < 0.2
    assert table(outcome)["training"][2] == "1.0000"


def test_the_span_changes_the_work_and_not_the_numbers(succeeds, make_data, folder, device):
    arguments = ("train", make_data(size=12), *SMALL, "--device", device, "--history", "h.json")
    found = {}
    for choice in ("off", "on", "auto"):
        outcome = succeeds(*arguments, "--compress", choice)
        history = json.loads((folder / "h.json").read_text("utf-8"))
        assert history["compressed"] == ("span     layer 1 was trained in 8 coord" in outcome.out)
        found[choice] = costs(outcome), table(outcome), history["compressed"]
    assert found["off"][2] is False
    assert found["on"][2] is True
    assert found["off"][:2] == found["on"][:2] == found["auto"][:2]


def test_a_huge_cost_is_short(succeeds, data):
    outcome = succeeds("train", data, *SMALL, "--hidden", "leaky_relu", "--learning-rate", 1e5)
    (row,) = (line for line in outcome.lines if line.startswith("training"))
    assert re.search(r"\d(\.\d+)?e\+\d+$", row)


def test_the_settings_decide(succeeds, data):
    base = ("train", data, *SMALL, "--device", "cpu")
    first = succeeds(*base)
    assert costs(first) == costs(succeeds(*base))
    for change in (
        ("--seed", 2),
        ("--init", "he"),
        ("--hidden", "tanh"),
        ("--hidden", "leaky_relu:0.5,sigmoid"),
        ("--layers", "5"),
        ("--layers", ""),
    ):
        assert costs(succeeds(*base, *change)) != costs(first), change
    for change in (("--learning-rate", 0.5), ("--iterations", 9)):
        changed = succeeds(*base, *change)
        assert costs(changed) == costs(first)
        assert table(changed) != table(first), change


def test_the_dtype_decides(succeeds, data, folder):
    for dtype in ("float32", "float64"):
        outcome = succeeds("train", data, *SMALL, "--dtype", dtype, "--out", "m.h5")
        assert f", {dtype}\n" in outcome.out
        assert load_model(folder / "m.h5").dtype == dtype


def test_what_is_trained_stands_at_the_top(succeeds, data):
    outcome = succeeds("train", data, *SMALL, "--seed", 7, "--device", "cpu")
    assert outcome.lines[:3] == [
        f"data     {data}: 8 pictures to train on, 4 for the test, classes non-cat and cat",
        "device   numpy:cpu (asked for)",
        "network  48-3-2-1, relu, learning rate 0.0075, float64",
    ]
    assert outcome.lines[3].startswith("start    lecun from seed 7, sha256 ")
    assert "--out model.h5" in outcome.lines[-1]


def test_auto_says_which_and_why(succeeds, data):
    outcome = succeeds("train", data, *SMALL)
    (line,) = (line for line in outcome.lines if line.startswith("device "))
    assert re.fullmatch(
        r"device   (numpy:cpu \(no usable CUDA GPU: .+\)|cupy:cuda:0 \(a usable CUDA GPU .+\))",
        line,
    )


def test_the_environment_chooses_the_device(succeeds, data, monkeypatch):
    monkeypatch.setenv("PORTABLE_DNN_DEVICE", "strict:device1")
    outcome = succeeds("train", data, *SMALL)
    assert "device   strict:device1 (asked for (from PORTABLE_DNN_DEVICE))" in outcome.lines
    assert (
        "device   numpy:cpu (asked for)" in succeeds("train", data, *SMALL, "--device", "cpu").out
    )


def test_the_test_set_of_another_file(succeeds, make_data):
    train, test = make_data("train.h5", test=0), make_data("test.h5", train=0, test=6)
    assert "test" not in table(succeeds("train", train, *SMALL))
    outcome = succeeds("train", train, "--test", test, *SMALL)
    assert table(outcome)["test"][0] == "6"
    assert f"{train} and {test}: 8 pictures to train on, 6 for the test" in outcome.out


def test_the_files_of_a_run(succeeds, data, folder):
    outcome = succeeds(
        *("train", data, *SMALL),
        *("--out", "m.h5", "--history", "h.json", "--plots", "plots"),
    )
    written = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    pictures = ["plots/cost.png", "plots/first_layer.png", "plots/mislabelled.png"]
    assert sorted(written) == ["data.h5", "h.json", "m.h5", *pictures]
    for said in ("model    m.h5", "history  h.json", *(f"picture  {p}" for p in pictures)):
        assert said in outcome.lines
    assert "--out model.h5" not in outcome.out


def test_a_run_replaces_older_files(succeeds, data, folder):
    for name in ("m.h5", "h.json"):
        (folder / name).write_text("old", encoding="utf-8")
    succeeds("train", data, *SMALL, "--out", "m.h5", "--history", "h.json")
    assert load_model(folder / "m.h5").layer_dims == (48, 3, 2, 1)
    assert (folder / "h.json").read_text("utf-8").startswith("{")


def test_the_same_command_gives_the_same_model(succeeds, data, folder, device):
    for name in ("a.h5", "b.h5"):
        succeeds("train", data, *SMALL, "--device", device, "--out", name)
    first, second = (load_model(folder / name).parameters for name in ("a.h5", "b.h5"))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_quiet_prints_the_result_only(succeeds, data):
    outcome = succeeds("train", data, *SMALL, "--quiet", "--out", "m.h5")
    assert [line.split()[0] for line in outcome.lines] == [
        *("pictures", "training", "test"),
        *("trained", "model"),
    ]
    assert succeeds("train", data, *SMALL, "-q").out.startswith("pictures")


def test_plain_lines_without_escape_codes(succeeds, data, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    outcome = succeeds("train", data, *SMALL)
    assert "\x1b" not in outcome.out
    assert "\r" not in outcome.out
    assert outcome.out.isascii()
    assert not [line for line in outcome.lines if line != line.rstrip()]


def test_long_lines_are_not_wrapped(succeeds, data, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    assert f"data     {data}: 8 pictures to train on" in succeeds("train", data, *SMALL).out


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line(portable_dnn_command, data):
    outcome = portable_dnn_command("train", data, *SMALL, "--init", "zeros")
    assert outcome.code == 0
    (line,) = outcome.err.splitlines()
    assert line.startswith("portable-dnn: warning: with zeros, all units of a layer")


@pytest.mark.filterwarnings("default")
def test_a_run_warns_of_nothing_else(succeeds, data):
    succeeds("train", data, *SMALL, "--plots", "plots")


def test_logistic_regression(succeeds, data, folder):
    outcome = succeeds("train", data, "--iterations", 3, "--layers", "", "--out", "m.h5")
    (line,) = (line for line in outcome.lines if line.startswith("network "))
    assert line.startswith("network  48-1, no hidden layers, learning rate ")
    compared = succeeds("compare", "--backend", "numpy", "--data", data, "--layers", "")
    assert "network  48-1, no hidden layers, float64" in compared.lines
    assert load_model(folder / "m.h5").layer_dims == (48, 1)
