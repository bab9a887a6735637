"""A report as a table, in words, as pictures and as a page; the reports are made up."""

import base64
import io
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from portable_dnn.equivalence import Element, Errors, Failure, FreeRun, Judgement, Report
from portable_dnn.equivalence.report.charts import error_by_iteration, error_by_operation
from portable_dnn.equivalence.report.meaning import meaning
from portable_dnn.equivalence.report.page import report_page
from portable_dnn.equivalence.report.report import SCHEMA, TRAINING_DATA, Setup, Side
from portable_dnn.equivalence.report.save import draw_pictures, write_page
from portable_dnn.equivalence.report.table import COLUMNS, cells, name_of, table_rows

HOSTILE = '<img src="http://x.example/"><script>alert("$x^$")</script>'


def errors(bounds, *, ulps=3.0, spread=None):
    worst = Element((0, 1), 1.0, 1.5, ulps, ulps / bounds if bounds else 0.0) if ulps else None
    return Errors(ulps, ulps / 2, bounds, spread, worst, "0" * 64)


def judgement(**changes):
    made = Judgement(
        iteration=0,
        case=TRAINING_DATA,
        layer=1,
        operation="forward product",
        output="Z1",
        shape=(3, 5),
        dtype="float32",
        inner=48,
        judged=15,
        tested=errors(0.25, spread=0.8),
        reference=errors(0.125, spread=0.7),
        spread_limit=4.0,
        verdict="rounding",
        reason="",
    )
    return replace(made, **changes)


JUDGEMENTS = (
    judgement(case="cancellation", iteration=None, layer=None, output="Z"),
    judgement(),
    judgement(iteration=10, tested=errors(0.5)),
    judgement(operation="activation (relu)", output="A1", inner=1, tested=errors(0, ulps=0)),
    judgement(operation="update", output="W1", inner=1, tested=errors(0.9), spread_limit=None),
    judgement(operation="update", output="b1", inner=1, tested=errors(0.95), spread_limit=None),
)
WRONG = judgement(
    operation="backward product dW",
    output="dW1",
    tested=errors(900, ulps=9000.0, spread=5000.0),
    verdict="wrong",
    reason="element (0, 1): 9 000 units in the last place, bound 10",
)
RUN = FreeRun(
    (0, 1, 2), (0.7, 0.6, 0.5), (0.7, 0.6, 0.4), (0.0, 0.0, 0.1), (1e-7, 1e-6, 0.2), 2, None, 0.1,
    False, "the cost curves part at iteration 2",
)  # fmt: skip


def report(judgements=JUDGEMENTS, run=RUN, outcome="rounding only", **changes):
    made = Report(
        SCHEMA,
        "2026-01-01T00:00:00+00:00",
        12.5,
        Side("toy:cuda:0", {"toyarray": "1.0", "TOY_TF32": "on"}),
        Side("numpy:cpu", {"numpy": "2.4"}),
        Setup("the data", "a" * 64, "b" * 64, (48, 3, 1), 8, {"dtype": "float32", "seed": 1}),
        tuple(judgements),
        run,
        None,
        ("a note",),
        outcome,
        "The headline.",
    )
    return replace(made, **changes)


BAD = report((*JUDGEMENTS, WRONG), outcome="wrong")
DIED = report(
    JUDGEMENTS[:1],
    None,
    "could not be compared",
    failure=Failure("layer 1, forward product", "tested", "out of memory"),
)
EMPTY = report((), None, "could not be compared")


# The table


def test_a_row_an_operation_the_worst_in_the_order_of_data_flow_probes_last():
    rows = table_rows((WRONG, *JUDGEMENTS))
    assert [row.name for row in rows] == [
        "layer 1, forward product",
        "layer 1, activation (relu)",
        "layer 1, backward product dW",
        "layer 1, update",
        "forward product",
    ]
    assert rows[0].iteration == 10
    assert rows[3].output == "b1"
    assert rows[4].case == "cancellation"


@pytest.mark.parametrize("verdict", ["not compared", "by design", "wrong"])
def test_a_worse_verdict_beats_a_larger_error(verdict):
    small = judgement(tested=errors(0.01), verdict=verdict)
    assert table_rows((judgement(), small, judgement())) == (small,)
    nothing = judgement(tested=None, verdict="wrong")
    assert table_rows((judgement(tested=errors(0.5)), nothing)) == (nothing,)


def test_cells():
    assert cells(WRONG) == (
        *("layer 1, backward product dW", "dW1"),
        *("9 000", "4 500", "10", "5 000 of 4", "WRONG"),
    )
    assert len(cells(WRONG)) == len(COLUMNS)
    probe = JUDGEMENTS[0]
    assert cells(probe)[0] == "probe: forward product"
    assert cells(replace(probe, verdict="wrong"))[0] == "probe: forward product, cancellation"
    assert cells(JUDGEMENTS[3])[2:] == ("0", "0", "-", "-", "exact")
    assert cells(judgement(tested=None, verdict="wrong"))[2:] == ("-", "-", "-", "-", "WRONG")
    assert cells(judgement(tested=errors(math.inf, ulps=math.inf)))[2] == "inf"


# In words


def test_every_outcome_is_explained():
    assert "bits" in meaning(report(outcome="same numbers"))[0]
    assert "neither side is more right" in " ".join(meaning(report()))
    said = " ".join(meaning(BAD))
    assert "Do not trust results of toy:cuda:0 until this is fixed." in said
    assert "Settings that decide its digits: TOY_TF32 = on." in said
    assert "Nothing is said about the numbers that were not compared." in meaning(DIED)


# Pictures


def test_the_picture_by_operation():
    rows = table_rows(BAD.judgements)
    (axes,) = error_by_operation(BAD, rows).axes
    labels = axes.get_yticklabels()
    names = [label.get_text() for label in labels]
    assert names[0] == "layer 1, backward product dW: dW1"  # the worst first
    assert sorted(names) == sorted(f"{name_of(row)}: {row.output}" for row in rows)
    assert labels[0].get_fontweight() == "bold"
    assert labels[1].get_fontweight() != "bold"
    assert axes.get_xscale() == "log"
    assert "what rounding explains" in axes.get_xlabel()
    assert axes.get_title() == "toy:cuda:0 against numpy:cpu, float32: wrong"
    low, high = axes.get_xlim()
    assert low < 0.125
    assert high > 1250  # the spread of the wrong one, as a share of its limit
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert lines["WRONG"].get_xdata() == [5000 / 4]
    assert lines["WRONG"].get_ydata() == [0]
    exact = lines["toy:cuda:0, worst element"].get_xdata()[-1]
    assert exact == low  # no error stands at the edge
    assert {"limit: a single, correct rounding may reach 1", "numpy:cpu, worst element"} <= set(
        lines
    )


@pytest.mark.parametrize("bounds", [math.inf, math.nan, 1e300])
def test_errors_without_measure_stay_in_the_picture(bounds):
    bad = replace(WRONG, tested=errors(bounds))
    (axes,) = error_by_operation(BAD, (bad, judgement())).axes
    low, high = axes.get_xlim()
    assert 0 < low < high < math.inf
    error_by_operation(BAD, (replace(bad, tested=None),)).savefig(io.BytesIO(), dpi=20)


def test_the_picture_by_iteration():
    above, below = error_by_iteration(report()).axes
    curves = {line.get_label(): line for line in above.get_lines()}
    assert list(curves["toy:cuda:0, sums and products"].get_xdata()) == [0, 10]
    assert list(curves["toy:cuda:0, sums and products"].get_ydata()) == [0.25, 0.5]
    assert max(curves["toy:cuda:0, single roundings and functions"].get_ydata()[:1]) == 0.95
    assert "iteration" in above.get_xlabel()
    curves = {line.get_label(): line for line in below.get_lines()}
    assert list(curves["difference of the costs"].get_xdata()) == [2]
    assert list(curves["what a step's rounding errors can grow to"].get_ydata()) == [
        1e-7,
        1e-6,
        0.2,
    ]
    assert "nats" in below.get_ylabel()
    assert below.get_yscale() == "log"


def test_runs_that_never_differ_or_never_were():
    same = replace(RUN, differences=(0.0,) * 3, explained=(0.0,) * 3)
    _, below = error_by_iteration(report(run=same)).axes
    assert [text.get_text() for text in below.texts] == ["the costs never differ"]
    for bare in (report(run=same), DIED, EMPTY):
        error_by_iteration(bare).savefig(io.BytesIO(), dpi=20)
        error_by_operation(bare, table_rows(bare.judgements)).savefig(io.BytesIO(), dpi=20)


# Files


def test_pictures_are_files(tmp_path):
    folder = tmp_path / "pictures"
    paths = draw_pictures(BAD, folder, "toy-")
    assert [path.name for path in paths] == [
        "toy-error_by_operation.png",
        "toy-error_by_iteration.png",
    ]
    for path in paths:
        assert np.asarray(Image.open(path)).std() > 0
    assert sorted(folder.iterdir()) == sorted(paths)


def test_the_page_needs_nothing_else(tmp_path):
    path = tmp_path / "page.html"
    write_page(BAD, path)
    text = path.read_text("utf-8")
    assert list(tmp_path.iterdir()) == [path]
    assert len(text) < 500_000
    assert text.startswith("<!DOCTYPE html>")
    for word in ("http:", "https:", "<script", "<link", "@import", "url("):
        assert word not in text
    images = re.findall(r'<img alt="([^"]+)" src="data:image/png;base64,([^"]+)">', text)
    assert len(images) == text.count("src=") == 2
    for alt, data in images:
        assert alt
        assert np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))).std() > 0
    for word in ("The headline.", "a note", "a" * 64, "48-3-1", "TOY_TF32", RUN.sentence):
        assert word in text
    assert text.count('class="bad"') == 1
    assert "Everything that is wrong (1)" in text
    assert WRONG.reason in text
    for row in table_rows(BAD.judgements):
        assert "".join(f"<td>{cell}</td>" for cell in cells(row)) in text


def test_what_a_report_says_is_no_markup(tmp_path):
    hostile = replace(
        BAD,
        tested=Side(HOSTILE, {HOSTILE: HOSTILE}),
        headline=HOSTILE,
        notes=(HOSTILE,),
        setup=replace(BAD.setup, data_source=HOSTILE, settings={"dtype": HOSTILE, HOSTILE: 1}),
        judgements=(replace(WRONG, operation=HOSTILE, output=HOSTILE, reason=HOSTILE),),
        failure=Failure(HOSTILE, "tested", HOSTILE),
        free_run=replace(RUN, sentence=HOSTILE),
    )
    text = report_page(hostile, table_rows(hostile.judgements), {HOSTILE: (b"", HOSTILE)})
    assert "<script" not in text
    assert text.count("<img") == 1
    write_page(hostile, tmp_path / "page.html")


def test_a_page_of_a_comparison_that_died():
    text = report_page(DIED, table_rows(DIED.judgements), {})
    assert "Died in layer 1, forward product: out of memory" in text
    assert "Each trained on its own" not in text
