"""Results that cannot be written: found before training, or cleaned up after."""

import errno
import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from portable_dnn.cli.commands import data as data_command
from portable_dnn.cli.commands import sweep as sweep_command
from portable_dnn.cli.commands import train as train_command
from portable_dnn.cli.options import check_outputs
from portable_dnn.models.store import load_model

TRAIN = ("train", "data.h5", "--layers", "2", "--iterations", 1)
FILES = ["--out", "--history", "--plots"]


@pytest.fixture(autouse=True)
def _data(data):
    """Every test needs pictures."""


def no_new_file(monkeypatch, number, after=0):
    """Let the system refuse to make files, after so many."""
    real, made = os.open, []

    def pretend(path, flags, *arguments, **options):
        if flags & os.O_CREAT:
            made.append(path)
            if len(made) > after:
                raise OSError(number, os.strerror(number))
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", pretend)


@pytest.mark.parametrize("option", FILES)
@pytest.mark.parametrize("path", ["missing/x", "missing/deeper/x", "data.h5/x"])
def test_the_folder_is_missing(refused, option, path):
    said = refused(*TRAIN, option, path)
    assert path in said
    assert "does not exist" in said or "is not a folder" in said


@pytest.mark.parametrize("path", ["new/", "new/.", "./", "data.h5/"])
@pytest.mark.parametrize(
    "command",
    [
        (*TRAIN, "--out"),
        (*TRAIN, "--history"),
        ("sweep", "data.h5", "--out"),
        ("data", "make", "--out"),
        ("compare", "--backend", "numpy", "--json"),
        ("compare", "--backend", "numpy", "--html"),
    ],
    ids=lambda command: " ".join(map(str, command)),
)
def test_the_path_of_a_folder(refused, command, path):
    assert f"cannot write {path}: it is a folder" in refused(*command, path)


@pytest.mark.parametrize("option", ["--out", "--history"])
@pytest.mark.parametrize("path", ["sub", "."])
def test_a_folder_is_in_the_place(refused, folder, option, path):
    (folder / "sub").mkdir()
    assert "it is a folder" in refused(*TRAIN, option, path)


@pytest.mark.parametrize("command", [TRAIN, ("sweep", *TRAIN[1:])])
@pytest.mark.parametrize("option", ["--out", "--history"])
def test_plots_and_a_file_in_one_place(refused, command, option):
    said = refused(*command, option, "same", "--plots", "./same")
    assert said == f"--plots same is also {option}; name another file"


@pytest.mark.parametrize("option", ["--out", "--history"])
def test_an_empty_name(refused, option):
    said = refused(*TRAIN, option, "")
    assert said == "the name of the file to write is empty; give one"


def test_plots_into_a_file(refused):
    assert refused(*TRAIN, "--plots", "data.h5").endswith("data.h5: it is not a folder")


@pytest.mark.parametrize(
    "arguments", [("data", "make"), ("data", "import", "."), ("sweep", "data.h5")]
)
def test_other_commands(refused, arguments):
    assert "missing does not exist; create it first" in refused(*arguments, "--out", "missing/x.h5")


@pytest.mark.parametrize("option", FILES)
def test_a_read_only_folder(refused, folder, option):
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        pytest.skip("permissions do not bind the superuser, nor do they exist everywhere")
    locked = folder / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert "Permission denied" in refused(*TRAIN, option, "locked/x")
    finally:
        locked.chmod(stat.S_IRWXU)


@pytest.mark.parametrize("option", FILES)
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_folder_that_takes_no_file(refused, monkeypatch, option, number):
    # Simulated, because the superuser may write anywhere.
    no_new_file(monkeypatch, number)
    assert refused(*TRAIN, option, "x") == f"cannot write x: {os.strerror(number)}"


def test_nothing_is_trained_before_the_outputs_are_checked(portable_dnn_command):
    for option in FILES:
        assert portable_dnn_command(*TRAIN, option, "missing/x").out == ""


# ---- the disk is full once the run is over -------------------------------------------------------


def full(*_arguments, **_options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def elsewhere(tmp_path_factory, monkeypatch):
    """The folder for temporary files, an empty one."""
    folder = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def content_of(folder):
    """Return all files of a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model_that_has_no_room_is_saved_elsewhere(
    portable_dnn_command, succeeds, monkeypatch, folder, elsewhere
):
    (folder / "x.h5").write_bytes(b"old")  # must stay
    before = content_of(folder)
    flush, calls = os.fsync, []

    def full_at_first(descriptor):
        calls.append(descriptor)
        if len(calls) == 1:
            full()
        flush(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_at_first)
        outcome = portable_dnn_command(*TRAIN, "--out", "x.h5")
    assert outcome.code == 1
    (private,) = elsewhere.iterdir()
    assert (
        stat.S_IMODE(private.stat().st_mode) == 0o700
    )  # whoever may look into the folder of --out
    (model,) = private.iterdir()
    assert outcome.err == (
        "portable-dnn: error: cannot write x.h5: No space left on device; the model was saved to "
        f"{model} instead\n"
    )
    assert content_of(folder) == before
    succeeds(*TRAIN, "--out", "y.h5")
    there, here = load_model(model).parameters, load_model(folder / "y.h5").parameters
    assert all(np.array_equal(there[name], here[name]) for name in here)


def test_a_model_that_has_no_room_anywhere(portable_dnn_command, monkeypatch, folder, elsewhere):
    before = content_of(folder)
    monkeypatch.setattr(os, "fsync", full)
    outcome = portable_dnn_command(*TRAIN, "--out", "x")
    assert outcome.code == 1
    assert re.fullmatch(
        r"portable-dnn: error: cannot write x: No space left on device; the model could not "
        r"be saved elsewhere either: cannot write .+: No space left on device\n",
        outcome.err,
    )
    assert content_of(folder) == before
    assert not any(elsewhere.iterdir())


@pytest.mark.parametrize("how", ["made", "flushed"])
def test_a_history_that_has_no_room_anywhere(
    portable_dnn_command, monkeypatch, folder, elsewhere, how
):
    (folder / "x.json").write_bytes(b"old")  # must stay
    if how == "made":
        no_new_file(monkeypatch, errno.ENOSPC, after=1)
    else:
        monkeypatch.setattr(os, "fsync", full)
    outcome = portable_dnn_command(*TRAIN, "--history", "x.json")
    assert outcome.code == 1
    assert outcome.err.startswith(
        "portable-dnn: error: cannot write x.json: No space left on device; the history could not "
        "be saved elsewhere either: "
    )
    assert (folder / "x.json").read_bytes() == b"old"
    assert not any(elsewhere.iterdir())


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((*TRAIN, "--history", "x.json"), "the history"),
        (("sweep", "data.h5", "--layers", "2", "--iterations", 1, "--out", "x.h5"), "the model"),
        (("data", "import", "photos", "--out", "x.h5"), "the data set"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_no_command_loses_what_is_finished(
    portable_dnn_command, monkeypatch, folder, elsewhere, arguments, what
):
    for name in ("a", "b"):
        (folder / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (3, 3)).save(folder / "photos" / name / "1.png")
    real = os.open

    def here_full(path, flags, *rest, **options):
        if flags & os.O_CREAT and working and elsewhere not in Path(path).parents:
            full()
        return real(path, flags, *rest, **options)

    working = []

    def check_then_fill(*files):
        check_outputs(*files)
        working.append(True)

    for command in (train_command, sweep_command, data_command):
        monkeypatch.setattr(command, "check_outputs", check_then_fill)
    monkeypatch.setattr(os, "open", here_full)
    outcome = portable_dnn_command(*arguments)
    assert outcome.code == 1
    (saved,) = elsewhere.glob("*/*")
    assert f"{what} was saved to {saved} instead" in outcome.err
    assert saved.stat().st_size > 500


LIMITED = """
import resource, sys
from portable_dnn.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
sys.argv = ["portable-dnn", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("sweep", "data.h5", "--iterations", "1", "--device", "cpu"), 1),
        (("convert", "model.h5"), 2),
        (("data", "make"), 2),
    ],
    ids=["sweep", "convert", "data make"],
)
@pytest.mark.usefixtures("model")
def test_the_disk_is_full_while_hdf5_is_written(folder, arguments, code):
    # Really, because the HDF5 library has its own ways to fail.
    pytest.importorskip("resource", reason="this system has no limits on the size of files")
    before = sorted(folder.iterdir())
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, *arguments, "--out", "x.h5"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr.startswith("portable-dnn: error: cannot write x.h5: File too large")
    assert len(run.stderr.splitlines()) == 1
    assert run.returncode == code
    assert sorted(folder.iterdir()) == before


def test_the_disk_is_full_while_a_picture_is_written(refused, monkeypatch, folder):
    (folder / "plots").mkdir()
    monkeypatch.setattr(Figure, "savefig", full)
    said = refused(*TRAIN, "--plots", "plots")
    assert said.startswith("cannot write ")
    assert said.endswith("cost.png: No space left on device")


@pytest.mark.parametrize(
    "command", [TRAIN, ("sweep", "data.h5", "--iterations", 1)], ids=["train", "sweep"]
)
def test_no_file_may_be_as_large_as_a_model(folder, command):
    pytest.importorskip("resource", reason="this system has no limits on the size of files")
    before = sorted(folder.iterdir())
    arguments = (*map(str, command), "--device", "cpu", "--out", "x.h5")
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, *arguments], capture_output=True, text=True, check=False
    )
    assert run.stderr.startswith(
        "portable-dnn: error: cannot write x.h5: File too large; the model could not be saved "
        "elsewhere either: "
    )
    assert run.returncode == 1
    assert sorted(folder.iterdir()) == before


# ---- outputs that would destroy something --------------------------------------------------------


@pytest.mark.parametrize("option", ["--out", "--history"])
def test_the_data_set_is_not_overwritten(refused, option):
    assert "data.h5" in refused(*TRAIN, option, "data.h5")


def test_nor_through_a_link(refused, folder):
    (folder / "link").symlink_to("data.h5")
    assert "DATA" in refused(*TRAIN, "--out", "link")
    refused("sweep", "data.h5", "--out", "./link")


def test_two_outputs_in_one_file(refused):
    assert "--out" in refused(*TRAIN, "--out", "x", "--history", "./x")


COMPARE = ("compare", "--backend", "numpy", "--data", "data.h5", "--plots")


@pytest.mark.parametrize(
    "arguments",
    [
        (*TRAIN, "--plots", "x", "--out", "x"),
        (*TRAIN, "--plots", "./x", "--history", "x"),
        (*TRAIN, "--plots", ".", "--history", "first_layer.png"),
        (*COMPARE, "x", "--json", "x"),
        (*COMPARE, ".", "--html", "error_by_iteration.png"),
    ],
)
def test_pictures_in_the_place_of_another_output(refused, arguments):
    assert re.search("--plots .*is also --|is also --plots", refused(*arguments))


@pytest.mark.parametrize("out", ["m.h5", "m.safetensors"])
def test_more_layers_than_a_model_file_holds(refused, out):
    layers = ("--layers", ",".join(["2"] * 12_000))
    said = refused("train", "data.h5", *layers, "--iterations", 1, "--out", out)
    assert said.startswith(f"cannot write {out}: its ")
    assert refused("sweep", "data.h5", *layers, "--iterations", 1, "--out", out) == said


def test_a_link_keeps_leading_to_the_file(succeeds, folder):
    (folder / "kept").mkdir()
    (folder / "link.h5").symlink_to("kept/model.h5")
    succeeds(*TRAIN, "--out", "link.h5")
    assert (folder / "link.h5").is_symlink()
    assert (folder / "kept" / "model.h5").stat().st_size > 1000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_no_plain_file(refused, folder):
    os.mkfifo(folder / "pipe")
    assert "not a plain file" in refused(*TRAIN, "--out", "pipe")
