"""Check the CuPy backend on a machine with a CUDA GPU, and keep the result as JSON.

    python scripts/gpu_check.py --out benchmarks/results/gpu_check.json

Climbs the doctor's ladder, runs every test that computes on the GPU, trains the published run in
float64 and float32, and holds CuPy, and PyTorch and JAX where they have a card, against NumPy
(`portable-dnn compare`), with TF32 off and on: off, nothing may be wrong; on, the float32 products
must be called wrong, by name. On CuPy all is done once more with the kernel for whole stretches
switched off. The reports lie beside the result. It needs no network and no installation: it works
from a bare checkout with the dependencies at hand; pure-Python ones may lie as wheels in a folder
(`--wheels`). The result says what ran, on which device, with which versions; it is written anew
after each part, so that nothing is lost where the time on a borrowed card runs out. Without a
usable GPU it ends with exit code 1 and writes nothing.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
DATA_VARIABLE = "PORTABLE_DNN_DATA"
KERNEL_VARIABLE = "PORTABLE_DNN_CUPY_KERNEL"


def main() -> int:
    """Run the check; return the exit code."""
    options = read_options()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        environment = bare_checkout(scratch, options.wheels)
        # Where CuPy's kernel cannot be used there is a warning, which here is an error.
        environment["PYTHONWARNINGS"] = "error:CuPy's kernel:RuntimeWarning"
        ladder = read_ladder(environment, options.backend)
        if not ladder["usable"]:
            failed = ladder["checks"][-1]
            print(f"cannot run: {failed['detail']} ({failed['name']}); next: {ladder['next']}")
            return 1
        parts: dict[str, Callable[[], Any]] = {
            "runs": lambda: run_published(environment, options, scratch),
            "tests": lambda: run_tests(environment, options, scratch),
            "comparisons": lambda: run_comparisons(environment, options, ladder["checks"]),
            "without_kernel": lambda: run_without_kernel(environment, options, scratch),
            "benchmark": lambda: run_benchmark(environment, options, scratch),
        }
        result: dict[str, Any] = {"backend": options.backend, "ladder": ladder["checks"]}
        for name, part in parts.items():
            began = time.monotonic()
            result[name] = part()
            print(f"{name}: {time.monotonic() - began:.0f} s")
            write(result, options.out, passed=None)
    runs = result["runs"]
    result["published_run_checked"] = any(run["as_published"] for run in runs)
    if not result["published_run_checked"]:
        print(f"the published costs were not checked; {DATA_VARIABLE} names the data's folder")
    without = result["without_kernel"]
    passed = is_fine(result) and (without is None or is_fine(without))
    write(result, options.out, passed=passed)
    print(f"{'passed' if passed else 'FAILED'}; the result is in {options.out}")
    return 0 if passed else 1


def is_fine(part: dict[str, Any]) -> bool:
    """Whether tests, runs and comparisons ended as they should."""
    return (
        part["tests"]["exit_code"] == 0
        and part["tests"]["passed"] > 0
        and all(run["exit_code"] == 0 and run["as_published"] is not False for run in part["runs"])
        and all(comparison["as_expected"] for comparison in part["comparisons"])
    )


def write(result: dict[str, Any], out: Path, *, passed: bool | None) -> None:
    """Write what is known by now; `passed` is None until all is."""
    text = json.dumps({**result, "passed": passed}, indent=1) + "\n"
    unfinished = out.with_name(f"{out.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(out)


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--backend", default="cupy", help="another backend, to try this script")
    parser.add_argument("--wheels", type=Path, help="folder with wheels of pure-Python packages")
    parser.add_argument("--tests", nargs="*", default=["tests"], help="what pytest runs")
    parser.add_argument("--iterations", type=int, default=2500, help="fewer, to try this script")
    parser.add_argument("--dtypes", nargs="*", default=["float64", "float32"])
    parser.add_argument("--jobs", type=int, default=1, help="what measures no time, side by side")
    parser.add_argument("--rounds", type=int, default=5, help="of the benchmark")
    parser.add_argument("--repeats", type=int, default=5, help="in each process of the benchmark")
    return parser.parse_args()


def bare_checkout(scratch: Path, wheels: Path | None) -> dict[str, str]:
    """Make this checkout importable and its backends discoverable, without installing it.

    Backends are found through entry points, which live in the metadata that an installation
    writes; the same metadata are made here from pyproject.toml.
    """
    site = scratch / "site"
    site.mkdir()
    for wheel in sorted(wheels.glob("*.whl")) if wheels else ():
        zipfile.ZipFile(wheel).extractall(site)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = site / f"portable_dnn-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: portable-dnn\nVersion: {project['version']}\n"
    )
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    paths = [site, ROOT, ROOT / "backends", ROOT / "plugins", os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(path) for path in paths if path != ""),
        "PYTHONUNBUFFERED": "1",
        # JAX would take three quarters of the card at once, and the others share it.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }


def command(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `portable-dnn`."""
    return subprocess.run(
        [sys.executable, "-m", "portable_dnn", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )


def read_ladder(environment: dict[str, str], backend: str) -> dict[str, Any]:
    """Climb the doctor's ladder."""
    done = command(environment, "doctor", "--backend", backend, "--json")
    if not done.stdout:  # it has said on the standard error what is wrong
        raise SystemExit(done.returncode)
    ladder: dict[str, Any] = json.loads(done.stdout)
    return ladder


def run_tests(
    environment: dict[str, str], options: argparse.Namespace, scratch: Path
) -> dict[str, object]:
    """Run the tests that compute on the backend."""
    report = scratch / "tests.xml"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", *options.tests),
            *("--backend", options.backend, f"--junit-xml={report}", "-p", "no:cacheprovider"),
            # It warns where pytest-xdist is there too, and warnings are errors.
            *("-p", "no:benchmark"),
            *(("-n", str(options.jobs), "--dist", "loadfile") if options.jobs > 1 else ()),
        ],
        cwd=ROOT,
        env=environment,
        check=False,
    )
    if not report.exists():
        return {"exit_code": done.returncode, "passed": 0, "failed": 0, "skipped": 0}
    suite = next(ElementTree.parse(report).iter("testsuite"))
    count = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    bad = count["failures"] + count["errors"]
    return {
        "exit_code": done.returncode,
        "passed": count["tests"] - bad - count["skipped"],
        "failed": bad,
        "skipped": count["skipped"],
    }


def real_data() -> list[str]:
    """Return the files of the course's data set, if they are at hand."""
    folder = Path(os.environ.get(DATA_VARIABLE) or ROOT.parent / "shared" / "data")
    files = [folder / f"{part}_catvnoncat.h5" for part in ("train", "test")]
    return [str(file) for file in files] if all(file.is_file() for file in files) else []


def run_published(
    environment: dict[str, str], options: argparse.Namespace, scratch: Path
) -> list[dict[str, object]]:
    """Train with the published settings, on the real data if they are at hand."""
    return [train_published(environment, options, dtype, scratch) for dtype in options.dtypes]


def train_published(
    environment: dict[str, str], options: argparse.Namespace, dtype: str, scratch: Path
) -> dict[str, object]:
    """Train once."""
    files = real_data()
    real = bool(files)
    data = [files[0], "--test", files[1]] if real else []
    history = scratch / f"history-{dtype}.json"
    done = command(
        environment,
        *("train", *data, "--device", options.backend, "--dtype", dtype),
        *("--iterations", str(options.iterations), "--history", str(history)),
    )
    print(done.stdout)
    if done.returncode != 0:
        return {"dtype": dtype, "exit_code": done.returncode, "as_published": None}
    content = json.loads(history.read_text(encoding="utf-8"))
    published = json.loads((ROOT / "tests/training/published_costs.json").read_text("utf-8"))
    comparable = real and dtype == "float64" and options.iterations == published["iterations"]
    same = [f"{c:.6f}" for c in content["cost"]] == [
        f"{c:.6f}" for c in published["cost_every_100"]
    ]
    return {
        "exit_code": 0,
        "data": "the course's" if real else "built-in pictures",
        "as_published": same if comparable else None,
        **{name: content[name] for name in KEPT},
    }


def run_without_kernel(
    environment: dict[str, str], options: argparse.Namespace, scratch: Path
) -> dict[str, Any] | None:
    """Do the same operation by operation; None on a backend that has no kernel."""
    if options.backend != "cupy":
        return None
    switched = {**environment, KERNEL_VARIABLE: "0"}
    pairs = [(options.backend, dtype, False) for dtype in options.dtypes]
    return {
        "runs": run_published(switched, options, scratch),
        "tests": run_tests(switched, options, scratch),
        "comparisons": compare_all(switched, options, pairs, way="-without-kernel"),
    }


def run_comparisons(
    environment: dict[str, str],
    options: argparse.Namespace,
    ladder: list[dict[str, str]],
) -> list[dict[str, object]]:
    """Hold the backend, and other libraries with a card, against NumPy, with TF32 off and on."""
    found = command(environment, "devices").stdout
    devices = [options.backend]
    if options.backend == "cupy":
        devices += [d for d in ("torch:cuda:0", "jax:cuda:0") if f"{d} " in found]
    capability = re.search(r"compute capability (\d+)", " ".join(c["detail"] for c in ladder))
    has_tf32 = capability is not None and int(capability.group(1)) >= 8  # since Ampere
    wanted = [
        (device, dtype, tf32)
        for device in devices
        for dtype in options.dtypes
        for tf32 in ((False, True) if has_tf32 else (False,))
    ]
    return compare_all(environment, options, wanted)


def compare_all(
    environment: dict[str, str],
    options: argparse.Namespace,
    wanted: Iterable[tuple[str, str, bool]],
    *,
    way: str = "",
) -> list[dict[str, object]]:
    """Compare devices in dtypes, with TF32 or without, as many at a time as there are jobs."""

    def one(of: tuple[str, str, bool]) -> dict[str, object]:
        device, dtype, tf32 = of
        return compare(environment, options, device, dtype, tf32=tf32, way=way)

    with ThreadPoolExecutor(options.jobs) as pool:
        return list(pool.map(one, wanted))


def compare(
    environment: dict[str, str],
    options: argparse.Namespace,
    device: str,
    dtype: str,
    *,
    tf32: bool,
    way: str = "",
) -> dict[str, object]:
    """Compare once; the report is kept beside the result."""
    setting = "on" if tf32 else "off"
    name = f"compare-{device.replace(':', '-')}-{dtype}-tf32-{setting}{way}"
    report = options.out.parent / f"{name}.json"
    report.unlink(missing_ok=True)
    chosen = {k: v for k, v in environment.items() if k not in TF32}
    data = real_data()
    done = command(
        {**chosen, **{name: values[tf32] for name, values in TF32.items() if values[tf32]}},
        *("compare", "--backend", device, "--dtype", dtype, "--json", str(report)),
        *("--iterations", str(min(options.iterations, 200))),
        *(("--data", data[0]) if data else ()),
    )
    print(done.stdout)
    kept = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    headline = str(kept.get("headline", ""))
    wrong = tf32 and dtype == "float32"  # TF32 is a way to multiply in float32 only
    as_expected = (
        done.returncode == 1 and bool(re.match(r"Wrong at (layer \d+, )?\w+ product\b", headline))
        if wrong
        else done.returncode == 0
    )
    if not as_expected:
        expected = "a wrong product, by name" if wrong else "the same numbers or rounding only"
        print(f"NOT AS EXPECTED: {device}, {dtype}, TF32 {setting}: {expected} was expected")
    return {
        "device": device,
        "dtype": dtype,
        "tf32": setting,
        "exit_code": done.returncode,
        "outcome": kept.get("outcome"),
        "headline": headline,
        "as_expected": as_expected,
        "report": report.name if kept else None,
    }


def run_benchmark(
    environment: dict[str, str], options: argparse.Namespace, scratch: Path
) -> dict[str, Any] | None:
    """Time the published run on the GPU beside its peers; None on another backend."""
    if options.backend != "cupy":
        return None
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.gpu", "--out", str(scratch)),
            *("--rounds", str(options.rounds), "--repeats", str(options.repeats)),
        ],
        cwd=ROOT,
        env=environment,
        check=False,
    )
    result = scratch / "gpu.json"
    if done.returncode != 0 or not result.exists():
        return {"exit_code": done.returncode}
    content: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return content


# What switches TF32 in a library's products: the values for off and on; None is not set.
TF32 = {
    "CUPY_TF32": ("0", "1"),
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": (None, "1"),
    "JAX_DEFAULT_MATMUL_PRECISION": (None, "tensorfloat32"),
    "NVIDIA_TF32_OVERRIDE": (None, None),  # would overrule all of them
}

KEPT = (
    "device",
    "dtype",
    "start_hash",
    "cost",
    "final_cost",
    "training",
    "test",
    "seconds",
    "versions",
)

if __name__ == "__main__":
    raise SystemExit(main())
