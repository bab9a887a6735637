"""The program as a user starts it: a process of its own, the installed script and `python -m`."""

import re
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import pytest

COMMANDS = [
    *("train", "evaluate", "predict", "sweep", "summary", "convert", "devices"),
    *("doctor", "data", "data make", "data import", "data info", "data convert"),
]


def start(*arguments):
    return subprocess.run(
        [*map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def script():
    for name in ("portable-dnn", "portable-dnn.exe"):
        path = Path(sysconfig.get_path("scripts")) / name
        if path.is_file():
            return path
    pytest.skip("portable_dnn is not installed here, so there is no script")


def test_the_module_is_the_script(data, script):
    arguments = ("train", data, "--iterations", 2, "--layers", "2", "--device", "cpu")
    runs = [start(*way, *arguments) for way in ([script], [sys.executable, "-m", "portable_dnn"])]
    first, second = (re.sub(r"trained in \S+ s", "trained", run.stdout) for run in runs)
    assert first == second
    assert "cost after iteration    0: " in first
    assert [(run.returncode, run.stderr) for run in runs] == [(0, ""), (0, "")]


def test_bad_input_ends_a_process_with_2(script, folder):
    run = start(script, "train", "nowhere.h5")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == (
        "portable-dnn: error: nowhere.h5 does not exist; give the path of an HDF5 data file\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help(succeeds, command):
    outcome = succeeds(*command.split(), "--help")
    assert f"{command} " in outcome.lines[0] or command == "data"
    assert outcome.lines[0].startswith("Usage: ")
    assert len(outcome.lines) > 3
    assert "[[" not in outcome.out
    assert "``" not in outcome.out


def test_help_names_every_command_and_option(succeeds, portable_dnn_command):
    overview = succeeds("--help").out
    for command in COMMANDS[:9]:
        assert re.search(rf"^  {command} +\w", overview, re.MULTILINE), command
    train = succeeds("train", "-h").out
    for option in (
        *("--test", "--layers", "--hidden", "--init", "--seed", "--learning-rate"),
        *("--iterations", "--dtype", "--device", "--out", "--history", "--plots", "--quiet"),
    ):
        assert f"{option} " in train or f"{option}," in train, option
    for default in ("20,7,5", "relu", "lecun", "0.0075", "2500", "float64"):
        assert f"[default: {default}]" in re.sub(r"\s+", " ", train), default
    for arguments in ((), ("data",)):
        outcome = portable_dnn_command(*arguments)
        assert "Commands:" in outcome.out + outcome.err
        assert outcome.code in (0, 2)


BLOCKED = """
import sys
for name in ("cupy", "array_api_strict", "torch", "jax"):
    sys.modules[name] = None
import portable_dnn.models.store
model = portable_dnn.models.store.load_model("m.h5")
print(type(model.parameters["W1"]).__module__, model.layer_dims, model.provenance["device"])
from portable_dnn.cli import main
sys.argv = ["portable-dnn", "predict", "m.h5", "picture.png"]
main()
"""


def test_a_model_of_another_device_loads_without_its_library(succeeds, data, picture):
    train = ("train", data, "--layers", "3,2", "--iterations", 20, "--out", "m.h5")
    succeeds(*train, "--device", "strict:device1")
    expected = succeeds("predict", "m.h5", "picture.png", "--device", "strict:device1").out
    run = start(sys.executable, "-W", "error", "-c", BLOCKED)
    assert run.stderr == ""
    first, *rest = run.stdout.splitlines()
    assert first == "numpy (48, 3, 2, 1) strict:device1"
    assert rest == expected.splitlines()


WATCHED = """
import sys
tried = set()
class Watch:
    def find_spec(self, name, path=None, target=None):
        tried.add(name.partition(".")[0])
sys.meta_path.insert(0, Watch())
from portable_dnn.cli import main
def run(*arguments):
    sys.argv = ["portable-dnn", *arguments]
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
    return sorted(tried & {"cupy", "cupyx", "cupy_backends", "array_api_strict", "torch", "jax"})
small = ("data.h5", "--iterations", "1", "--layers", "2")
print(run("train", *small, "--device", "cpu", "--out", "m.h5", "--plots", "p"))
print(run("evaluate", "m.h5", "data.h5", "--device", "cpu"))
print(run("sweep", *small, "--device", "numpy"))
print(run("devices"))
"""


def test_the_cpu_never_touches_cuda(data):
    run = start(sys.executable, "-W", "error", "-c", WATCHED)
    assert run.stderr == ""
    lists = [line for line in run.stdout.splitlines() if line.startswith("[")]
    assert lists[:3] == ["[]"] * 3
    # It can be seen: listing the devices does look for them.
    assert "'array_api_strict'" in lists[3]
    assert "'cupy'" in lists[3]


def test_version(succeeds):
    assert succeeds("--version").out == f"portable-dnn {version('portable_dnn')}\n"


def test_help_waits_for_no_heavy_library():
    code = "import sys\nfrom portable_dnn.cli import main\nprint('h5py' in sys.modules)"
    for name in ("matplotlib", "PIL", "cupy", "array_api_strict"):
        code += f"\nprint({name!r} in sys.modules)"
    assert "True" not in start(sys.executable, "-c", code).stdout.splitlines()[1:]


def test_a_reader_that_stops_reading_is_no_error(model, picture, script):
    # Such as `portable-dnn predict … | head -1`.
    with subprocess.Popen(
        [script, "predict", model, *[picture] * 3000],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
