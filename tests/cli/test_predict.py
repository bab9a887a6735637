"""`portable-dnn predict`."""

import json
import re

import h5py
import numpy as np
import pytest
from PIL import Image

import portable_dnn_numpy
from portable_dnn.data import pictures

BIAS = "parameters/b3"


@pytest.fixture
def sure(damaged_model):
    """Return a function that makes the model give one probability for every picture."""

    def always(logit):
        def change(file):
            file["parameters/W3"][...] = 0.0
            file[BIAS][...] = logit

        return damaged_model(change)

    return always


def save(path, seed=0, size=9, **options):
    path.parent.mkdir(exist_ok=True)
    values = np.random.RandomState(seed).randint(0, 256, (size, size, 3)).astype(np.uint8)
    Image.fromarray(values).save(path, **options)
    return path


def predictions(outcome):
    return {
        path: (name, probability)
        for path, name, probability in re.findall(
            r"^(\S+) +(cat|non-cat) +(\d\.\d{4})$", outcome.out, re.MULTILINE
        )
    }


@pytest.mark.parametrize(
    ("logit", "name", "probability"),
    [
        (0.0, "non-cat", "0.5000"),  # the class is 1 only above 0.5
        (1e-3, "cat", "0.5002"),
        (-1e-3, "non-cat", "0.4998"),
        (2.0, "cat", "0.8808"),
        (-2.0, "non-cat", "0.1192"),
    ],
)
def test_above_one_half_is_class_1(succeeds, sure, picture, logit, name, probability):
    outcome = succeeds("predict", sure(logit), picture)
    assert outcome.lines[0].split() == ["picture", "class", "probability", "of", "cat"]
    assert predictions(outcome) == {str(picture): (name, probability)}


@pytest.mark.parametrize("shape", [(), ("--json",)])
def test_what_is_left_out_of_a_folder_is_said_beside_the_result(
    portable_dnn_command, model, folder, shape
):
    save(folder / "b" / "1.png", 1)
    (folder / "b" / "notes.txt").write_text("no picture", encoding="utf-8")
    outcome = portable_dnn_command("predict", model, "b", *shape)
    assert outcome.code == 0
    assert outcome.err == (
        "portable-dnn: note: left out of b: files that are no JPEG, PNG, WebP or BMP pictures (1: "
        "notes.txt)\n"
    )
    assert "notes.txt" not in outcome.out


def test_files_and_folders_in_the_order_given(succeeds, model, folder):
    for place, name in enumerate(["b/2.png", "b/1.jpg", "a.webp", "c.bmp"]):
        save(folder / name, place)
    outcome = succeeds("predict", model, "c.bmp", "b", "a.webp", "c.bmp")
    assert [line.split()[0] for line in outcome.lines[1:]] == [
        *("c.bmp", "b/1.jpg", "b/2.png", "a.webp", "c.bmp")
    ]


def test_each_picture_has_its_own_probability(succeeds, model, folder):
    names = [save(folder / f"{seed}.png", seed).name for seed in range(3)]
    together = predictions(succeeds("predict", model, *names))
    assert len({probability for _, probability in together.values()}) > 1
    for name in names:
        assert predictions(succeeds("predict", model, name)) == {name: together[name]}


def test_a_picture_of_the_data_set_gets_what_evaluate_says(succeeds, model, data, folder, device):
    with h5py.File(data, "r") as file:
        images, labels = file["train_set_x"][()], file["train_set_y"][()]
    names = [f"{place}.png" for place in range(len(images))]
    for name, image in zip(names, images, strict=True):
        Image.fromarray(image).save(folder / name)
    outcome = succeeds("predict", model, *names, "--json", "--device", device)
    probabilities = np.array([found["probability"] for found in json.loads(outcome.out)])
    wrong = int(((probabilities > 0.5) != labels).sum())
    cost = -np.log(np.where(labels, probabilities, 1 - probabilities)).mean()
    row = f"training +8 +{wrong} +{1 - wrong / 8:.4f} +{cost:.6f}"
    assert re.search(row, succeeds("evaluate", model, data, "--device", device).out)


def test_json(succeeds, model, folder):
    names = [save(folder / f"{seed} ä.png", seed).name for seed in range(2)]
    found = json.loads(succeeds("predict", model, *names, "--json").out)
    assert [entry["picture"] for entry in found] == names
    for entry in found:
        assert set(entry) == {"picture", "class", "probability", "probability_of"}
        assert entry["class"] == ("cat" if entry["probability"] > 0.5 else "non-cat")
        assert entry["probability_of"] == "cat"
        assert 0 < entry["probability"] < 1


def test_json_keeps_every_digit(succeeds, sure, picture):
    (found,) = json.loads(succeeds("predict", sure(1e-9), picture, "--json").out)
    assert found["probability"] == 1 / (1 + np.exp(-1e-9))
    assert found["class"] == "cat"


def test_square_brackets_are_not_markup(succeeds, model, folder):
    save(folder / "[bold]x[/bold].png")
    assert "[bold]x[/bold].png" in succeeds("predict", model, "[bold]x[/bold].png").out


def test_every_extension_is_not_what_decides(succeeds, model, folder):
    save(folder / "photo", format="JPEG")
    assert len(predictions(succeeds("predict", model, "photo"))) == 1


def album(folder):
    """Fill a folder: two good pictures, two bad ones."""
    good = [save(folder / "album" / f"{place}.png", place) for place in (1, 3)]
    (folder / "album" / "0.png").touch()
    (folder / "album" / "2.png").write_bytes(good[0].read_bytes()[:-40])
    return [path.relative_to(folder) for path in good]


def test_all_bad_pictures_of_a_folder_are_named(portable_dnn_command, model, folder):
    album(folder)
    (folder / "album" / "4.png").write_text("not a picture", encoding="utf-8")
    outcome = portable_dnn_command("predict", model, "nosuch.png", "album")
    assert outcome.code == 2
    assert not outcome.out
    assert "4 of 6 pictures cannot be used" in outcome.err
    for name in ("0.png", "4.png"):
        assert f"album/{name} is not a JPEG, PNG, WebP or BMP picture" in outcome.err
    # One header is good and the rest is not there; one file is not there at all.
    assert "album/2.png is a damaged picture" in outcome.err
    assert "nosuch.png does not exist" in outcome.err


@pytest.mark.parametrize("isolate", [(), ("--isolate",)])
def test_bad_pictures_are_left_out_on_request(portable_dnn_command, model, folder, isolate):
    good = album(folder)
    outcome = portable_dnn_command("predict", model, "album", "--skip-bad", "--json", *isolate)
    assert outcome.code == 0
    assert [found["picture"] for found in json.loads(outcome.out)] == list(map(str, good))
    told = outcome.err.splitlines()
    assert [line.split(" is ")[0] for line in told] == [
        f"portable-dnn: note: left out: album/{name}" for name in ("0.png", "2.png")
    ]
    whole = portable_dnn_command("predict", model, *good, "--json")
    assert whole.out == outcome.out


def test_where_all_are_bad_nothing_is_left(refused, model, folder):
    for name in ("x.png", "y.png"):
        (folder / name).touch()
    said = refused("predict", model, "x.png", "y.png", "--skip-bad")
    assert "2 of 2 pictures cannot be used: x.png is not a" in said


def test_short_memory_is_said_before_a_picture_is_decoded(refused, model, folder, monkeypatch):
    for place in range(3):
        save(folder / "album" / f"{place}.png", place)

    def decode(*_arguments):
        raise AssertionError("a picture was decoded")

    monkeypatch.setattr(pictures, "_upright_rgb", decode)
    monkeypatch.setattr(portable_dnn_numpy, "free_memory", lambda device: 2_000_000)
    said = refused("predict", model, "album", "--device", "cpu")
    assert "on numpy:cpu, 3 pictures and the network make" in said
    assert "but only 2.0 MB of memory are free" in said
