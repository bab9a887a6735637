"""The check for machines with a GPU, tried on a backend that needs none, from a bare checkout."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from portable_dnn.data import DataSet, ImageSet, write_dataset
from portable_dnn.equivalence import read_report

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def small_data(tmp_path_factory, monkeypatch):
    """Small pictures in the place of the course's data set."""
    folder = tmp_path_factory.mktemp("data")
    random = np.random.RandomState(0)
    for part in ("train", "test"):
        pictures = random.randint(0, 256, (8, 4, 4, 3)).astype(np.uint8)
        images = ImageSet(pictures, np.arange(8, dtype=np.int64) % 2)
        sets = {"train": None, "test": None, part: images}
        data = DataSet(sets["train"], sets["test"], ("non-cat", "cat"), "small pictures")
        write_dataset(data, folder / f"{part}_catvnoncat.h5")
    monkeypatch.setenv("PORTABLE_DNN_DATA", str(folder))


def check(out, *options):
    return subprocess.run(
        [sys.executable, "-I", str(ROOT / "scripts" / "gpu_check.py"), "--out", str(out), *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=out.parent,
    )


def test_it_runs_and_says_what_it_did(tmp_path):
    out = tmp_path / "result.json"
    run = check(
        out,
        *("--backend", "numpy", "--iterations", "2", "--dtypes", "float32"),
        *("--tests", "tests/training/test_optimizers.py"),
    )
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(out.read_text())
    assert result["passed"] is True
    assert result["published_run_checked"] is False
    assert result["tests"]["passed"] > 0
    assert result["without_kernel"] is None  # CuPy's alone
    (trained,) = result["runs"]
    assert (trained["device"], trained["dtype"], trained["exit_code"]) == (
        "numpy:cpu",
        "float32",
        0,
    )
    assert trained["versions"]["portable_dnn"]
    assert "the published costs were not checked" in run.stdout
    (compared,) = result["comparisons"]  # NumPy has no TF32 to switch on
    assert compared == {
        "device": "numpy",
        "dtype": "float32",
        "tf32": "off",
        "exit_code": 0,
        "outcome": "same numbers",
        "headline": compared["headline"],
        "as_expected": True,
        "report": "compare-numpy-float32-tf32-off.json",
    }
    report = read_report(tmp_path / compared["report"])
    assert report.headline == compared["headline"]
    assert report.setup.layer_dims == (48, 20, 7, 5, 1)
    assert report.setup.settings["iterations"] == 2


def test_a_run_that_fails_is_no_pass(tmp_path):
    out = tmp_path / "result.json"
    run = check(
        out,
        *("--backend", "numpy", "--iterations", "0", "--dtypes", "float64"),
        *("--tests", "tests/training/test_optimizers.py"),
    )
    assert run.returncode == 1
    result = json.loads(out.read_text())
    assert result["passed"] is False
    assert result["runs"][0]["exit_code"] == 2
    assert result["comparisons"][0]["exit_code"] == 2
    assert result["comparisons"][0]["as_expected"] is False
    assert result["comparisons"][0]["report"] is None
    assert "NOT AS EXPECTED: numpy, float64, TF32 off" in run.stdout


@pytest.fixture
def script():
    """The script as a module."""
    specification = importlib.util.spec_from_file_location(
        "gpu_check", ROOT / "scripts" / "gpu_check.py"
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


RIGHT = (0, "Rounding only: 294 results judged.")
WRONG_PRODUCT = (1, "Wrong at layer 1, forward product, errors are 132 times what rounding makes.")
WRONG_PROBE = (1, "Wrong at forward product of exact integers, element (0, 1): 900 units.")
WRONG_SUM = (1, "Wrong at layer 1, backward sum db, element (0, 0): 900 units.")
DIED = (2, "Could not be compared: cupy:cuda:0 failed at layer 1, forward product: no memory.")


@pytest.mark.parametrize(
    ("dtype", "tf32", "found", "as_expected"),
    [
        ("float32", False, RIGHT, True),
        ("float32", False, WRONG_PRODUCT, False),
        ("float32", True, WRONG_PRODUCT, True),
        ("float32", True, WRONG_PROBE, True),
        ("float32", True, WRONG_SUM, False),
        ("float32", True, RIGHT, False),
        ("float32", True, DIED, False),
        ("float64", True, RIGHT, True),
        ("float64", True, WRONG_PRODUCT, False),
        ("float64", False, DIED, False),
    ],
)
def test_tf32_must_be_called_wrong_by_name(
    script, monkeypatch, tmp_path, dtype, tf32, found, as_expected
):
    def command(environment, *arguments):
        asked.append((environment, arguments))
        report = Path(arguments[arguments.index("--json") + 1])
        report.write_text(json.dumps({"outcome": "…", "headline": found[1]}))
        return SimpleNamespace(returncode=found[0], stdout="")

    asked = []
    monkeypatch.setattr(script, "command", command)
    options = SimpleNamespace(out=tmp_path / "result.json", iterations=2500)
    own = {"CUPY_TF32": "1", "NVIDIA_TF32_OVERRIDE": "0", "PATH": "/bin"}
    result = script.compare(own, options, "torch:cuda:0", dtype, tf32=tf32)
    assert result["as_expected"] is as_expected
    assert result["report"] == f"compare-torch-cuda-0-{dtype}-tf32-{'on' if tf32 else 'off'}.json"
    ((environment, arguments),) = asked
    assert arguments[:5] == ("compare", "--backend", "torch:cuda:0", "--dtype", dtype)
    switches = {"PATH": "/bin", "CUPY_TF32": "1" if tf32 else "0"}
    if tf32:
        switches["TORCH_ALLOW_TF32_CUBLAS_OVERRIDE"] = "1"
        switches["JAX_DEFAULT_MATMUL_PRECISION"] = "tensorfloat32"
    assert environment == switches


def test_cards_of_other_libraries_are_compared_too(script, monkeypatch):
    def compare(environment, options, device, dtype, *, tf32, way):
        return device, dtype, tf32

    listed = "device  memory\ncupy:cuda:0  1 GiB\ntorch:cpu  1\ntorch:cuda:0  1 GiB\njax:cpu  1\n"
    monkeypatch.setattr(script, "command", lambda *_: SimpleNamespace(stdout=listed))
    monkeypatch.setattr(script, "compare", compare)
    options = SimpleNamespace(backend="cupy", dtypes=["float32"], jobs=2)
    for capability, settings in (("9.0", (False, True)), ("7.5", (False,))):
        ladder = [{"detail": "a driver"}, {"detail": f"a card, compute capability {capability}"}]
        assert script.run_comparisons({}, options, ladder) == [
            (device, "float32", tf32) for device in ("cupy", "torch:cuda:0") for tf32 in settings
        ]


def test_the_switches_are_the_libraries(script):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    code = "import torch; print(torch.backends.cuda.matmul.allow_tf32)"
    for on in (False, True):
        values = {name: pair[on] for name, pair in script.TF32.items() if pair[on]}
        environment = {k: v for k, v in os.environ.items() if k not in script.TF32} | values
        told = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == str(on), torch.__version__


def test_without_a_usable_gpu_it_writes_nothing(tmp_path):
    from portable_dnn.arrays.registry import first_failure, get_backend

    failure = first_failure(get_backend("cupy"))
    if failure is None:
        pytest.skip("a GPU is here, so its absence cannot be seen")
    out = tmp_path / "result.json"
    run = check(out)
    assert run.returncode == 1
    assert failure.name in run.stdout
    assert not out.exists()
