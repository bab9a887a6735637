"""Faulty libraries are named, with the operation and the line."""

from types import SimpleNamespace

import array_api_compat.numpy as honest
import numpy as np
import pytest

import portable_dnn_numpy
from portable_dnn.arrays.devices import Device
from portable_dnn.equivalence import assert_function_equivalent, compare_function
from tests.equivalence.programs.programs import PROGRAMS


def cut(x, bits):
    """Keep so many bits of the fraction of float32."""
    kept = np.asarray(x, np.float32).view(np.uint32) & np.uint32(2**32 - 2 ** (23 - bits))
    return kept.view(np.float32)


def tf32(a, b):
    return honest.matmul(cut(a, 10), cut(b, 10))


def half_sum(x, **options):
    return honest.sum(x.astype(np.float16), **options).astype(x.dtype)


def dropped_tail(x, *, axis=None, **options):
    whole = x.shape[axis] // 4 * 4 if axis is not None else x.shape[0]
    return honest.sum(np.take(x, range(whole), axis=axis), axis=axis, **options)


def fast_exp(x):
    return honest.exp(x) * np.where((x > -2) & (x < -1), x.dtype.type(1 + 1e-4), x.dtype.type(1))


def rough_sqrt(x):
    return cut(honest.sqrt(x), 12)


def wrong_where(condition, x, y):
    out = honest.where(condition, x, y)
    return np.where(np.arange(out.size).reshape(out.shape) == out.size - 1, 0, out).astype(
        out.dtype
    )


def tf32_cholesky(A):
    return cut(honest.linalg.cholesky(A), 10)


def wrong_max(x, **options):
    return honest.max(x, **options) * np.float32(1 + 2e-7)


def wrong_argsort(x, **options):
    return np.roll(honest.argsort(x, **options), 1, axis=-1)


def short_unique(x):
    return honest.unique_values(x)[1:]


def faulty(**functions):
    """A device like NumPy's, with other functions."""

    class Names:
        __name__ = "faulty"

        def __getattr__(self, name):
            return getattr(honest, name)

    namespace = Names()
    for name, function in functions.items():
        if name.startswith("linalg_"):
            rest = {n: getattr(honest.linalg, n) for n in ("solve", "inv")}
            extension = type(honest)("linalg")
            vars(extension).update(rest | {name.removeprefix("linalg_"): function})
            namespace.linalg = extension
        else:
            setattr(namespace, name, function)
    members = {n: getattr(portable_dnn_numpy, n) for n in dir(portable_dnn_numpy)}
    backend = SimpleNamespace(**{**members, "namespace": lambda: namespace})
    return Device(backend, "cpu", "it is made for a test")


FAULTS = [
    ({"argsort": wrong_argsort}, "ranked", "argsort", "xp.argsort(x, axis=1)"),
    ({"unique_values": short_unique}, "ranked", "unique_values", "xp.unique_values(x)"),
    ({"matmul": tf32}, "attention", "matmul", "xp.matmul(softmax(xp.matmul(q, k.mT)"),
    ({"matmul": tf32}, "distances", "matmul", "2.0 * xp.matmul(x, y.T)"),
    ({"matmul": tf32}, "convolution", "matmul", "xp.matmul(patches, weights.T)"),
    ({"sum": half_sum}, "softmax", "sum", "e / xp.sum(e, axis=-1"),
    ({"sum": dropped_tail}, "logsumexp", "sum", "xp.log(xp.sum("),
    ({"exp": fast_exp}, "softmax", "exp", "e = xp.exp(x - "),
    ({"sqrt": rough_sqrt}, "layer_norm", "sqrt", "xp.sqrt(spread"),
    ({"where": wrong_where}, "standardized", "where", "xp.where(deviation > 0"),
    ({"max": wrong_max}, "softmax", "max", "xp.max(x, axis=-1"),
    ({"linalg_cholesky": tf32_cholesky}, "solved", "linalg.cholesky", "xp.linalg.cholesky(A)"),
]


@pytest.mark.parametrize(
    ("functions", "name", "operation", "line"), FAULTS, ids=lambda value: str(value)[:30]
)
def test_a_fault_is_named_at_its_line(functions, name, operation, line):
    function, inputs = PROGRAMS[name]
    with np.errstate(all="ignore"):
        report = compare_function(function, *inputs, backend=faulty(**functions), dtype="float32")
    assert report.outcome == "wrong"
    assert {one.name for one in report.of("wrong")} == {operation}
    first = report.of("wrong")[0]
    assert line in first.source
    assert report.headline.startswith(f"WRONG: {len(report.of('wrong'))} of ")
    assert (
        f"the first is {operation} at programs.py:{first.line}, {first.text}: " in report.headline
    )
    with (
        np.errstate(all="ignore"),
        pytest.raises(AssertionError, match=f"the first is {operation} at "),
    ):
        assert_function_equivalent(function, *inputs, device=faulty(**functions), dtype="float32")


def test_an_honest_stand_in_is_right():
    for function, inputs in PROGRAMS.values():
        report = compare_function(function, *inputs, backend=faulty(), dtype="float32")
        assert not report.of("wrong"), str(report)
