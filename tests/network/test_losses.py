"""The cost from probabilities and from logits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_dnn import compute_cost, compute_cost_from_logits, place, sigmoid, to_host
from portable_dnn.errors import DTypeError, ShapeError


def by_sample(A, Y):
    """Mean over the samples of −[y log a + (1 − y) log(1 − a)], as the course writes it."""
    total = 0.0
    for k in range(A.shape[1]):
        for i in range(A.shape[0]):
            a, y = float(A[i, k]), float(Y[i, k])
            total -= y * math.log(a) + (1 - y) * math.log(1 - a)
    return total / A.shape[1]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(n_y=st.integers(1, 3), m=st.integers(1, 8), seed=st.integers(0, 10**6))
def test_both_are_the_definition_in_the_middle(n_y, m, seed, device, dtype, close):
    stream = np.random.RandomState(seed)
    Z = stream.uniform(-5, 5, (n_y, m)).astype(dtype)
    Y = stream.randint(0, 2, (n_y, m))
    A = (1 / (1 + np.exp(-Z.astype(np.float64)))).astype(dtype)
    placed = place(Y.astype(dtype), device)
    # A rounding of A near 1 weighs up to 1 / (1 − A) < 150 in log(1 − A).
    close(
        compute_cost(place(A, device), placed), by_sample(A, Y), device, dtype, terms=150 * n_y * m
    )
    exact = by_sample(1 / (1 + np.exp(-Z.astype(np.float64))), Y)
    close(
        compute_cost_from_logits(place(Z, device), placed), exact, device, dtype, terms=4 * n_y * m
    )


def test_the_number_that_the_course_prints(device):
    AL = place(np.array([[0.8, 0.9, 0.4]]), device)
    Y = place(np.array([[1, 1, 0]]), device)
    assert f"{float(compute_cost(AL, Y)):.10f}" == "0.2797765636"


@pytest.mark.parametrize("size", [40.0, 1e4, 1e30, 1e308])
@pytest.mark.parametrize("m", [1, 3, 209])
def test_any_finite_logit_has_a_finite_cost(size, m, device, dtype):
    size = min(size, float(np.finfo(dtype).max) / 2)
    half = np.dtype(dtype).type(size)
    for sign in (1, -1):
        for y in (0.0, 1.0):
            Z = place(np.full((1, m), sign * half, dtype=dtype), device)
            cost = float(compute_cost_from_logits(Z, place(np.full((1, m), y), device)))
            right = (sign > 0) == (y == 1.0)
            # Certain and right: log(1 + e^−z) → e^−z; certain and wrong: z.
            expected = math.exp(-half) if right else float(half)
            assert cost == pytest.approx(expected, rel=m * float(np.finfo(dtype).eps), abs=0)


def test_logits_keep_the_digits_that_probabilities_lose(default_device):
    Z, Y = place(np.array([[45.0]]), default_device), place(np.array([[1.0]]), default_device)
    assert float(compute_cost(sigmoid(Z)[0], Y)) == 0.0
    assert float(compute_cost_from_logits(Z, Y)) == pytest.approx(math.exp(-45.0), rel=1e-15)


def test_certain_answers(device, dtype):
    def cost(a, y):
        return float(
            compute_cost(
                place(np.array([a], dtype=dtype), device),
                place(np.array([y], dtype=dtype), device),
            )
        )

    assert cost([0.0, 1.0], [0.0, 1.0]) == 0.0
    assert cost([0.0], [1.0]) == math.inf
    assert cost([1.0], [0.0]) == math.inf
    assert cost([1.0, 0.5], [0.0, 1.0]) == math.inf
    assert cost([0.0, 0.5], [0.0, 1.0]) == pytest.approx(
        math.log(2) / 2, rel=2 * float(np.finfo(dtype).eps)
    )


@pytest.mark.parametrize("cost", [compute_cost, compute_cost_from_logits])
def test_nan_is_not_hidden(cost, device):
    A = place(np.array([[0.5, math.nan]]), device)
    assert math.isnan(float(cost(A, place(np.array([[1.0, 0.0]]), device))))


@pytest.mark.parametrize("cost", [compute_cost, compute_cost_from_logits])
@pytest.mark.parametrize("label_dtype", ["uint8", "int64", "float32", "float64"])
def test_result_is_0d_there_in_the_dtype_of_the_output(cost, label_dtype, device, dtype, close):
    # 0.5 is the output; as a logit it gives ln(1 + e^−0.5) for the label 1.
    A = place(np.full((1, 2), 0.5, dtype=dtype), device)
    Y = place(np.ones((1, 2), dtype=label_dtype), device)
    expected = math.log(2) if cost is compute_cost else math.log(1 + math.exp(-0.5))
    close(cost(A, Y), np.array(expected), device, dtype, terms=4)
    assert to_host(A).tolist() == [[0.5, 0.5]]
    assert to_host(Y).dtype == np.dtype(label_dtype)


@pytest.mark.parametrize(("cost", "name"), [(compute_cost, "AL"), (compute_cost_from_logits, "ZL")])
def test_shapes_and_dtypes_that_do_not_fit(cost, name, default_device):
    def zeros(*shape, dtype="float64"):
        return place(np.zeros(shape, dtype=dtype), default_device)

    with pytest.raises(ShapeError, match=r"Y has shape \(3,\), but there are 3 samples and 1 out"):
        cost(zeros(1, 3), zeros(3))
    with pytest.raises(ShapeError, match=r"Y has shape \(1, 1\), .*; \(1, 3\) would be right"):
        cost(zeros(1, 3), zeros(1, 1))
    with pytest.raises(ShapeError, match=rf"{name} has shape \(3,\)"):
        cost(zeros(3), zeros(3))
    with pytest.raises(ShapeError, match=rf"{name} has shape \(1, 0\)"):
        cost(zeros(1, 0), zeros(1, 0))
    with pytest.raises(DTypeError, match=f"{name} has dtype int64"):
        cost(zeros(1, 3, dtype="int64"), zeros(1, 3))
