"""`portable-dnn compare --against`: another machine's report, whole, foreign, damaged, hostile."""

import copy
import json
import re

import pytest

from portable_dnn.data import read_dataset
from portable_dnn.equivalence import as_dict, compare, read_report
from portable_dnn.equivalence.report.report import SCHEMA
from portable_dnn.network.pixels import flatten_images
from portable_dnn.training.settings import Settings

COMPARE = ("compare", "--backend", "numpy", "--data", "data.h5", "--against", "other.json")


@pytest.fixture(scope="session")
def cache():
    """Keeps the one report that all tests of this file change."""
    return {}


@pytest.fixture
def saved(cache, data, folder):
    """Write another machine's report of the small data set, changed or not, as other.json."""
    if not cache:
        part = read_dataset(data).train
        X, Y = flatten_images(part.images), part.labels.reshape(1, -1)
        settings = Settings(layers=(3,), iterations=3, dtype="float32")
        cache.update(as_dict(compare("numpy", X, Y, settings=settings, source="theirs")))

    def save(change=None):
        other = copy.deepcopy(cache)
        if change is not None:
            change(other)
        (folder / "other.json").write_text(json.dumps(other), encoding="utf-8")

    return save


def verdict(outcome):
    (line,) = [line for line in outcome.lines if line.startswith("verdict  ")]
    return line.removeprefix("verdict  ")


def product(report):
    """Return the judgement of a product at the start."""
    return next(
        j
        for j in report["judgements"]
        if j["operation"] == "forward product" and j["layer"] == 1 and j["iteration"] == 0
    )


# What it finds


def test_the_same_bits_on_both_machines(succeeds, saved, folder):
    saved()
    outcome = succeeds(*COMPARE, "--json", "both.json")
    assert (
        verdict(outcome) == "The same numbers: numpy:cpu has the bits of numpy:cpu of other.json."
    )
    assert "network  48-3-1, relu, float32" in outcome.lines  # as the report was made
    both = read_report(folder / "both.json")
    assert both.outcome == "same numbers"
    assert both.free_run.iterations[-1] == 3


def test_other_bits_that_are_right_on_both_machines(succeeds, saved):
    def other_machine(report):
        report["tested"]["device"] = "cupy:cuda:0"
        product(report)["tested"]["digest"] = "0" * 64
        product(report)["verdict"] = "rounding"
        report["free_run"]["costs_tested"][-1] += 1e-8

    saved(other_machine)
    outcome = succeeds(*COMPARE)
    assert verdict(outcome).startswith(
        "Rounding only: every operation of numpy:cpu and of cupy:cuda:0 of other.json is"
    )
    assert re.search(r"the costs part at iteration 3 and are at most 1\.0e-08 apart", outcome.out)


def test_a_saved_run_that_is_wrong(portable_dnn_command, saved):
    def wrong(report):
        judgement = product(report)
        judgement["verdict"] = "wrong"
        judgement["reason"] = "element (0, 1): 9 000 units in the last place, bound 12"
        report["outcome"] = "wrong"

    saved(wrong)
    outcome = portable_dnn_command(*COMPARE)
    assert (outcome.code, outcome.err) == (1, "")
    assert verdict(outcome) == (
        "Wrong at layer 1, forward product, in the saved run: element (0, 1): 9 000 units in the "
        "last place, bound 12."
    )
    assert "Do not trust results of numpy:cpu of other.json" in outcome.out


def test_a_saved_run_that_died(portable_dnn_command, saved):
    def died(report):
        report["failure"] = {"operation": "layer 1, update", "side": "tested", "error": "no memory"}
        report["free_run"] = None
        report["outcome"] = "could not be compared"
        del report["judgements"][-20:]

    saved(died)
    outcome = portable_dnn_command(*COMPARE)
    assert (outcome.code, outcome.err) == (2, "")
    assert verdict(outcome) == (
        "Could not be compared: on numpy:cpu of other.json layer 1, update failed: no memory."
    )


def test_a_saved_run_that_was_wrong_before_it_died(portable_dnn_command, saved):
    def both(report):
        product(report).update(verdict="wrong", reason="it is 3")
        report["failure"] = {"operation": "the free run", "side": "tested", "error": "no memory"}
        report["free_run"] = None

    saved(both)
    outcome = portable_dnn_command(*COMPARE)
    assert outcome.code == 1
    assert verdict(outcome) == (
        "Wrong at layer 1, forward product, in the saved run: it is 3. "
        "Then on numpy:cpu of other.json the free run failed: no memory."
    )


def without_results(report):
    report["judgements"] = []


def half(report):
    del report["judgements"][100:]


def unmeasured(report):
    for judgement in report["judgements"]:
        judgement["tested"] = None
        judgement["verdict"] = "not compared"


@pytest.mark.parametrize("change", [without_results, half, unmeasured])
def test_a_saved_run_that_lacks_results(portable_dnn_command, saved, change):
    saved(change)
    outcome = portable_dnn_command(*COMPARE)
    assert outcome.code == 2
    assert "results are only of one of the two runs" in verdict(outcome)


def test_a_wrong_result_that_only_the_saved_run_has(portable_dnn_command, saved):
    def more(report):
        copied = {**product(report), "operation": "copy to the host", "verdict": "wrong"}
        report["judgements"].append({**copied, "reason": "two copies differ"})

    saved(more)
    outcome = portable_dnn_command(*COMPARE)
    assert outcome.code == 1
    assert "in the saved run: two copies differ" in verdict(outcome)


def test_runs_that_come_apart_later(portable_dnn_command, saved):
    def other(report):
        report["free_run"]["costs_tested"][1:] = [
            cost + 5.0 for cost in report["free_run"]["costs_tested"][1:]
        ]

    saved(other)
    outcome = portable_dnn_command(*COMPARE)
    assert outcome.code == 2
    assert re.search(
        r"^Undecided: .* differ by more than it explains, from iteration 1 on\.",
        verdict(outcome),
    )


def beyond(report):
    product(report)["tested"]["max_bounds"] = 1e9
    product(report)["verdict"] = "rounding"


def spread_out(report):
    product(report).update(verdict="rounding", spread_limit=2.0)
    product(report)["tested"]["spread"] = 3.0


def other_bits(report):
    product(report)["tested"]["digest"] = "0" * 64


@pytest.mark.parametrize("change", [beyond, spread_out, other_bits])
def test_a_verdict_that_its_errors_deny(refused, saved, change):
    saved(change)
    said = refused(*COMPARE)
    assert said.startswith("other.json calls layer 1, forward product '")
    assert "which its errors are not" in said


def test_a_result_that_is_there_twice(refused, saved):
    saved(lambda report: report["judgements"].append(product(report)))
    assert "other.json has the same result twice" in refused(*COMPARE)


def test_costs_apart_before_anything_is_trained(portable_dnn_command, saved):
    def shifted(report):
        run = report["free_run"]
        run["costs_tested"] = [cost + 0.1 for cost in run["costs_tested"]]

    saved(shifted)
    outcome = portable_dnn_command(*COMPARE)
    assert outcome.code == 1
    assert "Wrong at free run, the costs are 0.1 apart before the first update" in outcome.out


# What cannot be held against this run


def changed(path, value):
    """Return a change of one place of a report."""
    *way, last = path.split(".")

    def change(report):
        place = report
        for step in way:
            place = place[step]
        place[last] = value

    return change


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dtype", "float64"), "dtype float32, and this run has float64"),
        (("--seed", 2), "seed 1, and this run has 2"),
        (("--layers", "3,2"), "hidden layers 3, and this run has 3,2"),
        (("--hidden", "tanh"), "activations relu, and this run has tanh"),
        (("--iterations", 9), "number of iterations 3, and this run has 9"),
    ],
)
def test_other_settings_are_named(refused, saved, options, said):
    saved()
    assert refused(*COMPARE, *options) == f"other.json was made with {said}; give both the same"


def test_another_data_set_is_named(refused, saved, make_data, monkeypatch):
    monkeypatch.setattr("portable_dnn.cli.show_comparison.compare", None)  # no work is done
    saved()
    make_data("data.h5", train=6)
    said = refused(*COMPARE)
    assert "was made with data 8 samples, and this run has 6" in said
    make_data("data.h5", size=5)
    assert "was made with the network 48-3-1, and this run has 75-3-1" in refused(*COMPARE)
    saved(changed("setup.data_sha256", "0" * 64))
    make_data("data.h5")
    assert f"was made with the data set {'0' * 64}, and this run has" in refused(*COMPARE)


def test_another_version_is_named(refused, saved):
    saved(changed("tested.versions.portable_dnn", "9.9.9"))
    assert "other.json was made with portable_dnn 9.9.9, and this run has" in refused(*COMPARE)


def test_another_layout_is_named(refused, saved):
    saved(changed("schema", SCHEMA + 1))
    said = refused(*COMPARE)
    assert said.startswith(f"other.json has layout version {SCHEMA + 1}; this portable-dnn reads")


# Damaged and hostile files: one sentence, no traceback, nothing written


def deep(report):
    for _ in range(900):
        report["setup"]["settings"]["layers"] = [report["setup"]["settings"]["layers"]]


@pytest.mark.parametrize(
    "change",
    [
        changed("schema", "1"),
        changed("schema", True),
        changed("judgements", {}),
        changed("judgements", [1, 2]),
        changed("tested", None),
        changed("tested.device", 3),
        changed("tested.versions", {"numpy": 2}),
        changed("outcome", "fine"),
        changed("headline", ["x"]),
        changed("seconds", "long"),
        changed("seconds", True),
        changed("setup.samples", 8.5),
        changed("setup.layer_dims", "48-3-1"),
        changed("setup.settings", {}),
        changed("setup.settings.layers", "3"),
        changed("setup.settings.layers", {"3": 3}),
        changed("setup.settings.hidden", [None]),
        changed("setup.settings.seed", -1),
        changed("setup.settings.learning_rate", "NaN"),
        changed("setup.settings.iterations", 1e300),
        changed("setup.settings.dtype", "float16"),
        changed("setup.settings.dtype", ["float32"]),
        changed("free_run.costs_tested", [1.0]),
        changed("free_run.iterations", "x"),
        changed("more", 1),
        lambda report: report.pop("notes"),
        lambda report: report["judgements"][0].update(verdict="right"),
        lambda report: report["judgements"][0].update(shape=[1, "x"]),
        lambda report: report["judgements"][0]["tested"].update(max_ulps=None),
        deep,
    ],
)
def test_a_report_that_is_none(refused, saved, change):
    saved(change)
    assert refused(*COMPARE).startswith("other.json")


def test_a_network_that_no_memory_holds(refused, saved):
    saved(changed("setup.settings.layers", [10**30]))
    assert "GB of memory are free" in refused(*COMPARE)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"report"',
        b"\xff\xfe",
        b"\x00" * 100,
        b"[" * 100_000,
        b'{"schema":' * 50_000,
        b'{"schema": ' + b"9" * 10_000 + b"}",
        b'{"schema": 1, "schema": NaN}',
        b'{"schema": NaN, "judgements": []}',
        b'{"schema": 1e999, "judgements": []}',
        b'{"schema": 1, "judgements": []}',
    ],
    ids=range(14),
)
def test_a_file_that_is_no_report(refused, data, folder, text):
    (folder / "other.json").write_bytes(text)
    said = refused(*COMPARE)
    assert "other.json" in said
    assert len(said) < 400


def test_no_file_at_all(refused, data, folder):
    assert "other.json" in refused(*COMPARE)
    (folder / "other.json").mkdir()
    assert "other.json" in refused(*COMPARE)


def test_numbers_that_are_not_finite_are_read(succeeds, saved):
    def change(report):
        product(report)["tested"].update(max_ulps="Infinity", typical_ulps="NaN")

    saved(change)
    succeeds(*COMPARE)


def test_what_a_report_says_does_not_steer_the_terminal(succeeds, saved, folder):
    hostile = "\x1b[2J<script>alert(1)</script>"
    saved(changed("tested.device", hostile))
    outcome = succeeds(*COMPARE, "--html", "page.html")
    assert "\x1b" not in outcome.out
    assert "<script" not in (folder / "page.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--json", "other.json"), "--json other.json is also --against"),
        (("--all",), "--backend cupy, or --all"),
    ],
)
def test_questions_without_a_sense(refused, saved, options, said):
    saved()
    assert said in refused(*COMPARE, *options)
