"""The benchmark suite: its peers train the same network, and its figures reach the page right.

Nothing here looks at a time.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import against, assertions, checkpoints, docs, gpu, gpu_programs
from benchmarks.cases import NOT_TOUCHED, Case, in_round, make_cases, opponents
from benchmarks.growth import needed_bytes
from benchmarks.peers import PEERS
from benchmarks.pictures import draw_published
from benchmarks.problem import LAYERS, compressed, random_pictures
from benchmarks.processes import environment
from benchmarks.published import OURS, summarize
from benchmarks.results import envelope, median_interval, read, write
from benchmarks.tables import (
    against_tables,
    assertion_tables,
    crossing_tables,
    gpu_tables,
    markdown,
)
from benchmarks.verdict import judge
from benchmarks.worker import weights_error
from portable_dnn import choose_device
from portable_dnn.arrays.registry import first_failure, get_backend

ROOT = Path(__file__).parents[1]
ITERATIONS = 4


@pytest.fixture(scope="module")
def worker():
    """Return a function that runs one measurement, on a few random pictures, in a process."""

    def run(name, *options):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.worker", "--peer", name, "--samples", "40"),
                *("--iterations", str(ITERATIONS), *options),
            ],
            cwd=ROOT,
            env={**os.environ, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture(scope="module")
def expected(worker, tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "weights.npz"
    return worker("course", "--save", str(path)), path


def cases():
    for name, peer in PEERS.items():
        for kind in peer.inputs:
            for dtype in ("float64", "float32"):
                yield pytest.param(name, kind, dtype, id=f"{name}-{kind}-{dtype}")


@pytest.mark.parametrize(("name", "kind", "dtype"), list(cases()))
def test_a_peer_trains_the_same_network(name, kind, dtype, worker, expected):
    peer = PEERS[name]
    reason = peer.available()
    if reason:
        pytest.skip(f"{name} NOT RUN: {reason}")
    reference, weights = expected
    options = ("--input", kind, "--dtype", dtype, "--reference", str(weights))
    result = worker(name, *options)
    # Float32 rounds the data; Keras does not compute all of float64 in float64.
    bound = 1e-12 if dtype == "float64" and peer.exact else 1e-6
    assert abs(result["final_cost"] - reference["final_cost"]) < bound
    assert len(result["costs"]) == 1
    assert abs(result["costs"][0] - reference["costs"][0]) < bound
    # A step moves W1 by far more than this.
    assert result["weights_error"] < (1e-11 if bound == 1e-12 else 1e-4)
    assert result["versions"]
    assert result["peak_bytes"] > 0
    assert result["step_seconds"] > 0


def test_the_reference_moved(worker, expected):
    # Else a peer that does nothing would pass.
    _, weights = expected
    start = random_pictures(40, LAYERS, "float64", ITERATIONS).parameters
    with np.load(weights) as trained:
        assert weights_error(start, trained) > 1e-6


def test_the_compressed_problem_is_the_same_problem():
    problem = random_pictures(30, (6, 3), "float64", ITERATIONS)
    inner = compressed(problem)
    assert inner.problem.dims == (30, 6, 3, 1)
    np.testing.assert_allclose(
        inner.problem.parameters["W1"] @ inner.problem.X,
        problem.parameters["W1"] @ problem.X,
        atol=1e-12,
    )
    back = inner.parameters_of(inner.problem.parameters)
    np.testing.assert_array_equal(back["W1"], problem.parameters["W1"])


GOOD = {"early_cost": 0.6, "costs": [0.7, 0.5], "final_cost": 0.1}


@pytest.mark.parametrize(
    ("changed", "dtype", "exact", "words"),
    [
        ({}, "float64", True, ""),
        ({"early_cost": 0.60001}, "float64", True, "early cost"),
        ({"early_cost": float("nan")}, "float32", True, "early cost"),
        ({"costs": [0.7, 0.50001]}, "float64", True, "costs differ"),
        ({"costs": [0.7, 0.50001]}, "float32", True, ""),
        ({"costs": [0.7, 0.50001]}, "float64", False, ""),
        ({"final_cost": 0.12}, "float32", True, ""),
        ({"final_cost": 0.2}, "float32", True, "final cost"),
        ({"final_cost": float("nan")}, "float64", True, "costs differ"),
    ],
)
def test_other_training_is_found_out(changed, dtype, exact, words):
    reason = judge(GOOD | changed, GOOD, dtype, exact=exact)
    assert words in reason if words else reason == ""


def test_cases_measure_kernels_only_where_they_matter():
    found = make_cases([OURS, "torch-eager"], ["float64"], [2], ["Haswell", "unset"])
    assert found == [
        Case(OURS, "pictures", "float64", 2, "Haswell"),
        Case(OURS, "pictures", "float64", 2, "unset"),
        Case("torch-eager", "pictures", "float64", 2, NOT_TOUCHED),
        Case("torch-eager", "compressed", "float64", 2, NOT_TOUCHED),
    ]
    assert opponents(found[3], OURS, ["Haswell", "unset"]) == found[:2]
    assert in_round(found, 1) == found[::-1]


def test_a_measurement_has_its_own_environment(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert "OPENBLAS_CORETYPE" not in environment(1, "unset")
    assert environment(1, "Zen")["OPENBLAS_CORETYPE"] == "Zen"
    assert environment(1, "unset")["OMP_NUM_THREADS"] == "1"


def test_memory_of_a_run_is_estimated_before_it():
    small, large = (needed_bytes("ours-numpy-on", m, (20, 7, 5), "float64") for m in (209, 20000))
    assert small > 12288 * 209 * 8
    assert large - needed_bytes("ours-numpy-off", 20000, (20, 7, 5), "float64") == 24 * 20000**2


def toy():
    # Two rounds in which the course's program takes 40 and 60 times as long.

    def run(seconds):
        return {
            "seconds": seconds,
            "whole_process_seconds": seconds + 0.5,
            "step_seconds": seconds / 100,
            "peak_bytes": 50_000_000,
            "x_bytes": 20_000_000,
            "final_cost": 0.0885,
            "weights_error": 1e-15,
        }

    samples = {
        Case(OURS, "pictures", "float64", 2, "unset"): [run(0.1), run(0.2)],
        Case("course", "pictures", "float64", 2, "unset"): [run(4.0), run(12.0)],
    }
    settings = {"rounds": 2, "iterations": 100, "openblas_coretype": ["unset"]}
    left_out = [{"peer": "keras-jax", "reason": "keras is not installed"}]
    rows = summarize(samples, ["unset"])
    return envelope("published", settings, {"numpy": "2.0"}, rows, left_out)


def test_ratios_are_formed_within_rounds():
    ours, course = toy()["rows"]
    assert ours["ratios"]["unset"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    assert {k: round(v) for k, v in course["ratios"]["unset"].items()} == {
        "median": 50,
        "min": 40,
        "max": 60,
    }


def test_the_schema_is_stable(tmp_path):
    result = toy()
    assert sorted(result) == [
        *("left_out", "machine", "name", "rows", "schema", "settings", "versions"),
    ]
    assert sorted(result["machine"]) == ["cores", "memory_gib", "processor", "python", "system"]
    assert sorted(result["rows"][0]) == [
        *("core_type", "dtype", "final_cost", "input", "peak_bytes", "peer", "ratios", "seconds"),
        *("seconds_by_round", "step_seconds", "threads", "title", "weights_error"),
        *("whole_process_seconds", "x_bytes"),
    ]
    write(result, tmp_path)
    assert read("published", tmp_path) == result
    assert read("growth", tmp_path) is None
    draw_published(result, tmp_path / "published.png")
    assert (tmp_path / "published.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_is_filled_from_results(tmp_path):
    write(toy(), tmp_path)
    page = tmp_path / "performance.md"
    page.write_text(docs.PAGE.read_text("utf-8"), encoding="utf-8")
    docs.update(page, tmp_path)
    text = page.read_text("utf-8")
    assert "| the course's program [unset] | 50.0 (40.0–60.0) | 8.00 (4.00–12.0) |" in text
    assert "- keras-jax: keras is not installed" in text
    assert text.count(docs.NOTHING) == len(docs.TABLES) - 1  # the other sections
    docs.update(page, tmp_path)
    assert page.read_text("utf-8") == text  # filling again changes nothing


def test_a_page_without_markers_is_refused():
    with pytest.raises(ValueError, match="one pair of markers for 'floor'"):
        docs.fill("no markers", {"floor": "x"})


@pytest.mark.parametrize("name", ["gpu", "crossing"])
def test_a_benchmark_of_a_gpu_refuses_without_one(tmp_path, name):
    if first_failure(get_backend("cupy")) is None:
        pytest.skip("there is a usable GPU here")
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("no usable CUDA GPU: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_result_without_rows_is_drawn(tmp_path):
    empty = toy() | {"rows": []}
    draw_published(empty, tmp_path / "published.png")
    assert (tmp_path / "published.png").is_file()


def test_the_gpu_programs_of_ours_train_the_same_network_on_the_host(monkeypatch):
    # What waits for a GPU is its clock and its speed; the programs themselves run anywhere.
    monkeypatch.setattr(gpu_programs, "choose_device", lambda name: choose_device("numpy"))
    problem = random_pictures(40, LAYERS, "float64", ITERATIONS)
    host = gpu_programs.PROGRAMS["jax-step"].clock
    monkeypatch.setattr(gpu, "published", lambda dtype, iterations: problem)
    costs = []
    for name in ("ours", "ours-eager", "ours-off"):
        program = gpu_programs.PROGRAMS[name]._replace(clock=host, modules=("numpy",))
        monkeypatch.setitem(gpu_programs.PROGRAMS, name, program)
        options = argparse.Namespace(dtypes=["float64"], iterations=ITERATIONS, repeats=2)
        found = gpu.measure(name, options)
        assert judge(found, found, "float64") == ""
        costs.append(found["final_cost"])
    assert np.ptp(costs) < 1e-12


def test_the_table_of_a_gpu():
    runs = [{"seconds": s, "step_seconds": s / 1e3, "final_cost": 0.0885} for s in (0.01, 0.02)]
    slow = [{**run, "seconds": 4 * run["seconds"]} for run in runs]
    rows = gpu._rows({("ours", "float32"): runs, ("torch-graph", "float32"): slow})
    ((title, grid),) = gpu_tables({"rows": rows, "settings": {"card": "a card"}})
    assert title == "the published run on a card"
    assert "| PyTorch in a CUDA graph | float32 | 4.00 (4.00–4.00) |" in markdown(grid)


def test_the_cost_of_checkpoints(tmp_path):
    arguments = ("--rounds", "1", "--iterations", "30", "--every", "10", "--out", str(tmp_path))
    assert checkpoints.main(arguments) == 0
    result = read("checkpoints", tmp_path)
    assert result["rows"][0]["place"] == "without"
    assert result["rows"][0]["written"]["max"] == 0
    for row in result["rows"][1:]:
        assert 2 <= row["written"]["min"] <= row["written"]["max"] <= 3
        assert row["write_seconds"] > 0
    page = docs.section(result)
    assert "| none | 1.00 (1.00–1.00) |" in page


def test_a_version_against_itself(tmp_path):
    options = ("--backends", "numpy", "--dtypes", "float32", "--rounds", "2", "--pairs", "2")
    short = ("--samples", "30", "--iterations", "4", "--plain-iterations", "3", "--threads", "1")
    limit = ("--limit", "inf", "--out", str(tmp_path))
    arguments = ("--before", str(ROOT), *options, *short, *limit)
    assert against.main(arguments) == 0
    result = read("against_before", tmp_path)
    assert result["left_out"] == []
    assert result["settings"]["before"] == result["settings"]["after"]
    assert [(row["dtype"], row["compress"], row["pairs"]) for row in result["rows"]] == [
        ("float32", "on", 4),
        ("float32", "off", 4),
    ]
    for row in result["rows"]:
        assert row["before"]["final_cost"] == row["after"]["final_cost"]
        assert len(row["cpu_ratio"]["by_round"]) == 2
    assert "| numpy, compressed | float32 |" in docs.section(result)


def test_another_version_that_trains_otherwise_is_left_out(tmp_path):
    # A library of the same name, whose step is twice as long.
    shutil.copytree(ROOT / "backends", tmp_path / "other" / "backends")
    package = tmp_path / "other" / "portable_dnn"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        f"""
import sys
__path__.insert(0, {str(ROOT / "portable_dnn")!r})
from portable_dnn.arrays.devices import choose_device, place, to_host
from portable_dnn.training.train import train as trained

def train(*arrays, learning_rate, **settings):
    return trained(*arrays, learning_rate=2 * learning_rate, **settings)
""",
        encoding="utf-8",
    )
    git = ("git", "-C", str(tmp_path / "other"), "-c", "user.name=a", "-c", "user.email=a@b.c")
    for command in (["init"], ["add", "."], ["commit", "-m", "a"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    options = ("--backends", "numpy", "--dtypes", "float64", "--compress", "on", "--threads", "1")
    short = ("--rounds", "1", "--pairs", "1", "--samples", "30", "--iterations", "4")
    arguments = ("--before", str(tmp_path / "other"), *options, *short, "--out", str(tmp_path))
    assert against.main(arguments) == 0
    result = read("against_before", tmp_path)
    assert result["rows"] == []
    assert result["left_out"][0]["reason"].startswith("another training: its early cost differs")


def test_a_version_that_is_slower_is_told():
    def pair(cpu):
        run = {"seconds": 1.0, "cpu_seconds": 1.0, "final_cost": 0.1}
        return {"before": run, "after": {**run, "cpu_seconds": cpu}}

    case = against.Case("numpy", "float64", "on", 1)
    (row,) = against.summarize({case: [[pair(1.0), pair(1.1)], [pair(1.2), pair(1.3)]]})
    assert row["ratio"]["median"] == 1.0
    assert row["cpu_ratio"] == {
        "median": 1.15,
        "min": 1.0,
        "max": 1.3,
        "interval": [1.0, 1.3],
        "by_round": [1.05, 1.25],
        "of_least": 1.0,
    }
    ((title, grid),) = against_tables({"rows": [row]})
    assert title == "after / before, 1 thread"
    assert "| 1.150 | 1.000–1.300 | 1.050–1.250 | 1.000 | 1.000 |" in markdown(grid)


def test_the_interval_of_a_median():
    # As in tables of the sign test: right in 95.9 % of cases.
    assert median_interval(range(1, 21)) == [6, 15]
    assert median_interval([3.0, 1.0, 2.0]) == [1.0, 3.0]


def test_the_table_of_the_crossing():
    row = {"units": [20, 1], "samples": 9, "dtype": "float32", "multiply_adds": 2**20}
    rows = [{**row, "operations_us": 1234.5, "kernel_us": 80.4}]
    ((title, grid),) = crossing_tables({"rows": rows, "settings": {"card": "a card"}})
    assert title == "a step by the kernel and by operations on a card"
    assert grid.rows == [("20-1", "9", "float32", "20.0", "80 µs", "1234 µs")]


def test_compare_function_is_right_where_assertions_with_a_tolerance_are_not():
    rows, left_out = assertions.measure(1)
    for row in rows:
        assert row["failed"]["compare_function"] == (0 if row["honest"] else 1), row
    assert {one["assertion"] for one in left_out} <= set(assertions.ASSERTIONS)
    result = {"rows": rows, "settings": {"draws": 1}}
    honest, faulty = assertion_tables(result)
    assert len(honest[1].rows) + len(faulty[1].rows) == len(rows)
    assert honest[1].rows[0][-1] == "0 of 1"
