"""The history file and the pictures of a run, through the library."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from portable_dnn import initialize_parameters_deep
from portable_dnn.arrays.devices import choose_device
from portable_dnn.data import DataSet, ImageSet
from portable_dnn.errors import OutputError
from portable_dnn.results.experiment import run
from portable_dnn.results.plots import cost_curve, cost_curves, first_layer, mislabelled
from portable_dnn.results.reports import check_plot_folder, draw_plots, write_history
from portable_dnn.training.history import Norms
from portable_dnn.training.settings import Settings

COSTS = [0.7, 0.5, 0.25]


def dataset(tests=4):
    random = np.random.RandomState(0)

    def part(count):
        images = random.randint(0, 256, (count, 4, 4, 3)).astype(np.uint8)
        return ImageSet(images, np.arange(count, dtype=np.int64) % 2)

    return DataSet(part(6), part(tests), ("non-cat", "cat"), "test pictures")


@pytest.fixture(scope="module")
def experiment():
    return run(dataset(), Settings(layers=(3,), iterations=5), choose_device("cpu"))


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


# ---- the history --------------------------------------------------------------------------------


def test_history(experiment, tmp_path):
    write_history(experiment, "portable-dnn train ä", tmp_path / "h.json")
    content = strict((tmp_path / "h.json").read_text("utf-8"))
    assert content["command"] == "portable-dnn train ä"
    assert content["cost"] == experiment.history.cost
    assert content["final_cost"] == experiment.history.final_cost
    assert content["start_hash"] == experiment.history.start_hash
    assert content["training"]["accuracy"] == experiment.training.accuracy
    assert content["test"]["cost"] == experiment.test.cost
    assert content["settings"] == json.loads(json.dumps(experiment.model.provenance["settings"]))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_in_json_becomes_null(experiment, tmp_path, value):
    # A norm overflows to infinity long before the cost does.
    norms = [{**experiment.history.gradient_norm[0], "W1": value}]
    odd = replace(experiment, history=replace(experiment.history, gradient_norm=Norms(norms)))
    write_history(odd, "", tmp_path / "h.json")
    content = strict((tmp_path / "h.json").read_text("utf-8"))
    assert content["gradient_norm"][0]["W1"] is None
    assert content["gradient_norm"][0]["W2"] == norms[0]["W2"]


def test_a_history_that_cannot_be_written(experiment, tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        write_history(experiment, "", tmp_path / "missing" / "h.json")


# ---- the folder of pictures ----------------------------------------------------------------------


def test_a_folder_that_is_there_or_can_be_made(tmp_path):
    assert check_plot_folder(tmp_path) == tmp_path
    assert check_plot_folder(str(tmp_path / "new")) == tmp_path / "new"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file: it is not a folder$"):
        check_plot_folder(tmp_path / "file")
    with pytest.raises(OutputError, match="does not exist; create it first"):
        check_plot_folder(tmp_path / "a" / "b")


def test_draw_plots(experiment, tmp_path):
    paths = draw_plots(experiment, dataset(), tmp_path / "plots")
    assert paths == [
        tmp_path / "plots" / name for name in ("cost.png", "mislabelled.png", "first_layer.png")
    ]
    for path in paths:
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            picture.verify()


# ---- the pictures -------------------------------------------------------------------------------


def drawn(figure):
    """Return the texts of a figure and, per axes with a picture, title and pixels."""
    shown = [
        (axes.get_title(), np.asarray(axes.images[0].get_array()))
        for axes in figure.axes
        if axes.images
    ]
    return figure.get_suptitle(), shown


def test_the_cost_curve_shows_the_costs():
    figure = cost_curve([0, 100, 200], COSTS, "3-2-1")
    (axes,) = figure.axes
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [0, 100, 200]
    assert line.get_ydata().tolist() == COSTS
    assert axes.get_title() == "3-2-1"
    assert axes.get_xlabel() == "iteration"
    assert "cost" in axes.get_ylabel()
    assert axes.get_ylim()[0] == 0.0


def test_curves_of_several_runs_are_told_apart_and_named():
    curves = {f"run {n}": ([0, 100], [0.7, 0.1 + n / 100]) for n in range(37)}
    figure = cost_curves({**curves, "none": ([], [])}, "3-2-1")
    (axes,) = figure.axes
    assert [line.get_ydata().tolist() for line in axes.lines[:-1]] == [
        costs for _, costs in curves.values()
    ]
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == len(axes.lines) == 38
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*curves, "none"]
    figure.draw_without_rendering()
    assert legend.get_window_extent().y0 > 0  # all of them are on the page


def test_a_run_that_blows_up_does_not_hide_the_others():
    figure = cost_curves({"a": ([0, 1], [0.7, 1e9]), "b": ([0, 1], [0.8, 0.2])}, "")
    assert figure.axes[0].get_ylim() == (0.0, pytest.approx(1.05 * 1.5 * 0.8))


def test_the_last_cost_is_on_the_curve(experiment, tmp_path, monkeypatch):
    seen = []

    def curve(iterations, costs, title, test_cost):
        seen.append((iterations, costs, test_cost))
        return cost_curve(iterations, costs, title, test_cost)

    monkeypatch.setattr("portable_dnn.results.plots.cost_curve", curve)
    draw_plots(experiment, dataset(), tmp_path)
    costs = [experiment.history.cost[0], experiment.history.final_cost]
    assert seen == [([0, 5], costs, experiment.test.cost)]


def test_the_scale_and_what_is_flat_are_told():
    start = np.random.RandomState(0).normal(size=(3, 12))
    after = start + np.array([[1.0], [0.01], [0.5]])
    figure = first_layer(after, start, (2, 2, 3))
    assert "full colour: ±3.2 above, ±1 below" in figure.get_suptitle()
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:3] == ["unit 1", "unit 2 (flat)", "unit 3"]
    assert "flat" not in first_layer(start + 1.0, start, (2, 2, 3)).get_suptitle()


def test_the_first_layer_is_drawn_after_and_before_training(experiment, tmp_path, monkeypatch):
    seen = []

    def rows(*arguments):
        seen.append(arguments)
        return first_layer(*arguments)

    monkeypatch.setattr("portable_dnn.results.plots.first_layer", rows)
    draw_plots(experiment, dataset(), tmp_path)
    ((W1, start, shape),) = seen
    assert np.array_equal(W1, experiment.model.parameters["W1"])
    assert np.array_equal(start, initialize_parameters_deep((48, 3, 1))["W1"])
    assert not np.array_equal(W1, start)
    assert shape == (4, 4, 3)


def test_the_mislabelled_are_shown_the_most_certain_first():
    images = np.arange(5 * 12).reshape(5, 2, 2, 3).astype(np.uint8)
    labels = np.array([0, 1, 0, 1, 0])
    probabilities = np.array([0.6, 0.1, 0.2, 0.9, 0.5])
    title, shown = drawn(mislabelled(images, labels, probabilities, ("non-cat", "cat")))
    assert title == "2 of 5 test pictures mislabelled"
    assert [text for text, _ in shown] == [
        "said non-cat (90%)\nis cat",
        "said cat (60%)\nis non-cat",
    ]
    for (_, pixels), place in zip(shown, (1, 0), strict=True):
        assert np.array_equal(pixels, images[place])


@pytest.mark.parametrize(("wrong", "shown"), [(0, 0), (24, 24), (30, 24)])
def test_how_many_mislabelled_are_shown(wrong, shown):
    images = np.zeros((30, 2, 2, 3), np.uint8)
    probabilities = np.where(np.arange(30) < wrong, 0.9, 0.1)
    title, found = drawn(mislabelled(images, np.zeros(30, int), probabilities, ("a", "b")))
    assert len(found) == shown
    assert title.startswith(f"{wrong} of 30 test pictures mislabelled")
    assert ("most certain" in title) == (shown < wrong)


def test_the_rows_of_W1_and_their_change():
    random = np.random.RandomState(0)
    start = random.randn(3, 12)
    W1 = start + 1e-3 * random.randn(3, 12)
    _, shown = drawn(first_layer(W1, start, (2, 2, 3)))
    assert [text for text, _ in shown if text] == ["unit 1", "unit 2", "unit 3"]
    assert len(shown) == 6
    for row, (_, pixels) in zip([*W1, *(W1 - start)], shown[:6], strict=True):
        assert pixels.shape == (2, 2, 3)
        assert pixels.min() >= 0
        assert pixels.max() <= 1
        inside = (pixels > 0) & (pixels < 1)
        expected = row.reshape(2, 2, 3)[inside]
        # Half grey is 0, and the picture is the row but for one factor.
        ratio = (pixels[inside] - 0.5) / expected
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)
        assert ratio[0] > 0


def test_units_without_change():
    _, shown = drawn(first_layer(np.zeros((2, 12)), np.zeros((2, 12)), (2, 2, 3)))
    assert all((pixels == 0.5).all() for _, pixels in shown)


def test_at_most_24_units():
    _, shown = drawn(first_layer(np.ones((30, 12)), np.zeros((30, 12)), (2, 2, 3)))
    assert len(shown) == 48
