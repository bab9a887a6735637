"""Memory that is not there: what is needed, what is free and what would fit, in one sentence."""

import re
from dataclasses import replace

import numpy as np
import pytest

import portable_dnn_numpy
from portable_dnn import data
from portable_dnn.arrays.devices import choose_device
from portable_dnn.arrays.holding import holding_of
from portable_dnn.cli import main
from portable_dnn.data import builtin_dataset
from portable_dnn.data.dataset import ImageSet
from portable_dnn.errors import DataError
from portable_dnn.machine import memory
from portable_dnn.results import experiment
from portable_dnn.results.experiment import planned, run
from portable_dnn.training.optimizers import GradientDescent
from portable_dnn.training.run_memory import RunSize, is_shortage, slots_of
from portable_dnn.training.settings import Settings

DIMS = (12288, 20, 7, 5, 1)


class OutOfMemoryError(RuntimeError):
    """By this name, PyTorch raises on a card; CuPy's is a kind of MemoryError too."""


@pytest.fixture(scope="module")
def pictures():
    return builtin_dataset()


def times(part, count):
    """So many copies of pictures."""
    return ImageSet(np.tile(part.images, (count, 1, 1, 1)), np.tile(part.labels, count))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("12 bytes"),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8000000000 bytes."),
    ],
)
def test_each_library_has_its_own_word(error, pictures, monkeypatch):
    def fail(*_arguments, **_options):
        raise error

    assert is_shortage(error)
    monkeypatch.setattr(experiment, "train_checked", fail)
    with pytest.raises(DataError, match=r"^out of memory on numpy:cpu: this run makes about "):
        run(pictures, Settings(iterations=1), choose_device("cpu"))


def test_other_errors_stay(pictures, monkeypatch):
    def fail(*_arguments, **_options):
        raise RuntimeError("something else")

    monkeypatch.setattr(experiment, "train_checked", fail)
    with pytest.raises(RuntimeError, match=r"^something else$"):
        run(pictures, Settings(iterations=1), choose_device("cpu"))


def test_the_libraries_say_it_so(default_device):
    """A petabyte, really asked for."""
    xp = choose_device(default_device).backend.namespace()
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each library has its own
        np.asarray(xp.zeros(10**15, dtype=xp.float64))
    assert is_shortage(raised.value), repr(raised.value)


@pytest.mark.parametrize(
    ("settings", "free", "said"),
    [
        ({}, 0.6, r"float32 \([\d.]+ MB\) or a batch of at most \d+ of the 2090 pictures"),
        ({}, 0.3, r"a batch of at most \d+ of the 2090 pictures"),
        (
            {"dtype": "float32", "layers": (40, 7)},
            0.98,
            r"hidden layers of 20,3 units .* or a batch of at most \d+ of the 2090 pictures",
        ),
        ({"compress": "on", "layers": (900,)}, 0.98, r"float32 .* or hidden .* or a batch of"),
    ],
)
def test_what_would_fit_is_named_and_fits(settings, free, said, pictures, monkeypatch):
    chosen = Settings(**{"iterations": 1, "compress": "off", **settings})
    many = replace(pictures, train=times(pictures.train, 10), test=None)
    holding = holding_of(choose_device("cpu"))
    dims = chosen.layer_dims(DIMS[0])
    size = RunSize(dims, 2090, chosen.dtype, chosen.compress == "on", holding)
    there = int(free * size.bytes)
    monkeypatch.setattr(portable_dnn_numpy, "free_memory", lambda _device: there)
    with pytest.raises(DataError, match=f"what would fit: {said}") as raised:
        run(many, chosen, choose_device("cpu"))
    (most,) = re.findall(r"at most (\d+)", str(raised.value))
    for count, fits in ((int(most), True), (int(most) + 1, False)):
        assert (replace(size, pictures=count).bytes <= there) is fits


def test_where_it_is_left_open_the_way_that_fits_is_taken(pictures, monkeypatch):
    """Many pictures make large products with each other; a long run would still be shorter."""
    settings = Settings(layers=(3,), iterations=10_000, dtype="float32")
    many = replace(pictures, train=times(pictures.train, 20), test=None)
    device = choose_device("cpu")
    plain = RunSize((12288, 3, 1), 4180, "float32", holding=holding_of(device))
    assert replace(plain, compressed=True).bytes > plain.bytes
    assert planned(many, settings, device)[0].compress == "on"
    monkeypatch.setattr(portable_dnn_numpy, "free_memory", lambda _device: plain.bytes)
    assert planned(many, settings, device)[0].compress == "off"
    monkeypatch.setattr(portable_dnn_numpy, "free_memory", lambda _device: plain.bytes - 1)
    with pytest.raises(DataError, match="this run makes about"):
        planned(many, settings, device)


def test_where_nothing_alone_would_do(pictures, monkeypatch):
    monkeypatch.setattr(portable_dnn_numpy, "free_memory", lambda _device: 1000)
    with pytest.raises(DataError, match=r"use fewer or smaller pictures, smaller layers and flo"):
        run(pictures, Settings(iterations=1), choose_device("cpu"))


def test_a_backend_of_the_host_knows_the_limits_of_the_process(default_device, monkeypatch):
    device = choose_device(default_device)
    if not device.name.startswith("cpu"):
        pytest.skip("a card has memory of its own")
    monkeypatch.setattr(memory, "address_space_left", lambda: 12_345)
    assert device.backend.free_memory(device.name) == 12_345
    with pytest.raises(DataError, match=r"only 0\.0 MB of memory are free"):
        run(builtin_dataset(), Settings(iterations=1, dtype="float32"), device)


def test_evaluation_is_part_of_the_run(pictures, monkeypatch):
    def fail(*_arguments):
        raise MemoryError

    monkeypatch.setattr(experiment, "evaluate", fail)
    with pytest.raises(DataError, match=r"^out of memory on numpy:cpu: this run makes about "):
        run(pictures, Settings(iterations=1), choose_device("cpu"))


def test_test_pictures_are_counted(pictures, monkeypatch):
    """More of them than there are to train on."""
    little, many = RunSize(DIMS, 2, "float64"), RunSize(DIMS, 2, "float64", tested=500)
    assert many.bytes > 480 * DIMS[0] * 8 > little.bytes
    few = ImageSet(pictures.train.images[:2], pictures.train.labels[:2])
    monkeypatch.setattr(portable_dnn_numpy, "free_memory", lambda _device: little.bytes)
    with pytest.raises(DataError, match="this run makes about"):
        run(
            replace(pictures, train=few, test=times(pictures.test, 10)),
            Settings(iterations=1),
            choose_device("cpu"),
        )


def test_what_an_optimizer_remembers_is_counted():
    class Remembers(GradientDescent):
        def init(self, parameters, *, xp):
            slots = {f"v_{name}": xp.zeros_like(array) for name, array in parameters.items()}
            return {**slots, "count": xp.zeros(())}

    assert slots_of(GradientDescent(0.1)) == 0
    assert slots_of(Remembers(0.1)) == 1
    plain = RunSize((12288, 500, 1), 2, "float64")
    weights = 8 * 12288 * 500
    assert replace(plain, slots=1).bytes > plain.bytes + 4 * weights


@pytest.fixture
def ends_with(monkeypatch, capsys, tmp_path):
    """Return a function that lets reading fail, and gives what the command line says of it."""

    def attempt(error, code=2):
        def fail(*_arguments, **_options):
            raise error

        monkeypatch.setattr(data, "read_dataset", fail)
        monkeypatch.setattr("sys.argv", ["portable-dnn", "data", "info", str(tmp_path / "x.h5")])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == code
        return capsys.readouterr().err

    return attempt


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "error: not enough memory: 10.0 MB are free on the host now; use fewer"),
        (MemoryError("3 GiB"), "error: not enough memory (3 GiB): 10.0 MB are free"),
        (RuntimeError("DefaultCPUAllocator: x"), "not enough memory (DefaultCPUAllocator: x): 1"),
    ],
)
def test_a_shortage_that_nobody_expected(ends_with, error, said, monkeypatch):
    monkeypatch.setattr(memory, "address_space_left", lambda: 10**7)
    assert said in ends_with(error)


def test_another_error_is_not_called_a_shortage(ends_with):
    said = ends_with(RuntimeError("a mistake"), code=70)
    assert "RuntimeError: a mistake" in said
    assert "not enough memory" not in said


@pytest.fixture
def nothing_drawn(monkeypatch):
    def draw(*_arguments, **_options):
        raise AssertionError("the start was drawn")

    monkeypatch.setattr(experiment, "initialize_parameters_deep", draw)


@pytest.mark.usefixtures("nothing_drawn")
@pytest.mark.parametrize(
    "command",
    [
        ("train", "--compress", "off"),
        ("train", "--compress", "on", "--out", "m.h5", "--checkpoint-every", "5"),
        ("sweep", "--layers", "3", "--layers", "900"),
        ("compare", "--backend", "numpy"),
    ],
)
def test_a_command_refuses_before_it_begins(command, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(memory, "address_space_left", lambda: 20_000_000)
    monkeypatch.setattr("sys.argv", ["portable-dnn", *command])
    monkeypatch.setenv("PORTABLE_DNN_DEVICE", "cpu")
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "20.0 MB of memory are free" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_are_counted():
    plain = RunSize((12288, 500, 1), 2, "float64")
    assert replace(plain, checkpoints=True).bytes > plain.bytes + 4 * 8 * 12288 * 500


def test_the_best_run_of_a_sweep_is_kept_beside_the_next(pictures, monkeypatch):
    wide, narrow = (Settings(layers=(n,), iterations=1, compress="off") for n in (900, 3))
    device = choose_device("cpu")
    _, alone = planned(pictures, narrow, device)
    _, size = planned(pictures, narrow, device, beside=(wide, narrow))
    assert size.bytes > alone.bytes + 2 * 8 * 12288 * 900
