"""What assertions with a tolerance notice of faulty libraries, beside `compare_function`.

    python -m benchmarks.assertions

Each program runs in float32 with NumPy's functions, and with some of them replaced: by honest ones
that round otherwise, and by faulty ones. The assertions get both results, with their defaults, as
in the test of a port to a GPU; `compare_function` gets the program.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import array_api_compat.numpy as honest
import numpy as np

import portable_dnn_numpy
from benchmarks.results import FOLDER, envelope, write
from portable_dnn.arrays.devices import Device
from portable_dnn.equivalence import compare_function

__all__ = ["ASSERTIONS", "main", "measure"]

NAME = "assertions"


def softmax(x: Any, *, xp: Any) -> Any:
    e = xp.exp(x - xp.max(x, axis=1, keepdims=True))
    return e / xp.sum(e, axis=1, keepdims=True)


def attention(q: Any, k: Any, v: Any, *, xp: Any) -> Any:
    return xp.matmul(softmax(xp.matmul(q, k.T) / q.shape[1] ** 0.5, xp=xp), v)


def solved(a: Any, b: Any, *, xp: Any) -> Any:
    lower = xp.linalg.cholesky(a)
    return xp.linalg.solve(lower.T, xp.linalg.solve(lower, b))


def adam(x: Any, y: Any, w: Any, *, xp: Any, rate: float = 0.01) -> Any:
    m, v = xp.zeros_like(w), xp.zeros_like(w)
    for t in range(1, 51):
        g = xp.matmul(x.T, xp.tanh(xp.matmul(x, w)) - y) / x.shape[0]
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = w - rate * (m / (1 - 0.9**t)) / (xp.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return w


def _cut(x: Any, bits: int) -> Any:
    """Keep so many bits of the fraction of float32."""
    return (np.asarray(x).view(np.uint32) & np.uint32(2**32 - 2 ** (23 - bits))).view(np.float32)


def _tf32(a: Any, b: Any) -> Any:
    return honest.matmul(_cut(a, 10), _cut(b, 10))


def _backwards(a: Any, b: Any) -> Any:
    return honest.matmul(np.ascontiguousarray(a[:, ::-1]), np.ascontiguousarray(b[::-1]))


def _half_sum(x: Any, **options: Any) -> Any:
    return honest.sum(x.astype(np.float16), **options).astype(x.dtype)


def _without_the_last(x: Any, *, axis: int, **options: Any) -> Any:
    return honest.sum(x[:, :-1], axis=axis, **options)


def _careless_exp(x: Any) -> Any:
    off = np.where((x > -2) & (x < -1), np.float32(1 + 1e-4), np.float32(1))
    return honest.exp(x) * off


def _careless_tail(x: Any) -> Any:
    return honest.exp(x) * np.where(x < -9, np.float32(1 + 1e-3), np.float32(1))


def _sum_backwards(x: Any, *, axis: int, **options: Any) -> Any:
    return honest.sum(np.ascontiguousarray(x[:, ::-1]), axis=axis, **options)


def _other_cholesky(a: Any) -> Any:
    """Row by row in the matrix's dtype; NumPy's own is in float64."""
    lower = np.zeros_like(a)
    for i in range(len(a)):
        for j in range(i):
            lower[i, j] = (a[i, j] - lower[i, :j] @ lower[j, :j]) / lower[j, j]
        lower[i, i] = np.sqrt(a[i, i] - lower[i, :i] @ lower[i, :i])
    return lower


def _tf32_cholesky(a: Any) -> Any:
    return _cut(honest.linalg.cholesky(a), 10)


def _with(**functions: Any) -> SimpleNamespace:
    """NumPy's functions, and some of others."""
    return SimpleNamespace(**{**vars(honest), **functions})


def _with_cholesky(cholesky: Any) -> SimpleNamespace:
    return _with(linalg=SimpleNamespace(**{**vars(honest.linalg), "cholesky": cholesky}))


_CASES: tuple[tuple[str, Callable[..., Any], str, bool, Any], ...] = (
    # program, function, what is otherwise, whether it is honest, the library
    ("softmax", softmax, "sums in another order", True, _with(sum=_sum_backwards)),
    ("softmax", softmax, "exp off by 1e-4 on [-2, -1]", False, _with(exp=_careless_exp)),
    ("softmax", softmax, "exp off by 1e-3 below -9", False, _with(exp=_careless_tail)),
    ("softmax", softmax, "sum in float16", False, _with(sum=_half_sum)),
    ("softmax", softmax, "last term of a sum dropped", False, _with(sum=_without_the_last)),
    ("attention", attention, "products in another order", True, _with(matmul=_backwards)),
    ("attention", attention, "products in TF32", False, _with(matmul=_tf32)),
    ("Cholesky solve", solved, "factor in float32", True, _with_cholesky(_other_cholesky)),
    ("Cholesky solve", solved, "factor in TF32", False, _with_cholesky(_tf32_cholesky)),
    ("Adam, 50 steps", adam, "products in another order", True, _with(matmul=_backwards)),
    ("Adam, 50 steps", adam, "products in TF32", False, _with(matmul=_tf32)),
    ("Adam, 50 steps", adam, "rate 0.1 % too large", False, partial(adam, rate=0.01001)),
)


def _inputs(random: np.random.RandomState) -> dict[str, tuple[Any, ...]]:
    """Make inputs for each program, in float32; the matrix has a condition number of 1000."""
    q, _ = np.linalg.qr(random.randn(40, 40))
    matrix = q * np.geomspace(1.0, 1e-3, 40) @ q.T
    made: dict[str, tuple[Any, ...]] = {
        "softmax": (3 * random.randn(64, 200),),
        "attention": tuple(random.randn(48, 64) for _ in range(3)),
        "Cholesky solve": ((matrix + matrix.T) / 2, random.randn(40, 3)),
        "Adam, 50 steps": (
            random.randn(64, 12),
            np.sign(random.randn(64, 3)),
            0.1 * random.randn(12, 3),
        ),
    }
    return {name: tuple(a.astype(np.float32) for a in arrays) for name, arrays in made.items()}


def _numpy(actual: Any, desired: Any) -> None:
    np.testing.assert_allclose(actual, desired)


def _torch(actual: Any, desired: Any) -> None:
    import torch

    torch.testing.assert_close(torch.from_numpy(actual), torch.from_numpy(desired))


def _extra(actual: Any, desired: Any) -> None:
    from array_api_extra.testing import assert_close

    assert_close(actual, desired)


ASSERTIONS: Mapping[str, Callable[[Any, Any], None]] = {
    "numpy assert_allclose": _numpy,
    "torch assert_close": _torch,
    "array-api-extra assert_close": _extra,
}


def main() -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.assertions", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the result")
    parser.add_argument("--draws", type=int, default=10, help="inputs of each case")
    options = parser.parse_args()
    rows, left_out = measure(options.draws)
    settings = {"dtype": "float32", "draws": options.draws}
    result = envelope(NAME, settings, _versions(), rows, left_out)
    sys.stdout.write(f"written: {write(result, options.out)}\n")
    return 0


def measure(draws: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Count, for each case, how many draws each assertion fails; and say which are not there."""
    rows, left_out = [], []
    known = {}
    for name, check in ASSERTIONS.items():
        try:
            check(np.ones(2, np.float32), np.ones(2, np.float32))
            known[name] = check
        except ImportError as error:
            left_out.append({"assertion": name, "reason": f"not installed: {error.name}"})
    for program, function, change, right, library in _CASES:
        failed = dict.fromkeys((*known, "compare_function"), 0)
        for draw in range(draws):
            inputs = _inputs(np.random.RandomState(draw))[program]
            desired = function(*inputs, xp=honest)
            other = isinstance(library, partial)
            actual = library(*inputs, xp=honest) if other else function(*inputs, xp=library)
            for name, check in known.items():
                try:
                    check(actual, desired)
                except AssertionError:
                    failed[name] += 1
            failed["compare_function"] += _wrong(function, inputs, library)
        rows.append({"program": program, "change": change, "honest": right, "failed": failed})
    return rows, left_out


def _wrong(function: Callable[..., Any], inputs: tuple[Any, ...], library: Any) -> bool:
    """Have a library judged, or another program in the place of a compiled one."""
    if isinstance(library, partial):
        return compare_function(function, *inputs, compiled=library).outcome == "wrong"
    library.__name__ = honest.__name__
    members = {**vars(portable_dnn_numpy), "namespace": lambda: library}
    backend: Any = SimpleNamespace(**members)
    return compare_function(function, *inputs, backend=Device(backend, "cpu")).outcome == "wrong"


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in ("numpy", "torch", "array-api-extra"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    raise SystemExit(main())
