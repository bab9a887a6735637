"""`portable-dnn summary`."""

import re

import pytest


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
    network, settings = outcome.lines[:2]
    assert network == "network   hidden layers relu, relu"
    assert settings.startswith("settings  optimizer gradient_descent, initialization lecun, seed ")
    assert "(3, 48)" in outcome.out
    assert "(2, 7)" in outcome.out
    assert outcome.lines[-1].split() == ["total", str(3 * 48 + 3 + 2 * 3 + 2 + 2 + 1)]


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
