"""The check for machines with a GPU, tried on a backend that needs none, from a bare checkout."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


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
        *("--tests", "tests/network/test_optimizers.py"),
    )
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(out.read_text())
    assert result["passed"] is True
    assert result["published_run_checked"] is False
    assert result["tests"]["passed"] > 0
    assert result["with_kernel"] is None  # CuPy's alone
    (trained,) = result["runs"]
    assert (trained["device"], trained["dtype"], trained["exit_code"]) == (
        "numpy:cpu",
        "float32",
        0,
    )
    assert trained["versions"]["portable_dnn"]
    assert "the published costs were not checked" in run.stdout


def test_a_run_that_fails_is_no_pass(tmp_path):
    out = tmp_path / "result.json"
    run = check(
        out,
        *("--backend", "numpy", "--iterations", "0", "--dtypes", "float64"),
        *("--tests", "tests/network/test_optimizers.py"),
    )
    assert run.returncode == 1
    result = json.loads(out.read_text())
    assert result["passed"] is False
    assert result["runs"][0]["exit_code"] == 2


def test_without_a_usable_gpu_it_writes_nothing(tmp_path):
    from portable_dnn.registry import first_failure, get_backend

    failure = first_failure(get_backend("cupy"))
    if failure is None:
        pytest.skip("a GPU is here, so its absence cannot be seen")
    out = tmp_path / "result.json"
    run = check(out)
    assert run.returncode == 1
    assert failure.name in run.stdout
    assert not out.exists()
