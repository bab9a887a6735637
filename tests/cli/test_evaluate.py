"""`portable-dnn evaluate`."""

import re

import h5py


def rows(outcome):
    return re.findall(r"^(?:training|test) .+$", outcome.out, re.MULTILINE)


def test_as_after_training(succeeds, data, device):
    arguments = ("--layers", "3,2", "--iterations", 30, "--learning-rate", 0.1)
    trained = succeeds("train", data, *arguments, "--device", device, "--out", "m.h5")
    evaluated = succeeds("evaluate", "m.h5", data, "--device", device)
    assert rows(evaluated) == rows(trained)
    assert len(rows(evaluated)) == 2
    assert evaluated.lines[0] == f"m.h5 on {data}"
    assert rows(succeeds("evaluate", "m.h5", data, "--device", "cpu")) == rows(trained)


def test_the_built_in_pictures_are_the_default(succeeds):
    trained = succeeds("train", "--iterations", 2, "--layers", "2", "--out", "m.h5")
    assert rows(succeeds("evaluate", "m.h5")) == rows(trained)


def test_pictures_that_nobody_named_are_not_taken_for_the_models(succeeds, make_data, folder):
    own = make_data("own.h5", size=64)
    succeeds("train", own, "--iterations", 2, "--layers", "2", "--out", "m.h5")
    note = (
        "note     no data file is named, so the pictures are those that the program draws itself; "
        f"the model was trained on {own}"
    )
    outcome = succeeds("evaluate", "m.h5")
    assert outcome.lines[:2] == [note, "m.h5 on built-in pictures"]
    assert "note" not in succeeds("evaluate", "m.h5", own).out


def test_a_model_that_does_not_fit_the_built_in_pictures(portable_dnn_command, model):
    outcome = portable_dnn_command("evaluate", model)
    assert outcome.code == 2
    assert outcome.lines[0].startswith("note     no data file is named")
    assert "64 x 64" in outcome.err


def test_only_the_sets_that_are_there(succeeds, model, make_data):
    (row,) = rows(succeeds("evaluate", model, make_data("t.h5", train=0, test=6)))
    assert row.split()[:2] == ["test", "6"]


def test_numbers_add_up(succeeds, model, data):
    for row in rows(succeeds("evaluate", model, data)):
        _, number, wrong, accuracy, _ = row.split()
        assert accuracy == f"{1 - int(wrong) / int(number):.4f}"


def test_other_labels_change_the_accuracy(succeeds, model, data):
    before = rows(succeeds("evaluate", model, data))
    with h5py.File(data, "r+") as file:
        file["test_set_y"][...] = 1 - file["test_set_y"][...]
    (training, test), (training_before, test_before) = (
        rows(succeeds("evaluate", model, data)),
        before,
    )
    assert training == training_before
    assert float(test.split()[3]) == 1 - float(test_before.split()[3])
