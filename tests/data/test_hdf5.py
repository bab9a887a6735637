import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from portable_dnn.data import (
    DataSet,
    ImageSet,
    builtin_dataset,
    describe_dataset,
    read_dataset,
    write_dataset,
)
from portable_dnn.errors import DataError, OutputError


def pictures(count=3, size=4, dtype=np.uint8):
    values = np.arange(count * size * size * 3) % 251
    return values.reshape(count, size, size, 3).astype(dtype)


def write(path, **arrays):
    with h5py.File(path, "w") as file:
        for key, values in arrays.items():
            file[key] = values
    return path


def train_file(path, x=None, y=None, **more):
    x = pictures() if x is None else x
    y = [0, 1, 1] if y is None else y
    return write(path, train_set_x=x, train_set_y=y, **more)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.h5"


def refused(path, text, test_path=None):
    with pytest.raises(DataError) as caught:
        read_dataset(path, test_path)
    assert str(caught.value) == text


# ---- what is read -------------------------------------------------------------------------------


def test_course_file(path):
    train_file(
        path,
        test_set_x=pictures(2) + 1,
        test_set_y=[[1, 0]],
        list_classes=np.array([b"non-cat", b"cat"]),
    )
    dataset = read_dataset(path)
    assert np.array_equal(dataset.train.images, pictures())
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.labels.tolist() == [0, 1, 1]
    assert dataset.train.labels.dtype == np.int64
    assert np.array_equal(dataset.test.images, pictures(2) + 1)
    assert dataset.test.labels.tolist() == [1, 0]
    assert dataset.class_names == ("non-cat", "cat")
    assert dataset.source == str(path)


def test_train_only_with_default_names(path):
    dataset = read_dataset(train_file(path))
    assert dataset.test is None
    assert dataset.class_names == ("0", "1")


def test_test_only(path):
    write(path, test_set_x=pictures(), test_set_y=[0, 1, 0])
    dataset = read_dataset(path)
    assert dataset.train is None
    assert dataset.test.labels.tolist() == [0, 1, 0]


def test_second_file_gives_the_test_set(path, tmp_path):
    train_file(path, test_set_x=pictures(1), test_set_y=[1])
    other = write(tmp_path / "test.h5", test_set_x=pictures(2), test_set_y=[0, 0])
    dataset = read_dataset(path, other)
    assert dataset.test.labels.tolist() == [0, 0]
    assert dataset.source == f"{path} and {other}"


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float16, np.float64, ">f4"])
def test_label_dtypes(path, dtype):
    labels = read_dataset(train_file(path, y=np.array([[0, 1, 1]], dtype))).train.labels
    assert labels.tolist() == [0, 1, 1]
    assert labels.dtype == np.int64


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int64, ">i4"])
def test_integer_pictures_become_bytes(path, dtype):
    images = read_dataset(train_file(path, x=pictures(dtype=dtype))).train.images
    assert images.dtype == np.uint8
    assert np.array_equal(images, pictures())


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_floats_outside_the_standard_become_float64(path, dtype):
    x = (pictures() / 255).astype(dtype)
    images = read_dataset(train_file(path, x=x)).train.images
    assert images.dtype == np.float64
    assert np.array_equal(images, x.astype(np.float64))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f8"])
def test_floating_pictures_are_kept(path, dtype):
    x = (pictures() / 255).astype(dtype)
    images = read_dataset(train_file(path, x=x)).train.images
    assert images.dtype == np.dtype(dtype).newbyteorder("=")
    assert images.dtype.isnative
    assert np.array_equal(images, x)


def test_class_names_in_other_letters(path):
    train_file(
        path, list_classes=np.array([name.encode() for name in ("kein Kätzchen", "Kätzchen")])
    )
    assert read_dataset(path).class_names == ("kein Kätzchen", "Kätzchen")


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([3, 70_000_000], ("3", "70000000")),
        ([0.0, 1.0], ("0", "1")),
        ([-1.5, 0.25], ("-1.5", "0.25")),
        ([False, True], ("0", "1")),
        ([[b"a", b"b"]], ("a", "b")),
        ([[5], [6]], ("5", "6")),
    ],
)
def test_class_names_that_are_numbers_or_in_a_row(path, names, shown):
    dataset = read_dataset(train_file(path, list_classes=np.array(names)))
    assert (dataset.class_names, dataset.notes) == (shown, ())


UNUSABLE_NAMES = {
    "of variable length": (["non-cat", "cat"], "variable length, which is read with --isolate"),
    "alike": (np.array([b"a", b"a"]), "two different ones would be right"),
    "numbers alike": (np.array([4, 4]), "two different ones would be right"),
    "empty": (np.array([b"", b"b"]), "is empty"),
    "escapes": (np.array([b"\x1b[31mred", b"b"]), "cannot be shown"),
    "two lines": (np.array([b"a\nb", b"c"]), "cannot be shown"),
    "one": (np.array([b"cat"]), "has shape (1,)"),
    "four": (np.array([[1, 2], [3, 4]]), "has shape (2, 2)"),
    "a scalar": (np.int64(7), "has shape ()"),
    "nothing": (h5py.Empty("S3"), "has shape None"),
    "no UTF-8": (np.array([b"\xff\xfe", b"cat"]), "is not UTF-8 text"),
    "complex": (np.array([1j, 2.0]), "neither numbers nor plain text"),
    "a link to nothing": (h5py.SoftLink("/nowhere"), "is a link to /nowhere"),
    "a link to a file": (h5py.ExternalLink("other.h5", "x"), "is a link to x"),
}


@pytest.mark.parametrize("case", UNUSABLE_NAMES)
def test_class_names_that_cannot_be_used_do_not_refuse_the_pictures(path, case):
    names, said = UNUSABLE_NAMES[case]
    dataset = read_dataset(train_file(path, list_classes=names))
    assert dataset.class_names == ("0", "1")
    assert dataset.train.labels.tolist() == [0, 1, 1]
    (note,) = dataset.notes
    assert note.startswith(f"{path}: ")
    assert said in note
    assert note.endswith("; the classes are called 0 and 1")
    assert note.isprintable()


def test_notes_of_both_files_are_kept(path, tmp_path):
    train_file(path, list_classes=np.array([b"non-cat", b"cat"]))
    other = write(tmp_path / "t.h5", test_set_x=pictures(1), test_set_y=[0], list_classes=[1, 1])
    dataset = read_dataset(path, other)
    assert dataset.class_names == ("non-cat", "cat")
    assert [note.partition(":")[0] for note in dataset.notes] == [str(other)]


# ---- what is refused ----------------------------------------------------------------------------


def test_missing(path):
    refused(path, f"{path} does not exist; give the path of an HDF5 data file")


def test_folder(tmp_path):
    refused(tmp_path, f"{tmp_path} is a folder, not an HDF5 data file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe(path):
    os.mkfifo(path)
    refused(path, f"{path} is not a plain file; give the path of an HDF5 data file")


def test_name_too_long(tmp_path):
    with pytest.raises(DataError, match="is too long for a path"):
        read_dataset(tmp_path / ("x" * 5000))


@pytest.mark.parametrize("content", [b"", b"not an HDF5 file at all" * 100])
def test_not_hdf5(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))} is not an HDF5 file"):
        read_dataset(path)


def test_truncated(path):
    train_file(path, x=pictures(3, 40))
    path.write_bytes(path.read_bytes()[:5000])
    refused(path, f"{path} is truncated: its end is missing; copy or download it again")


def test_damaged_content(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("train_set_x", data=pictures(), chunks=(3, 4, 4, 3), fletcher32=True)
        file["train_set_y"] = [0, 1, 1]
    content = path.read_bytes()
    assert content.count(pictures().tobytes()) == 1
    path.write_bytes(content.replace(pictures().tobytes(), pictures().tobytes()[::-1]))
    with pytest.raises(
        DataError, match=r"data\.h5 is a damaged HDF5 file: .*filter returned failure"
    ):
        read_dataset(path)


DAMAGE = """
import sys
from pathlib import Path
from portable_dnn.data import read_dataset
from portable_dnn.errors import DataError

path = Path(sys.argv[1])
whole = path.read_bytes()
for place in range(8, 2048, 7):
    damaged = bytearray(whole)
    damaged[place] ^= 0xFF
    path.write_bytes(damaged)
    try:
        read_dataset(path)
    except DataError as error:
        print(error)
"""


def test_every_damage_is_a_data_error(path):
    train_file(path, list_classes=np.array([b"no", b"yes"]))
    # In a process of its own, because the HDF5 library might crash on such files.
    run = subprocess.run(
        [sys.executable, "-c", DAMAGE, str(path)], capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    messages = run.stdout.splitlines()
    assert len(messages) > 20
    assert all(str(path) in message for message in messages)


def test_no_permission(path, monkeypatch):
    # Simulated, because the superuser may read everything.
    def denied(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    train_file(path)
    monkeypatch.setattr(h5py, "File", denied)
    refused(path, f"{path} may not be read: permission denied")


def test_no_expected_keys(path):
    write(path, x=[1], y=[2])
    refused(
        path,
        f"{path} holds no such data set: expected the keys train_set_x, train_set_y, test_set_x, "
        "test_set_y; found x, y",
    )


def test_long_lists_of_keys_are_cut_off(path):
    write(path, **{f"k{i:02}": [i] for i in range(11)})
    with pytest.raises(DataError, match=r"found k00, .*, k07 and 3 more$"):
        read_dataset(path)


def test_no_test_set_in_the_second_file(path, tmp_path):
    train_file(path)
    other = train_file(tmp_path / "other.h5")
    refused(
        path,
        f"{other} holds no such data set: expected the keys test_set_x, test_set_y; found "
        "train_set_x, train_set_y",
        other,
    )


@pytest.mark.parametrize(("has", "lacks"), [("x", "y"), ("y", "x")])
def test_half_a_set(path, has, lacks):
    write(path, **{f"test_set_{has}": [0]})
    refused(path, f"{path} has test_set_{has} but no test_set_{lacks}; a set needs both")


def test_group(path):
    with h5py.File(path, "w") as file:
        file.create_group("train_set_x")
        file["train_set_y"] = [0]
    refused(path, f"{path}: train_set_x is a group; it must be an array")


@pytest.mark.parametrize("shape", [(), (48,), (3, 48), (3, 4, 4), (3, 4, 4, 1), (3, 4, 4, 4)])
def test_wrong_rank_of_pictures(path, shape):
    train_file(path, x=np.zeros(shape, np.uint8))
    refused(
        path,
        f"{path}: train_set_x has shape {shape}; pictures must be (m, height, width, 3)",
    )


@pytest.mark.parametrize("shape", [(), (3, 1), (1, 1, 3)])
def test_wrong_rank_of_labels(path, shape):
    train_file(path, y=np.zeros(shape, int))
    refused(path, f"{path}: train_set_y has shape {shape}; labels must be (m,) or (1, m)")


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (3, 0, 4, 3)])
def test_empty(path, shape):
    train_file(path, x=np.zeros(shape, np.uint8))
    refused(
        path,
        f"{path}: train_set_x is empty (shape {shape}); at least one picture is needed",
    )


def test_array_without_a_shape(path):
    train_file(path, y=h5py.Empty("i8"))
    refused(path, f"{path}: train_set_y is empty; it must hold at least one picture's data")


def test_different_lengths(path):
    train_file(path, y=[0, 1])
    refused(
        path,
        f"{path}: train_set_x has 3 pictures, but train_set_y has 2 labels; every picture needs "
        "one",
    )


@pytest.mark.parametrize(
    ("labels", "place", "value"),
    [
        ([0, 1, 2], "[2]", "2"),
        ([[0, -1, 2]], "[0, 1]", "-1"),
        ([0.5, 1, 1], "[0]", "0.5"),
        ([0, np.nan, 1], "[1]", "nan"),
        ([0, 1, np.inf], "[2]", "inf"),
    ],
)
def test_other_labels(path, labels, place, value):
    train_file(path, y=labels)
    refused(path, f"{path}: train_set_y{place} is {value}; labels must be 0 or 1")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.5, 1.5])
def test_floating_pictures_out_of_range(path, value):
    x = np.zeros((3, 4, 4, 3), np.float32)
    x[1, 2, 3, 0] = value
    train_file(path, x=x)
    refused(
        path,
        f"{path}: train_set_x[1, 2, 3, 0] is {value}; floating-point pictures must have values "
        "from 0 to 1",
    )


@pytest.mark.parametrize("value", [-1, 256])
def test_whole_pictures_out_of_range(path, value):
    x = np.zeros((3, 4, 4, 3), np.int32)
    x[2, 0, 1, 2] = value
    train_file(path, x=x)
    refused(
        path,
        f"{path}: train_set_x[2, 0, 1, 2] is {value}; whole pictures must have values "
        "from 0 to 255",
    )


@pytest.mark.parametrize(
    ("dtype", "said"),
    [
        ("S3", "has dtype |S3; it must hold numbers"),
        (complex, "holds neither numbers nor plain text"),
        ([("a", "i4")], "holds neither numbers nor plain text"),
    ],
)
def test_not_numbers(path, dtype, said):
    train_file(path, y=np.zeros(3, dtype))
    refused(path, f"{path}: train_set_y {said}")


def test_text_labels(path):
    train_file(path, y=["cat", "cat", "dog"])
    refused(
        path,
        f"{path}: train_set_y holds text of variable length; write it with a fixed length, as "
        "numpy.array(names, dtype='S')",
    )


def test_pictures_of_booleans(path):
    train_file(path, x=pictures(dtype=bool))
    refused(path, f"{path}: train_set_x has dtype bool; pictures hold 0 to 255, or floats 0 to 1")


def test_train_and_test_of_different_sizes(path):
    train_file(path, test_set_x=pictures(1, 5), test_set_y=[0])
    refused(
        path,
        f"{path}: the training pictures are 4 x 4 pixels, but the test pictures are 5 x 5; both "
        "must have the same size",
    )


def test_two_files_of_different_classes(path, tmp_path):
    train_file(path, list_classes=np.array([b"non-cat", b"cat"]))
    names = np.array([b"non-dog", b"dog"])
    other = write(tmp_path / "t.h5", test_set_x=pictures(1), test_set_y=[0], list_classes=names)
    refused(
        path,
        f"the class names differ: {path} has non-cat, cat, but {other} has non-dog, dog; give "
        "files of the same classes",
        other,
    )


def test_class_names_of_the_one_file_are_those_of_the_other(path, tmp_path):
    train_file(path, list_classes=np.array([b"non-cat", b"cat"]))
    other = write(tmp_path / "t.h5", test_set_x=pictures(1), test_set_y=[0])
    assert read_dataset(path, other).class_names == ("non-cat", "cat")


def test_more_data_than_memory(path, monkeypatch):
    with h5py.File(path, "w") as file:
        file.create_dataset("train_set_x", (2**50, 64, 64, 3), "u1", chunks=(1, 64, 64, 3))
        file.create_dataset("train_set_y", (2**50,), "i8", chunks=(1024,))
    free = SimpleNamespace(available=512_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    refused(
        path,
        f"{path} declares 13,844,065,254.5 GB of data, but only 512.0 MB of memory are free; use "
        "fewer or smaller pictures, smaller layers or float32",
    )


def test_memory_counts_the_whole_file(path, monkeypatch):
    train_file(path)
    total = 3 * 4 * 4 * 3 + 3 * 8
    for available in (total, total - 1):
        free = SimpleNamespace(available=available)
        monkeypatch.setattr(psutil, "virtual_memory", lambda free=free: free)
        if available == total:
            assert read_dataset(path).train is not None
        else:
            with pytest.raises(DataError, match=r"declares 0\.0 MB"):
                read_dataset(path)


@pytest.mark.parametrize(
    "link", [h5py.ExternalLink("other.h5", "/train_set_x"), h5py.SoftLink("/elsewhere")]
)
def test_links(path, tmp_path, link):
    train_file(tmp_path / "other.h5")
    with h5py.File(path, "w") as file:
        file["train_set_x"] = link
        file["train_set_y"] = [0, 1, 1]
    refused(
        path,
        f"{path}: train_set_x is a link to {link.path}; the data themselves must be there, as "
        "h5copy puts them",
    )


def test_soft_link_through_an_external_one(path, tmp_path):
    train_file(tmp_path / "other.h5")
    with h5py.File(path, "w") as file:
        file["outside"] = h5py.ExternalLink("other.h5", "/")
        file["train_set_x"] = h5py.SoftLink("/outside/train_set_x")
        file["train_set_y"] = [0, 1, 1]
    with pytest.raises(DataError, match="train_set_x is a link to /outside/train_set_x"):
        read_dataset(path)


def test_virtual_array(path, tmp_path):
    other = train_file(tmp_path / "other.h5")
    layout = h5py.VirtualLayout((3, 4, 4, 3), "u1")
    layout[:] = h5py.VirtualSource(str(other), "train_set_x", (3, 4, 4, 3))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("train_set_x", layout)
        file["train_set_y"] = [0, 1, 1]
    refused(
        path,
        f"{path}: train_set_x is a virtual array over other files; it must hold its data",
    )


def test_external_storage(path, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(144))
    with h5py.File(path, "w") as file:
        file.create_dataset("train_set_x", (3, 4, 4, 3), "u1", external=[(str(secret), 0, 144)])
        file["train_set_y"] = [0, 1, 1]
    refused(path, f"{path}: train_set_x lies in another file; the data must be in the file")


# ---- writing ------------------------------------------------------------------------------------


@st.composite
def datasets(draw):
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))

    def image_set():
        count = draw(st.integers(1, 4))
        shape = (count, height, width, 3)
        whole = hnp.arrays(np.uint8, shape)
        real = hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=32))
        labels = draw(hnp.arrays(np.int64, (count,), elements=st.integers(0, 1)))
        return ImageSet(draw(whole | real), labels)

    kinds = draw(st.sampled_from(["train", "test", "both"]))
    name = st.text(min_size=1, max_size=6).filter(str.isprintable)
    names = draw(st.lists(name, min_size=2, max_size=2, unique=True))
    return DataSet(
        train=None if kinds == "test" else image_set(),
        test=None if kinds == "train" else image_set(),
        class_names=tuple(names),
        source="drawn",
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(dataset=datasets())
def test_round_trip(dataset, tmp_path_factory):
    path = tmp_path_factory.mktemp("round") / "data.h5"
    write_dataset(dataset, path)
    again = read_dataset(path)
    assert again.class_names == dataset.class_names
    for name in ("train", "test"):
        before, after = getattr(dataset, name), getattr(again, name)
        assert (before is None) == (after is None)
        if before is not None:
            assert after.images.dtype == before.images.dtype
            assert np.array_equal(after.images, before.images)
            assert np.array_equal(after.labels, before.labels)
    assert again.fingerprint() == dataset.fingerprint()


def test_writing_twice_gives_the_same_bytes(tmp_path):
    dataset = builtin_dataset(3)
    write_dataset(dataset, tmp_path / "a.h5")
    time.sleep(1.1)  # HDF5 counts time in seconds
    write_dataset(dataset, tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_writing_leaves_nothing_beside(tmp_path):
    write_dataset(builtin_dataset(), tmp_path / "a.h5")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]


def test_writing_nothing(path):
    with pytest.raises(DataError, match="neither training nor test pictures"):
        write_dataset(DataSet(None, None, ("a", "b"), "nowhere"), path)
    assert not path.exists()


def test_writing_to_no_folder(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        write_dataset(builtin_dataset(), tmp_path / "no" / "data.h5")


# ---- describing ---------------------------------------------------------------------------------


def test_description(path):
    dataset = read_dataset(train_file(path, list_classes=np.array([b"dog", b"cat"])))
    description = describe_dataset(dataset)
    assert json.loads(json.dumps(description)) == {
        "source": str(path),
        "class_names": ["dog", "cat"],
        "fingerprint": dataset.fingerprint(),
        "remarks": [],
        "train": {
            "pictures": 3,
            "height": 4,
            "width": 4,
            "dtype": "uint8",
            "classes": [
                {"label": 0, "name": "dog", "pictures": 1},
                {"label": 1, "name": "cat", "pictures": 2},
            ],
        },
        "test": None,
    }


# ---- the fingerprint ----------------------------------------------------------------------------


def one_set(images, labels=(0, 1, 1), names=("a", "b"), source="s", test=False):
    part = ImageSet(images, np.array(labels, np.int64))
    return DataSet(None if test else part, part if test else None, names, source)


def test_fingerprint_ignores_source_and_byte_order():
    images = pictures(dtype=np.float32) / np.float32(255)
    expected = one_set(images).fingerprint()
    assert one_set(images, source="elsewhere").fingerprint() == expected
    assert one_set(images.astype(">f4")).fingerprint() == expected
    assert one_set(np.asfortranarray(images)).fingerprint() == expected


def test_fingerprint_sees_every_part():
    images = pictures()
    changed = images.copy()
    changed[2, 3, 3, 2] ^= 1
    different = [
        one_set(images),
        one_set(changed),
        one_set(images.reshape(3, 2, 8, 3)),
        one_set(images.view(np.int8)),
        one_set(images, labels=(1, 1, 1)),
        one_set(images, names=("ab", "")),
        one_set(images, test=True),
    ]
    assert len({dataset.fingerprint() for dataset in different}) == len(different)


def test_relative_and_text_paths(path, monkeypatch):
    train_file(path)
    monkeypatch.chdir(path.parent)
    assert read_dataset("data.h5").source == "data.h5"
    assert read_dataset(Path("data.h5")).source == "data.h5"
