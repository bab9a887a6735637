"""The bounds hold for every honest way to compute, and the spread tells reduced precision."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_dnn.arrays.devices import Device
from portable_dnn.arrays.registry import backend_names, get_backend
from portable_dnn.equivalence.exact.products import matrix_product
from portable_dnn.equivalence.limits.accuracy import NUMPY, accuracy_of
from portable_dnn.equivalence.limits.noise import Noise, spread_limit
from portable_dnn.equivalence.limits.rounding import (
    FAILURE,
    ROUNDINGS,
    bound,
    roundings,
    ulp,
    unit_roundoff,
)
from portable_dnn.equivalence.stages.judge import judge
from portable_dnn.setting_checks import FLOATS
from tests.equivalence.faults.rounding import bfloat16, tf32


def one_after_the_other(A, B):
    total = np.zeros((A.shape[0], B.shape[1]), A.dtype)
    for k in range(A.shape[1]):
        total += A[:, k, None] * B[k]
    return total


def in_lanes(A, B, lanes=8):
    parts = [one_after_the_other(A[:, i::lanes], B[i::lanes]) for i in range(lanes)]
    return sum(parts[1:], parts[0])


def in_pairs(A, B):
    terms = A[:, :, None] * B
    while terms.shape[1] > 1:
        if terms.shape[1] % 2:
            terms = np.concatenate([terms, np.zeros_like(terms[:, :1])], axis=1)
        terms = terms[:, ::2] + terms[:, 1::2]
    return terms[:, 0]


def backwards(A, B):
    return one_after_the_other(A[:, ::-1], B[::-1])


HONEST = (np.matmul, one_after_the_other, in_lanes, in_pairs, backwards)


def data(kind, n, k, p, random, dtype):
    """Factors whose products have one sign, both, alternating ones, a trend, a great range."""
    A, B = random.standard_normal((n, k)), random.standard_normal((k, p))
    if kind == "positive":
        A, B = np.abs(A), np.abs(B)
    elif kind == "alternating":
        A, B = np.abs(A) * np.where(np.arange(k) % 2, 1, -1), np.abs(B)
    elif kind == "sorted by class":
        A, B = np.abs(A) * np.where(np.arange(k) < k // 2, 1, -1), np.abs(B)
    elif kind == "wide range":
        A = A * 10.0 ** random.uniform(-8, 8, (n, k))
    elif kind == "constant":
        A, B = np.full((n, k), 0.1), np.full((k, p), 0.3)
    elif kind == "mostly zero":
        A = A * (random.uniform(size=(n, k)) < 0.05)
    return A.astype(dtype), B.astype(dtype)


KINDS = (
    "normal",
    "positive",
    "alternating",
    "sorted by class",
    "wide range",
    "constant",
    "mostly zero",
)


@pytest.mark.parametrize("way", HONEST, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("inner", [1, 2, 5, 20, 209, 1500])
def test_honest_products_are_rounding(way, kind, dtype, inner):
    random = np.random.RandomState(inner)
    A, B = data(kind, 7, inner, 6, random, dtype)
    finding = judge(way(A, B).astype(dtype), matrix_product(A, B, None, random), NUMPY)
    assert finding.verdict == "rounding", finding.reason


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 400),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from(KINDS),
    st.sampled_from(HONEST),
)
def test_honest_products_of_any_shape_are_rounding(n, inner, p, seed, kind, way):
    random = np.random.RandomState(seed)
    A, B = data(kind, n, inner, p, random, "float32")
    finding = judge(way(A, B).astype("float32"), matrix_product(A, B, None, random), NUMPY)
    assert finding.verdict == "rounding", finding.reason


REDUCED = [
    (rounding, kind, inner)
    for rounding in (tf32, bfloat16)
    for kind in ("normal", "positive", "wide range")
    for inner in (1, 5, 20, 209, 12288)
    # 12 288 positive numbers, added one after the other in float32, make as much noise as TF32.
    if (rounding, kind, inner) != (tf32, "positive", 12288)
]


@pytest.mark.parametrize(("rounding", "kind", "inner"), REDUCED)
def test_reduced_precision_is_wrong(rounding, kind, inner):
    random = np.random.RandomState(inner)
    A, B = data(kind, 20, inner, 30, random, "float32")
    result = (rounding(A).astype(np.float64) @ rounding(B)).astype(np.float32)
    finding = judge(result, matrix_product(A, B, None, random), NUMPY)
    assert finding.verdict == "wrong"


def test_at_the_course_s_size_only_the_spread_tells_tf32():
    random = np.random.RandomState(4)
    W = (random.standard_normal((20, 12288)) / math.sqrt(12288)).astype(np.float32)
    X = (random.randint(0, 256, size=(12288, 209)) / 255).astype(np.float32)
    truth = matrix_product(W, X, None, random)
    honest, coarse = judge(W @ X, truth, NUMPY), judge(tf32(W) @ tf32(X), truth, NUMPY)
    assert coarse.errors.max_bounds < 1  # the worst case alone lets it pass
    assert coarse.verdict == "wrong"
    assert coarse.errors.spread > 5 * coarse.spread_limit
    assert honest.verdict == "rounding"


def test_one_wrong_element_shows_in_the_worst_case_only():
    random = np.random.RandomState(5)
    A, B = data("normal", 200, 20, 200, random, "float32")
    truth = matrix_product(A, B, None, random)
    result = A @ B
    result[17, 3] += np.float32(1e-3)
    finding = judge(result, truth, NUMPY)
    assert finding.verdict == "wrong"
    assert finding.errors.worst.index == (17, 3)
    assert "element (17, 3)" in finding.reason


def test_the_bound_is_higham_s_for_few_and_higham_and_mary_s_for_many_roundings():
    u = unit_roundoff(np.dtype("float32"))
    for inner in (1, 5, 50):
        likely, certain = bound("product", np.ones(1), np.dtype("float32"), inner, NUMPY, 1)
        assert likely == certain
        assert certain == pytest.approx(inner * u / (1 - inner * u), rel=1e-6)
    likely, certain = bound("product", np.ones(1), np.dtype("float32"), 12288, NUMPY, 4180)
    confidence = likely[0] / (math.sqrt(12288) * u)
    assert likely[0] < certain[0] / 5
    # 1 − 2 n exp(−λ² / 2) for each element, as the theorem has it.
    assert 4180 * 2 * 12288 * math.exp(-(confidence**2) / 2) == pytest.approx(FAILURE, rel=0.2)


@pytest.mark.parametrize("kind", ROUNDINGS)
@pytest.mark.parametrize("name", backend_names())
def test_every_kind_has_a_count_for_every_library(kind, name):
    for device, dtype in itertools.product(("cpu", "cuda:0"), FLOATS):
        row = accuracy_of(Device(get_backend(name), device), np.dtype(dtype))
        assert 0 <= roundings(kind, 3, row) < 100


@pytest.mark.parametrize("dtype", FLOATS)
@settings(deadline=None)
@given(st.floats(-(2.0**120), 2.0**120, width=32))
def test_an_ulp_is_the_spacing_of_the_dtype(dtype, x):
    assert ulp(np.array([x]), np.dtype(dtype))[0] == np.spacing(np.abs(np.dtype(dtype).type(x)))


def test_the_limit_of_the_spread_grows_where_few_elements_speak():
    limits = [
        spread_limit(Noise(np.arange(n), np.arange(1.0, n + 1))) for n in (1, 10, 1000, 10**5)
    ]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] == pytest.approx(2 * math.sqrt(3), rel=0.05)
    assert limits[0] < 30
