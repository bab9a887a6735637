"""Test the equivalence tester: faults it must catch and name, clean backends it must not flag.

    python scripts/equivalence_check.py --out benchmarks/results/equivalence.json

Runs the catalogue of seeded faults (tests/equivalence/faults), and for each pair of backends that
can run here so many comparisons over random networks, data, scales, dtypes and seeds. Ends with 1
if a fault was not caught and named, or a clean backend was flagged. `--pair jax:numpy --only clean`
does one pair, so that pairs can run side by side; `--merge` puts such results together. JAX
compiles much: JAX_COMPILATION_CACHE_DIR, with JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0, saves
hours.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from portable_dnn.arrays.devices import choose_device  # noqa: E402
from portable_dnn.arrays.registry import backend_names, first_failure, get_backend  # noqa: E402
from portable_dnn.arrays.versions import versions  # noqa: E402
from portable_dnn.equivalence import Report, compare, in_order  # noqa: E402
from portable_dnn.equivalence.exact.products import matrix_product  # noqa: E402
from portable_dnn.equivalence.limits.accuracy import NUMPY  # noqa: E402
from portable_dnn.equivalence.stages.judge import judge  # noqa: E402
from portable_dnn.training.settings import Settings  # noqa: E402
from tests.equivalence.faults import CATALOGUE, Fault, faulty_device, registered  # noqa: E402
from tests.equivalence.faults.rounding import bfloat16, tf32  # noqa: E402

SMALL = Settings(layers=(8, 5, 5), hidden=("relu", "tanh", "leaky_relu"), iterations=3)
"""A wide first layer, a square one, every kind of derivative."""

SHAPES = 40
"""Networks and numbers of samples that clean comparisons draw from: JAX compiles for each."""

ACTIVATIONS = ("relu", "leaky_relu", "leaky_relu:0.2", "tanh", "sigmoid")


def small_data(dtype: str) -> tuple[Any, Any]:
    """Data of the seeded faults: 33 samples of 600 features."""
    random = np.random.RandomState(1)
    return random.uniform(size=(600, 33)).astype(dtype), random.randint(0, 2, (1, 33))


@dataclass(frozen=True)
class Caught:
    """What became of a fault."""

    fault: str
    dtype: str
    caught: bool
    named: bool
    headline: str


def catch(fault: Fault) -> Caught:
    """Compare a backend that has one fault."""
    X, Y = small_data(fault.dtype)
    settings = replace(SMALL, dtype=fault.dtype, **fault.settings)
    with registered(faulty_device(fault)) as device:
        report = compare(device, X, Y, settings=settings, many=fault.many)
    wrong = in_order(report.wrong)
    named = bool(wrong) and wrong[0].operation in fault.blamed
    return Caught(fault.name, fault.dtype, report.outcome == "wrong", named, report.headline)


def one_after_the_other(A: Any, B: Any) -> Any:
    """A product summed in float32, with one accumulator: the noisiest honest one."""
    total = np.zeros((A.shape[0], B.shape[1]), np.float32)
    for k in range(A.shape[1]):
        total += A[:, k, None] * B[k]
    return total


def passes(A: Any, B: Any) -> Any:
    """Three bfloat16 products in the place of one of float32."""
    a, b = bfloat16(A), bfloat16(B)
    return a @ b + a @ bfloat16(B - b) + bfloat16(A - a) @ b


PRODUCTS = {
    "NumPy": lambda A, B: A @ B,
    "one after the other": one_after_the_other,
    "three bfloat16 passes": passes,
    "TF32": lambda A, B: (tf32(A).astype(float) @ tf32(B)).astype(np.float32),
    "bfloat16": lambda A, B: (bfloat16(A).astype(float) @ bfloat16(B)).astype(np.float32),
}
"""Ways to multiply float32 matrices."""


def tell_precision() -> list[dict[str, Any]]:
    """Judge products of weights and pixels, honest ones and others, by their inner length."""
    rows, random = [], np.random.RandomState(0)
    for inner in (1, 5, 20, 209, 12288):
        W = random.standard_normal((20, inner)).astype(np.float32)
        X = (random.randint(0, 256, size=(inner, 209)) / 255).astype(np.float32)
        truth = matrix_product(W, X, None, random)
        for name, way in PRODUCTS.items():
            found = judge(way(W, X), truth, NUMPY)
            rows.append(
                {
                    "inner": inner,
                    "product": name,
                    "spread": found.errors.spread,
                    "limit": found.spread_limit,
                    "largest_error_in_bounds": found.errors.max_bounds,
                    "verdict": found.verdict,
                }
            )
    return rows


def clean_case(number: int) -> tuple[Any, Any, Settings]:
    """Draw data and settings; what a compiled step depends on, from few shapes."""
    shape = np.random.RandomState(1000 + number % SHAPES)
    n_x = int(10 ** shape.uniform(0, 3.5))
    m = int(10 ** shape.uniform(0, 2.4))
    layers = tuple(int(10 ** shape.uniform(0, 1.6)) for _ in range(shape.randint(1, 5)))
    layers = (*layers[:-1], max(layers[-1], 2))  # a last one of 1 unit is taken for the output's
    hidden = tuple(str(shape.choice(ACTIVATIONS)) for _ in layers)
    learning_rate = float(10 ** shape.uniform(-4, -0.5))
    if number % 4 == 3:  # the widest many-layered network is among these
        learning_rate = min(1000 * learning_rate, 10.0)
    random = np.random.RandomState(number)
    dtype = ("float32", "float64")[number // SHAPES % 2]
    scale = 10 ** random.uniform(-6, 4)
    kind = random.randint(5)
    if kind == 0:
        X = random.standard_normal((n_x, m))
    elif kind == 1:
        X = random.uniform(size=(n_x, m))
    elif kind == 2:
        X = random.randint(0, 256, size=(n_x, m)) / 255.0
    elif kind == 3:  # flat pictures: every feature of a sample the same
        X = np.repeat(random.uniform(size=(1, m)), n_x, axis=0)
        if number % 2:  # all samples too, and large
            X[:], scale = X[0, 0], 10.0 ** (number // SHAPES % 5)
    else:  # few different samples, most features dark
        X = random.uniform(size=(n_x, 3))[:, random.randint(3, size=m)]
        X *= random.uniform(size=(n_x, 1)) < 0.3
    Y = random.randint(0, 2, size=(1, m))
    settings = Settings(
        layers=layers,
        hidden=hidden,
        initialization=str(random.choice(["lecun", "he", "xavier", "small"])),
        seed=int(random.randint(2**31)),
        learning_rate=learning_rate,
        iterations=int(random.randint(1, 4)),
        dtype=dtype,
    )
    return (X * scale).astype(dtype), Y, settings


def clean(tested: str, reference: str, count: int, start: int = 0) -> Iterator[tuple[int, Report]]:
    """Compare two honest backends again and again."""
    ours, theirs = choose_device(tested), choose_device(reference)
    for number in range(start, start + count):
        X, Y, settings = clean_case(number)
        yield number, compare(ours, X, Y, reference=theirs, settings=settings, many=0)


def usable() -> list[str]:
    """Names of the backends that can run here."""
    return [name for name in backend_names() if first_failure(get_backend(name)) is None]


def run_clean(tested: str, reference: str, count: int) -> dict[str, Any]:
    """Count false alarms of a pair."""
    began = time.perf_counter()
    flagged, outcomes, judgements = [], dict[str, int](), 0
    for number, report in clean(tested, reference, count):
        outcomes[report.outcome] = outcomes.get(report.outcome, 0) + 1
        judgements += len(report.judgements)
        if report.outcome in ("wrong", "could not be compared"):
            flagged.append({"case": number, "headline": report.headline})
            print(f"FLAGGED {tested} against {reference}, case {number}: {report.headline}")
        if (number + 1) % 50 == 0:
            seconds = time.perf_counter() - began
            print(f"{tested} against {reference}: {number + 1} of {count}, {seconds:.0f} s")
    return {
        "tested": tested,
        "reference": reference,
        "comparisons": count,
        "judgements": judgements,
        "outcomes": outcomes,
        "flagged": flagged,
    }


def envelope() -> dict[str, Any]:
    """What the figures were made with."""
    known = {}
    for name in usable():
        known.update(versions(get_backend(name)))
    return {
        "command": "python scripts/equivalence_check.py",
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "system": platform.system(),
        },
        "versions": known,
    }


def main() -> int:
    """Run the check; return the exit code."""
    options = read_options()
    result = envelope()
    if options.merge:
        parts = [json.loads(path.read_text(encoding="utf-8")) for path in options.merge]
        result["faults"] = [fault for part in parts for fault in part.get("faults", [])]
        result["clean"] = [pair for part in parts for pair in part.get("clean", [])]
        result["precision"] = next((p["precision"] for p in parts if "precision" in p), [])
    if not options.merge and options.only in (None, "faults"):
        result["precision"] = tell_precision()
        result["faults"] = []
        for fault in CATALOGUE:
            found = catch(fault)
            result["faults"].append(asdict(found))
            word = "caught" if found.caught and found.named else "MISSED"
            print(f"{word} {fault.name}: {found.headline}")
    if not options.merge and options.only in (None, "clean"):
        pairs = [tuple(p.split(":")) for p in options.pair] or [
            (b, a) for a, b in combinations(usable(), 2)
        ]
        result["clean"] = [run_clean(*pair, options.count) for pair in pairs]
    missed = [f for f in result.get("faults", []) if not (f["caught"] and f["named"])]
    flagged = [f for pair in result.get("clean", []) for f in pair["flagged"]]
    count = len(result.get("faults", []))
    print(f"{len(missed)} of {count} faults missed, {len(flagged)} false alarms")
    if options.out:
        options.out.write_text(
            json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return 1 if missed or flagged else 0


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="where to write the figures, as JSON")
    parser.add_argument("--count", type=int, default=1000, help="clean comparisons for each pair")
    parser.add_argument("--only", choices=("faults", "clean"), help="half of the check")
    parser.add_argument("--pair", action="append", default=[], help="TESTED:REFERENCE; may repeat")
    parser.add_argument("--merge", nargs="+", type=Path, help="results to put together")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
