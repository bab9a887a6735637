"""The better arithmetic is better: held against exact fractions and a hundred digits."""

from decimal import Context, Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from portable_dnn.equivalence.exact.functions import FUNCTIONS, evaluate
from portable_dnn.equivalence.exact.pairs import add, divide, multiply, pair, product, subtract

# Products of two such numbers neither overflow nor lose bits to underflow.
NUMBERS = st.floats(-1e60, 1e60).filter(lambda x: x == 0 or abs(x) > 1e-60)
ARRAYS = hnp.arrays(np.float64, 8, elements=NUMBERS)


def fractions(x):
    flat = zip(x.hi.ravel().tolist(), x.lo.ravel().tolist(), strict=True)
    return [Fraction(hi) + Fraction(lo) for hi, lo in flat]


@pytest.mark.parametrize(
    ("operation", "exact"),
    [
        (add, lambda a, b: a + b),
        (subtract, lambda a, b: a - b),
        (multiply, lambda a, b: a * b),
    ],
)
@settings(deadline=None)
@given(ARRAYS, ARRAYS)
def test_two_floats_have_an_exact_sum_difference_and_product(operation, exact, a, b):
    right = [exact(Fraction(x), Fraction(y)) for x, y in zip(a, b, strict=True)]
    assert fractions(operation(pair(a), pair(b))) == right


@settings(deadline=None)
@given(ARRAYS, st.integers(1, 10**6))
def test_a_quotient_has_a_hundred_bits(a, m):
    for got, x in zip(fractions(divide(pair(a), m)), a, strict=True):
        right = Fraction(x) / m
        assert abs(got - right) <= abs(right) * Fraction(1, 2**100)


@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_a_product_is_far_better_than_float64(data, inner, seed):
    random = np.random.RandomState(seed)
    spread = data.draw(st.integers(0, 20))
    A, B = (
        random.standard_normal(s) * 10.0 ** random.randint(-spread, spread + 1, s)
        for s in ((3, inner), (inner, 4))
    )
    got = fractions(product(pair(A), pair(B)))
    for index, value in enumerate(got):
        row, column = A[index // 4], B[:, index % 4]
        right = sum(Fraction(x) * Fraction(y) for x, y in zip(row, column, strict=True))
        # What the docstring promises.
        allowed = Fraction(2.0**-86 * inner * np.abs(row).max() * np.abs(column).max())
        assert abs(value - right) <= allowed


def test_a_product_of_wide_and_real_size():
    random = np.random.RandomState(3)
    W, X = random.standard_normal((2, 12288)), random.randint(0, 256, size=(12288, 2)) / 255.0
    got = fractions(product(pair(W), pair(X)))
    for index, value in enumerate(got):
        pairs = zip(W[index // 2], X[:, index % 2], strict=True)
        right = sum(Fraction(x) * Fraction(y) for x, y in pairs)
        assert abs(value - right) <= Fraction(2.0**-86 * 12288 * np.abs(W).max())


def hundred_digits(function, z):
    """The function of an exact decimal, written another way than in `functions`."""
    if function == "log":
        return z.ln()
    e = z.exp()
    if function == "sigmoid":
        return e / (1 + e)
    if function == "sigmoid slope":
        return e / (1 + e) ** 2
    if function == "tanh":
        return (e - 1 / e) / (e + 1 / e)
    if function == "tanh slope":
        return 4 / (e + 1 / e) ** 2
    return (1 + (-abs(z)).exp()).ln()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_are_better_than_the_dtype(function, dtype):
    points = np.array([1e-30, 1e-9, 0.1, 0.5, 1.0, 2.5, 20.0, 40.0], dtype=dtype)
    points = points if function == "log" else np.concatenate([points, -points])
    got = evaluate(function, pair(points), np.dtype(dtype))
    u = float(np.finfo(dtype).eps) / 2
    with localcontext(Context(prec=150)):
        for z, hi, lo in zip(points.tolist(), got.hi, got.lo, strict=True):
            right = hundred_digits(function, Decimal(z))
            wrong = abs(Decimal(float(hi)) + Decimal(float(lo)) - right)
            assert wrong <= abs(right) * Decimal(u * 2.0**-20)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_of_no_numbers(dtype):
    points = np.array([np.nan, np.inf, -np.inf])
    hi = evaluate("sigmoid", pair(points), np.dtype(dtype)).hi
    assert np.isnan(hi[0])
    assert hi[1:].tolist() == [1.0, 0.0]
    assert evaluate("tanh", pair(points), np.dtype(dtype)).hi[1:].tolist() == [1.0, -1.0]
