"""`portable-dnn summary`."""

import re

import numpy as np
import pytest

from portable_dnn.models.model import Model
from portable_dnn.models.store import load_model, save_model


def cells(outcome):
    lines = [line for line in outcome.lines if not line.startswith("-")]
    return [line.replace(",", "").split() for line in lines]


def test_the_course_table(succeeds):
    outcome = succeeds("summary")
    assert re.split(" {2,}", outcome.lines[0].strip()) == [
        *("layer", "W", "b", "Z = W A + b", "A", "parameters")
    ]
    assert re.split(" {2,}", outcome.lines[2].strip()) == [
        *("1", "(20, 12288)", "(20, 1)", "(20, 209)", "(20, 209)", "245,780")
    ]
    assert [row[-1] for row in cells(outcome)[1:]] == ["245780", "147", "40", "6", "245973"]


def test_of_other_sizes(succeeds):
    outcome = succeeds("summary", "--layers", "4", "--features", 3, "--samples", 10)
    assert [line.split("  ")[-1].strip() for line in outcome.lines[2:4]] == ["16", "5"]
    assert "(4, 3)  (4, 1)      (4, 10)  (4, 10)" in outcome.out
    assert outcome.lines[-1].split() == ["total", "21"]


def test_of_a_model(succeeds, model):
    outcome = succeeds("summary", model, "--samples", 7)
    told = {line[:10].strip(): line[10:] for line in outcome.lines[:10]}
    assert list(told) == [
        *("network", "classes", "pictures", "settings", "data"),
        *("start", "cost", "device", "time", "versions"),
    ]
    assert told["network"] == "hidden layers relu, relu; float64"
    assert told["classes"] == "0 is non-cat, 1 is cat"
    assert told["pictures"] == "4 x 4 of 3 colours, divided by 255"
    assert told["settings"].startswith("optimizer gradient_descent, initialization lecun, seed 1")
    assert "learning_rate 0.0075, iterations 3" in told["settings"]
    provenance = load_model(model).provenance
    assert told["data"] == "source test pictures, sha256 " + provenance["data"]["sha256"]
    assert told["start"] == f"sha256 {provenance['start_sha256']}"
    assert told["cost"] == f"{provenance['final_cost']:.6f}"
    assert told["device"] == "numpy:cpu"
    assert f"numpy {np.__version__}" in told["versions"]
    assert "(3, 48)" in outcome.out
    assert "(2, 7)" in outcome.out
    assert outcome.lines[-1].split() == ["total", str(3 * 48 + 3 + 2 * 3 + 2 + 2 + 1)]


@pytest.mark.parametrize("suffix", [".h5", ".safetensors"])
@pytest.mark.parametrize(
    "provenance",
    [
        {},
        {"settings": 3, "data": [], "versions": None, "final_cost": "low", "seconds": {}},
        {"settings": {"\x1b[2J": "\n" * 9}, "device": "x\x1b[2J" + "y" * 9999, "final_cost": 1e300},
    ],
)
def test_of_a_model_whose_making_is_told_otherwise(succeeds, model, folder, provenance, suffix):
    made = load_model(model)
    odd = Model(made.parameters, made.hidden, ("a", "b"), made.image_shape, provenance)
    save_model(odd, folder / f"odd{suffix}")
    outcome = succeeds("summary", f"odd{suffix}")
    assert outcome.lines[1] == "classes   0 is a, 1 is b"
    assert len(outcome.lines) == 10 + 7
    assert max(map(len, outcome.lines)) < 1000
    assert "\x1b" not in outcome.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--layers", "20,,5"), "part 2 is ''"),
        (("--features", 0), "0 input features"),
        (("--samples", 0), "samples is 0"),
        (("missing.h5",), "missing.h5 does not exist"),
        (("model.h5", "--layers", "3"), "a model has its own layers"),
        (("model.h5", "--features", 3), "a model has its own layers"),
    ],
)
def test_bad_input(refused, model, arguments, said):
    assert said in refused("summary", *arguments)
