"""Numbers beyond the largest of the dtype: no honest library is flagged, and faults still are."""

from fractions import Fraction

import numpy as np
import pytest

from portable_dnn.equivalence import compare
from portable_dnn.equivalence.exact.maps import slope, updated
from portable_dnn.equivalence.exact.pairs import multiply, pair, product
from portable_dnn.equivalence.exact.products import matrix_product
from portable_dnn.equivalence.limits.accuracy import NUMPY
from portable_dnn.equivalence.stages.judge import judge
from portable_dnn.network.activations import get_activation
from portable_dnn.training.settings import Settings
from tests.equivalence.faults import Fault, faulty_device


def normal(dtype, scale, seed=0):
    random = np.random.RandomState(seed)
    X = random.standard_normal((37, 11)) * scale(random)
    return X.astype(dtype), random.randint(0, 2, (1, 11))


SCALES = {
    "1e15": ("float32", lambda random: 1e15),
    "1e19": ("float32", lambda random: 1e19),
    "1e20": ("float32", lambda random: 1e20),
    "1e37": ("float32", lambda random: 1e37),
    "mixed features": ("float32", lambda random: 10.0 ** random.uniform(-30, 30, (37, 1))),
    "mixed": ("float32", lambda random: 10.0 ** random.uniform(-30, 35, (37, 11))),
    "1e100": ("float64", lambda random: 1e100),
    "1e160": ("float64", lambda random: 1e160),
    "mixed in float64": ("float64", lambda random: 10.0 ** random.uniform(-300, 305, (37, 11))),
}


@pytest.mark.parametrize("hidden", ["relu", "tanh"])
@pytest.mark.parametrize("scale", SCALES)
def test_large_data_are_not_flagged(scale, hidden):
    dtype, factor = SCALES[scale]
    settings = Settings(layers=(5, 3), hidden=(hidden,), iterations=3, dtype=dtype)
    report = compare("numpy", *normal(dtype, factor), settings=settings, many=0)
    assert report.outcome in ("same numbers", "rounding only"), report.headline


@pytest.mark.parametrize("hidden", ["relu", "leaky_relu"])
@pytest.mark.parametrize(
    ("dtype", "rate"), [("float32", 1e8), ("float32", 1e30), ("float64", 1e300)]
)
def test_a_large_learning_rate_is_not_flagged(default_device, dtype, rate, hidden):
    settings = Settings(
        layers=(5, 3), hidden=(hidden,), iterations=3, dtype=dtype, learning_rate=rate
    )
    data = normal(dtype, lambda random: 1.0)
    report = compare(default_device, *data, settings=settings, many=0)
    assert report.outcome in ("same numbers", "rounding only"), report.headline


def test_a_step_that_overflows_is_not_said_to_be_right():
    def without_nan(call):
        return np.nan_to_num(call.right(*call.inputs))

    data = normal("float32", lambda random: 1e20)
    settings = Settings(layers=(5, 3), hidden=("tanh",), iterations=3, dtype="float32")
    report = compare(
        faulty_device(Fault("", "tanh", without_nan, ())), *data, settings=settings, many=0
    )
    late = [j for j in report.judgements if j.operation == "second compiled step, in the span"]
    said = {(j.verdict, j.reason) for j in late if j.verdict != "identical"}
    assert said == {("not compared", "numbers on the way may overflow float32")}


def test_a_sum_may_overflow_on_the_way_and_only_then():
    W = np.array([[3e38, 3e38, -3e38], [1e38, 1e38, -1e38]], dtype=np.float32)
    truth = matrix_product(W, np.ones((3, 1), np.float32), None, np.random.RandomState(0))
    for on_the_way in (np.inf, -np.inf, np.nan, 3e38):
        result = np.array([[on_the_way], [1e38]], dtype=np.float32)
        assert judge(result, truth, NUMPY).verdict == "rounding"
    for other in (np.inf, np.nan):
        result = np.array([[3e38], [other]], dtype=np.float32)
        assert judge(result, truth, NUMPY).verdict == "wrong"
    result = np.array([[2e38], [1e38]], dtype=np.float32)
    assert judge(result, truth, NUMPY).verdict == "wrong"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_infinite_before_is_no_overflow(dtype):
    W = np.array([[np.inf, 1.0], [np.nan, 1.0], [np.inf, 0.0], [2.0, 0.0]], dtype=dtype)
    A = np.array([[1.0, 0.0], [1.0, np.inf]], dtype=dtype)
    with np.errstate(all="ignore"):
        truth = matrix_product(W, A, None, np.random.RandomState(0))
    right = np.array([[np.inf, np.nan], [np.nan, np.nan], [np.inf, np.nan], [2.0, np.nan]])
    np.testing.assert_array_equal(truth.value.hi, right)
    for index in np.ndindex(right.shape):
        wrong = right.astype(dtype)
        wrong[index] = -np.inf
        assert judge(wrong, truth, NUMPY).verdict == "wrong", index


def test_products_of_rows_of_very_different_numbers():
    random = np.random.RandomState(3)
    A = random.standard_normal((4, 33)) * 10.0 ** random.uniform(-300, 300, (4, 33))
    B = random.standard_normal((33, 5)) * 10.0 ** random.uniform(-150, 150, (33, 5)) * 1e-150
    A[:, 7], B[7] = 0.0, 1e-300
    with np.errstate(all="ignore"):
        found = product(pair(A), pair(B))
    for (i, j), hi in np.ndenumerate(found.hi):
        terms = [Fraction(x) * Fraction(y) for x, y in zip(A[i], B[:, j], strict=True)]
        size = sum(map(abs, terms))
        if size > Fraction(1e290):
            continue
        wrong = Fraction(hi) + Fraction(found.lo[i, j]) - sum(terms)
        assert abs(wrong) <= size * Fraction(2) ** -60 + Fraction(2) ** -1060


def test_products_of_two_numbers_near_the_largest():
    a, b = np.array([1.7e308, -1e308]), np.array([0.3, 1.1])
    found = multiply(pair(a), pair(b))
    for x, y, hi, lo in zip(a, b, *found, strict=True):
        assert Fraction(hi) + Fraction(lo) == Fraction(x) * Fraction(y)


@pytest.mark.parametrize("kind", ["sigmoid", "tanh"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_subnormal_slope_that_meets_a_large_derivative(kind, dtype):
    far = {"float32": 90.0, "float64": 718.0}[dtype] / (2 if kind == "tanh" else 1)
    z = np.linspace(far, far * 1.1, 50, dtype=dtype).reshape(1, -1)
    dA = np.full_like(z, 1e30)
    g = get_activation(kind)
    with np.errstate(under="ignore"):
        result, off = g.backward(dA, z), g.backward(dA, z * z.dtype.type(1.01))
    truth = slope(f"{kind} slope", dA, z, np.random.RandomState(0))
    assert judge(result, truth, NUMPY).verdict == "rounding"
    assert judge(off, truth, NUMPY).verdict == "wrong"


def test_an_update_by_a_rate_beyond_the_dtype_may_be_nan():
    p = g = np.array([[1.0, 0.0]], dtype=np.float32)
    truth = updated(p, g, 1e39)
    result = np.array([[-np.inf, np.nan]], dtype=np.float32)
    assert judge(result, truth, NUMPY).verdict == "rounding"
    assert judge(result, updated(p, g, 1e30), NUMPY).verdict == "wrong"
