"""`portable-dnn data`."""

import json
import re

import h5py
import numpy as np
import pytest
from PIL import Image

from portable_dnn.data import builtin_dataset, read_dataset


@pytest.fixture
def album(folder):
    """Folders with 5 dark pictures of cars and 10 bright ones of boats, of several sizes."""
    for name, count, shade in (("car", 5, 60), ("boat", 10, 200)):
        (folder / "album" / name).mkdir(parents=True)
        for place in range(count):
            values = np.full((6 + place, 9, 3), shade, np.uint8)
            Image.fromarray(values).save(folder / "album" / name / f"{place}.png")
    return folder / "album"


def test_make_info_and_train(succeeds, folder):
    made = succeeds("data", "make", "--out", "made.h5")
    assert made.lines[-1] == "written to made.h5"
    expected = builtin_dataset()
    found = read_dataset(folder / "made.h5")
    assert found.fingerprint() == expected.fingerprint()
    info = succeeds("data", "info", "made.h5")
    assert info.lines == [
        "source   made.h5",
        "training 209 pictures of 64 x 64, uint8: 105 non-cat, 104 cat",
        "test     50 pictures of 64 x 64, uint8: 25 non-cat, 25 cat",
        f"sha256   {expected.fingerprint()}",
    ]
    assert info.lines[1:] == made.lines[1:-1]
    arguments = ("--iterations", 2, "--layers", "2", "--quiet", "--device", "cpu")
    ours, theirs = succeeds("train", "made.h5", *arguments), succeeds("train", *arguments)
    assert ours.lines[:3] == theirs.lines[:3]


def test_the_seed_of_make(succeeds, folder):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        succeeds("data", "make", "--out", name, "--seed", seed)
    a, b, c = ((folder / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_info_as_json(succeeds, data):
    found = json.loads(succeeds("data", "info", data, "--json").out)
    assert found["source"] == str(data)
    assert found["class_names"] == ["non-cat", "cat"]
    assert found["fingerprint"] == read_dataset(data).fingerprint()
    assert found["train"]["pictures"] == 8
    assert found["test"]["classes"] == [
        {"label": 0, "name": "non-cat", "pictures": 2},
        {"label": 1, "name": "cat", "pictures": 2},
    ]


def test_info_of_one_set(succeeds, make_data):
    assert "training none" in succeeds("data", "info", make_data(train=0)).lines
    assert "test     none" in succeeds("data", "info", make_data(test=0)).lines


def test_import_train_and_predict(succeeds, album, folder):
    imported = succeeds("data", "import", album, "--out", "album.h5", "--size", 8)
    assert imported.lines[1:3] == [
        "training 12 pictures of 8 x 8, uint8: 8 boat, 4 car",
        "test     3 pictures of 8 x 8, uint8: 2 boat, 1 car",
    ]
    info = succeeds("data", "info", "album.h5")
    assert info.lines[1:] == imported.lines[1:-1]
    succeeds(
        *("train", "album.h5", "--layers", "2", "--learning-rate", 0.1, "--iterations", 300),
        *("--out", "m.h5"),
    )
    outcome = succeeds("predict", "m.h5", album / "car", album / "boat", "--json")
    found = [entry["class"] for entry in json.loads(outcome.out)]
    assert found == ["car"] * 5 + ["boat"] * 10


def test_what_is_odd_about_data_is_said_by_every_command_that_learns_or_measures(
    succeeds, folder, model
):
    with h5py.File(folder / "odd.h5", "w") as file:
        file["test_set_x"] = file["train_set_x"] = np.full((3, 4, 4, 3), 9, np.uint8)
        file["test_set_y"] = file["train_set_y"] = [1, 1, 1]
        file["list_classes"] = np.array([b"non-cat", b"cat"])
    for command in (
        ("train", "odd.h5", "--layers", 2, "--iterations", 1),
        ("sweep", "odd.h5", "--layers", 2, "--iterations", 1),
        ("evaluate", model, "odd.h5"),
        ("data", "info", "odd.h5"),
    ):
        notes = [line for line in succeeds(*command).lines if line.startswith("note     ")]
        assert notes[0].startswith("note     all 3 training pictures are of class 1 (cat)")
        assert "every value in them is 9" in notes[1]
        assert notes[2].startswith("note     all 3 test pictures are of class 1 (cat)")
    described = json.loads(succeeds("data", "info", "odd.h5", "--json").out)
    assert len(described["remarks"]) == 4


@pytest.mark.parametrize("isolate", [(), ("--isolate",)])
def test_what_is_left_out_of_an_import_is_counted_and_named(succeeds, album, isolate):
    (album / "readme.md").touch()
    (album / "boat" / "notes.txt").touch()
    (album / "car" / "old" / "older").mkdir(parents=True)
    for number in range(3):
        (album / "car" / "old" / "older" / f"{number}.png").touch()
    (album / "car" / "gone.png").symlink_to("nowhere.png")
    imported = succeeds("data", "import", album, "--out", "a.h5", "--size", 8, *isolate)
    assert imported.lines[-4:-1] == [
        f"note     left out of {album}: files that are no JPEG, PNG, WebP or BMP pictures (1: "
        "readme.md)",
        f"note     left out of {album / 'boat'}: files that are no JPEG, PNG, WebP or BMP pictures "
        "(1: notes.txt)",
        f"note     left out of {album / 'car'}: links that lead nowhere (1: gone.png); subfolders "
        "(1: old with 3 files)",
    ]
    assert imported.lines[-1] == "written to a.h5"


def test_a_class_that_is_left_out_is_named_where_it_is_missed(refused, album, folder):
    (album / "car").rename(folder / "elsewhere")
    (album / "car").symlink_to(folder / "elsewhere")
    said = refused("data", "import", album, "--out", "a.h5")
    assert said.endswith(
        f"found 1: boat; left out of {album}: links that lead out of the folder (1: car)"
    )


def test_the_share_and_the_seed_of_import(succeeds, album, folder):
    succeeds("data", "import", album, "--out", "a.h5", "--test-share", 0, "--size", 2)
    assert read_dataset(folder / "a.h5").test is None
    for name, seed in (("b", 1), ("c", 1), ("d", 5)):
        command = ("data", "import", album, "--out", name, "--test-share", 0.4)
        assert re.search("^test +6 pictures", succeeds(*command, "--seed", seed).out, re.MULTILINE)
    b, c, _ = ((folder / name).read_bytes() for name in "bcd")
    assert b == c


def test_the_keys_are_the_courses(succeeds, folder):
    succeeds("data", "make", "--out", "made.h5")
    with h5py.File(folder / "made.h5") as file:
        assert sorted(file) == [
            *("list_classes", "test_set_x", "test_set_y", "train_set_x", "train_set_y")
        ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--size", 0), "0 x 0"),
        (("--size", -4), "-4 x -4"),
        (("--size", 10**11), "100000000000 x 100000000000"),
        (("--test-share", 1), "test share is 1"),
        (("--test-share", -0.1), "test share is -0.1"),
        (("--test-share", "nan"), "test share is nan"),
        (("--test-share", 0.99), "none is left to train on"),
        (("--seed", -1), "seed is -1"),
        (("--out", "missing/x.h5"), "missing"),
    ],
)
def test_bad_settings_of_import(refused, album, arguments, said):
    assert said in refused("data", "import", album, "--out", "x.h5", *arguments)


def test_a_size_that_is_larger_than_the_memory(refused, album, monkeypatch):
    # 15 pictures of 12 MB each; not really tried, because a failure would take the memory.
    import psutil

    memory = psutil.virtual_memory()._replace(available=100 * 10**6)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert "memory" in refused("data", "import", album, "--out", "x.h5", "--size", 2000)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_bad_seeds_of_make(refused, seed):
    assert f"the seed is {seed}" in refused("data", "make", "--out", "x.h5", "--seed", seed)


def test_bad_folders_of_import(refused, folder, album):
    command = ("data", "import", "--out", "x.h5")
    assert "nowhere does not exist" in refused(*command, "nowhere")
    assert "found 0: none" in refused(*command, "album/car")
    (album / "bike").mkdir()
    assert "found 3: bike, boat, car" in refused(*command, "album")


def test_a_class_without_pictures(refused, folder):
    for name in ("a", "b"):
        (folder / "album" / name).mkdir(parents=True)
    assert "holds no" in refused("data", "import", "album", "--out", "x.h5")


def test_no_output_named(misused, album):
    assert "--out" in misused("data", "make")
    assert "--out" in misused("data", "import", album)
