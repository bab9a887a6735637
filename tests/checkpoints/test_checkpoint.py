"""The checkpoint file: what goes in comes out; what is damaged or of others is refused."""

import hashlib
import io
import json
import math
import zlib
from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portable_dnn.checkpoints.file import CheckpointFormat, read_checkpoint
from portable_dnn.checkpoints.folder import checkpoint_path, find, list_checkpoints
from portable_dnn.errors import DataError, SettingError
from portable_dnn.training.history import History, Norms, Record
from portable_dnn.training.state import Snapshot
from portable_dnn.training.step import State

RUN = {
    "settings": {"layers": [2], "seed": 1, "learning_rate": 0.5},
    "data": {"source": "some pictures", "sha256": "ab" * 32},
    "device": "numpy:cpu",
    "versions": {"numpy": "2.4.6"},
}


def snapshot(iteration=5, records=1, dtype="float64", dead=(None,), slots=None, kept=None):
    draw = np.random.RandomState(iteration)
    parameters = {
        "W1": draw.randn(2, 3).astype(dtype),
        "b1": draw.randn(2, 1).astype(dtype),
        "W2": draw.randn(1, 3).astype(dtype),
    }
    history = History("cd" * 32, compressed=False)
    for number in range(records):
        norms = {"W1": draw.rand(), "b1": 0.0, "W2": math.inf, "b2": 1e-300}
        history.append(Record(number, draw.rand(), dead, norms))
    return Snapshot(iteration, State(parameters, slots or {}), history, "ef" * 32, kept or {})


@pytest.fixture
def path(tmp_path):
    path = checkpoint_path(tmp_path / "m.h5", 5)
    path.write_bytes(CheckpointFormat(RUN).to_bytes(snapshot()))
    return path


def same(a, b):
    assert (a.iteration, a.products_hash) == (b.iteration, b.products_hash)
    assert repr(a.history) == repr(b.history)
    assert a.callback_state == b.callback_state
    for here, there in zip(a.state, b.state, strict=True):
        assert list(here) == list(there)
        for name in here:
            np.testing.assert_array_equal(here[name], there[name], strict=True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("dead", [(), (None,), (0.25, None, 1.0)])
@pytest.mark.parametrize("records", [0, 1, 64, 65, 300])
def test_what_goes_in_comes_out(tmp_path, dtype, dead, records):
    made = snapshot(max(7, records), records, dtype, dead)
    path = tmp_path / "c"
    path.write_bytes(CheckpointFormat(RUN).to_bytes(made))
    found = read_checkpoint(path)
    same(found.snapshot, made)
    assert {name: found.run[name] for name in RUN} == RUN


def test_slots_of_any_rank_and_what_callbacks_keep(tmp_path):
    """Slots are whatever a rule remembers; what a callback keeps may change from file to file."""
    slots = {
        "velocity W1": np.arange(6.0).reshape(2, 3),
        "count": np.array(7),
        "seen": np.array([True, False]),
        "velocity/W1": np.ones((2, 3), dtype=np.float16),
        "cube": np.arange(8, dtype=np.float32).reshape(2, 2, 2),
        "none": np.zeros((0, 3)),
    }
    used = CheckpointFormat(RUN)
    for kept in ({}, {"patience": {"left": 3}}, {"patience": None}):
        made = snapshot(5, 2, slots=slots, kept=kept)
        path = tmp_path / "c"
        path.write_bytes(used.to_bytes(made))
        same(read_checkpoint(path).snapshot, made)


def test_a_file_does_not_depend_on_the_ones_before(tmp_path):
    used = CheckpointFormat(RUN)
    history = snapshot(1, 300).history
    for iteration, records in ((5, 0), (6, 1), (7, 1), (70, 64), (700, 65), (800, 129), (900, 130)):
        until = {name: getattr(history, name)[:records] for name in ROWS}
        until["gradient_norm"] = Norms(until["gradient_norm"])
        made = replace(snapshot(iteration), history=replace(history, **until))
        content = bytes(used.to_bytes(made))
        assert records > 1 or content == bytes(CheckpointFormat(RUN).to_bytes(made))
        (tmp_path / "c").write_bytes(content)
        same(read_checkpoint(tmp_path / "c").snapshot, made)


ROWS = ("iteration", "cost", "dead_share", "gradient_norm")


def test_it_is_hdf5_with_a_checksum_for_each_array(path):
    with h5py.File(path) as file:
        assert file.attrs["format"] == b"portable_dnn checkpoint"
        for name, listed in zip(file["names"][()], file["crc32"][()], strict=True):
            values = file[name.decode()][()]
            assert f"{zlib.crc32(values.tobytes()):08x}" == listed.decode()


def test_every_bit_counts(path):
    content = bytearray(path.read_bytes())
    draw = np.random.RandomState(0)
    # The user block and HDF5's own head whole, the rest in samples.
    places = [*range(700), *map(int, draw.randint(700, len(content), 700))]
    for place in places:
        content[place] ^= 1 << draw.randint(8)
        path.write_bytes(content)
        with pytest.raises(DataError, match="damaged"):
            read_checkpoint(path)
        content = bytearray(content)
        content[place] = CONTENT[place]
    path.write_bytes(content)
    read_checkpoint(path)


CONTENT = bytes(CheckpointFormat(RUN).to_bytes(snapshot()))


def test_every_length_counts(path):
    for length in (0, 1, 24, 511, 512, 513, 1000, len(CONTENT) - 1):
        path.write_bytes(CONTENT[:length])
        with pytest.raises(DataError, match="damaged"):
            read_checkpoint(path)
    path.write_bytes(CONTENT + b"\0")
    with pytest.raises(DataError, match="damaged"):
        read_checkpoint(path)


def sealed(change):
    """Change the HDF5 part of a checkpoint, and put a right checksum before it."""
    made = io.BytesIO(CONTENT)
    with h5py.File(made, "r+") as file:
        change(file)
    rest = made.getvalue()[512:]
    text = f"portable_dnn checkpoint\nsha256 {hashlib.sha256(rest).hexdigest()}\n"
    return (text + f"bytes {len(rest)}\n").encode().ljust(512, b"\0") + rest


def replaced(name, value):
    def change(file):
        del file[name]
        file[name] = value
        names = [n.decode() for n in file["names"][()]]
        sums = [b"%08x" % zlib.crc32(file[n][()].tobytes()) for n in names]
        file["crc32"][...] = np.array(sums)

    return change


def remove(*names):
    def change(file):
        for name in names:
            del file[name]

    return change


def with_run(**entries):
    def change(file):
        run = json.loads(file["run"][()].tobytes())
        replaced("run", np.frombuffer(json.dumps({**run, **entries}).encode(), np.uint8))(file)

    return change


def without_values(name):
    def change(file):
        del file[name]
        file.create_dataset(name, data=h5py.Empty("f8"))

    return change


def unwritten(name, shape, dtype, **options):
    """Declare an array of zeros or empty texts, and list its checksum."""

    def change(file):
        del file[name]
        file.create_dataset(name, shape, dtype, **options)
        if name != "names":
            names = [n.decode() for n in file["names"][()]]
            sums = [b"%08x" % zlib.crc32(file[n][()].tobytes()) for n in names]
            file["crc32"][...] = np.array(sums)

    return change


def many_names(file):
    del file["names"]
    file["names"] = np.full(10_001, b"run")


def version(value, **options):
    def change(file):
        del file.attrs["format_version"]
        file.attrs.create("format_version", value, **options)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (replaced("counts", np.array([np.inf, 1.0])), "counts is float64"),
        (replaced("counts", np.array([5, 1, 1])), "counts has 3 numbers"),
        (replaced("counts", np.array([0, 1])), "1 records and 0 iterations"),
        (replaced("history/iteration", np.full((64, 1), np.inf)), "iteration is float64"),
        (replaced("history/iteration", np.full((64, 1), 3)), "rise from 0 to below 5"),
        (replaced("history/cost", np.full((64, 1), np.nan)), "cost that is not finite"),
        (replaced("history/cost", np.full((64, 1), b"1.0")), "cost is |S3"),
        (replaced("history/dead_share", np.full((64, 1), 2.0)), "share that is not from 0 to 1"),
        (replaced("history/gradient_norm", np.zeros((64, 3))), "norms of 4 parameters"),
        (replaced("state/W1", np.zeros((2, 3), ">f8")), "W1 is >f8"),
        (replaced("state/W1", np.zeros((2, 3), np.int64)), "W1 is int64"),
        (without_values("counts"), "counts must hold numbers"),
        (without_values("names"), "names must hold numbers"),
        (without_values("state/W1"), "W1 must hold numbers"),
        (without_values("history/cost"), "cost must hold numbers"),
        (with_run(state=["W1", "W1"]), "state has the same text twice"),
        (with_run(state=5), "state is not a list of texts"),
        (with_run(state=["W3"]), "'state/W3' is missing"),
        (with_run(gradient_norm="Wb12"), "gradient_norm is not a list"),
        (with_run(start_sha256=None), "start_sha256 is not a text"),
        # What is declared is not in the file: texts without end, and columns.
        (unwritten("names", (10**6,), "S4", chunks=(10**5,), compression="gzip"), "not compressed"),
        (unwritten("names", (10**6,), "S1"), "declares 1000000 bytes, but 0 are there"),
        (many_names, "10001 names or"),
        (unwritten("history/cost", (10**5, 1), "f8", chunks=(10**5, 1)), "in one piece"),
        (unwritten("history/cost", (10**5, 1), "f8"), "declares 800000 bytes, but 0 are there"),
        # The version is read with the checks of every attribute.
        (version("x" * 50_000, dtype="S50000"), "format_version is x{200}…; a whole"),
        (version("hello", dtype=h5py.string_dtype()), "text of variable length"),
        (version(h5py.Empty("i4")), "format_version is None"),
        (version(np.zeros(3, [("a", "i4")])), "neither numbers nor plain text"),
        (version(2.0), "format_version is 2.0"),
        (lambda file: version(file["counts"].ref)(file), "neither numbers nor plain text"),
        (lambda file: file.attrs.__delitem__("format_version"), "lacks the attribute"),
    ],
)  # fmt: skip
def test_whole_but_made_to_do_harm(path, change, said):
    path.write_bytes(sealed(change))
    with pytest.raises(DataError, match=said) as refused:
        read_checkpoint(path)
    assert len(str(refused.value)) < 500 + len(str(path))


def test_arrays_that_lie_on_each_other(path):
    """A hundred names of the same bytes."""
    many = [f"state/{number}" for number in range(100)]

    def change(file):
        file[many[0]] = np.zeros(1000)
        for name in many[1:]:
            file[name] = file[many[0]]
        names = [*(name.decode() for name in file["names"][()]), *many]
        del file["names"], file["crc32"]
        file["names"] = np.array([name.encode() for name in names])
        file["crc32"] = np.array([b"%08x" % zlib.crc32(file[n][()].tobytes()) for n in names])

    path.write_bytes(sealed(change))
    with pytest.raises(DataError, match="declare more than the file holds"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file["state/W1"].__setitem__((0, 0), 1.0), "another checksum"),
        (lambda file: file.attrs.__setitem__("format_version", 3), "upgrade portable_dnn"),
        (version(b"x", dtype="S1"), "format_version is x; a whole"),
        (remove("names"), "names is listed but cannot be found"),
        (remove("state"), "state is listed but cannot be found"),
        (remove("state/W1"), "W1 is listed"),
        (replaced("run", np.frombuffer(b"[1]", np.uint8)), "not a checkpoint that"),
        (replaced("run", np.frombuffer(b"{", np.uint8)), "not a checkpoint that"),
        (replaced("counts", np.array([5, 65])), "65 records"),
        (replaced("counts", np.array([-5, 1])), "-5 iterations"),
        (replaced("counts", np.array([5])), "not a checkpoint that"),
        (replaced("history/cost", np.array(1.0)), "not a checkpoint that"),
    ],
)  # fmt: skip
def test_whole_but_wrong(path, change, said):
    path.write_bytes(sealed(change))
    with pytest.raises(DataError, match=said):
        read_checkpoint(path)


@given(st.data())
def test_a_forged_file_is_read_or_refused(tmp_path_factory, data):
    """With a right checksum in front, HDF5 itself sees the damage."""
    rest = bytearray(CONTENT[512:])
    for _ in range(data.draw(st.integers(1, 4))):
        rest[data.draw(st.integers(0, len(rest) - 1))] = data.draw(st.integers(0, 255))
    text = f"portable_dnn checkpoint\nsha256 {hashlib.sha256(rest).hexdigest()}\n"
    path = tmp_path_factory.mktemp("forged") / "c"
    path.write_bytes((text + f"bytes {len(rest)}\n").encode().ljust(512, b"\0") + rest)
    try:
        found = read_checkpoint(path)
    except DataError:
        return
    assert isinstance(found.snapshot.iteration, int)


# ---- the folder ----------------------------------------------------------------------------------


@pytest.fixture
def out(tmp_path):
    return tmp_path / "m.h5"


def write(out, iteration, run=RUN):
    path = checkpoint_path(out, iteration)
    path.write_bytes(CheckpointFormat(run).to_bytes(snapshot(iteration)))
    return path


def test_the_newest_is_found_by_its_iteration(out):
    for iteration in (200, 1000, 30):
        write(out, iteration)
    (out.parent / "m.h5.checkpoint-12x").write_bytes(b"")
    (out.parent / "other.h5.checkpoint-0000009999").write_bytes(b"")
    assert [iteration for iteration, _ in list_checkpoints(out)] == [1000, 200, 30]
    found = find(out, RUN)
    assert found.checkpoint.snapshot.iteration == 1000
    assert found.passed_over == found.differences == []
    assert [path.name[-4:] for path in found.older] == ["0030", "0200", "1000"]


def test_a_damaged_one_is_passed_over_and_said(out):
    good, bad = write(out, 100), write(out, 200)
    bad.write_bytes(bad.read_bytes()[:-1])
    found = find(out, RUN)
    assert found.checkpoint.path == good
    assert found.passed_over == [f"{bad} is damaged: its checksum is not that of its content"]
    good.write_bytes(b"")
    assert find(out, RUN).checkpoint is None


def test_nothing_there(out):
    assert find(out, RUN) == (None, [], [], (), ())
    with pytest.raises(DataError, match="cannot be listed"):
        find(out.parent / "missing" / "m.h5", RUN)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"settings": {**RUN["settings"], "learning_rate": 0.1}},
            "learning_rate 0.5 there and 0.1",
        ),
        ({"settings": {**RUN["settings"], "layers": [2, 3]}}, "layers 2 there and 2,3 here"),
        ({"settings": {**RUN["settings"], "momentum": 0.9}}, "momentum None there and 0.9 here"),
        ({"data": {"source": "b", "sha256": "12" * 32}}, "its data are others"),
    ],
)
def test_another_run_is_refused_with_the_difference(out, change, said):
    path = write(out, 100)
    with pytest.raises(SettingError, match=said) as raised:
        find(out, {**RUN, **change})
    assert str(raised.value).startswith(f"{path} is of another run: ")
    write(out, 50, {**RUN, **change})
    found = find(out, {**RUN, **change})
    assert found.checkpoint.snapshot.iteration == 50
    assert path not in found.older  # it is not ours to remove


def test_another_device_or_version_is_told(out):
    write(out, 100)
    found = find(out, {**RUN, "device": "torch:cpu", "versions": {"numpy": "3.0.0"}})
    assert found.checkpoint is not None
    assert found.differences == [
        "device numpy:cpu there and torch:cpu here",
        "numpy 2.4.6 there and 3.0.0 here",
    ]
