"""`assert_equivalent`, for other people's tests: what passes, what fails, and in which words."""

import re

import array_api_compat
import numpy as np
import pytest

from portable_dnn import place
from portable_dnn.arrays.devices import choose_device
from portable_dnn.arrays.registry import first_failure, get_backend
from portable_dnn.equivalence import Roundings, assert_equivalent
from portable_dnn.errors import DTypeError, SettingError, ShapeError

DTYPES = ("float32", "float64")


@pytest.fixture(params=DTYPES)
def dtype(request):
    return request.param


def factors(random, dtype, k):
    return random.randn(6, k).astype(dtype), random.randn(k, 5).astype(dtype)


def wide(*arrays):
    return [array.astype(np.float64) for array in arrays]


def complaint(*args, **options):
    """Return the sentence of an assertion that must fail."""
    with pytest.raises(AssertionError) as caught:
        assert_equivalent(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


# What is right passes


@pytest.mark.parametrize("k", [1, 5, 300])
def test_products(device, dtype, k, random):
    A, B = factors(random, dtype, k)
    a, b = wide(A, B)
    A, B = place(A, device), place(B, device)
    options = {"inner": k, "magnitude": np.abs(a) @ np.abs(b), "like": A}
    assert_equivalent(A @ B, a @ b, "product", **options)


def test_functions(device, dtype, random):
    Z = place(random.randn(3, 40).astype(dtype), device)
    xp = array_api_compat.array_namespace(Z)
    z = choose_device(device).backend.to_host(Z).astype(np.float64)
    assert_equivalent(xp.tanh(Z), np.tanh(z), "tanh", like=Z)
    assert_equivalent(xp.where(Z > 0, Z, 0.0), np.where(z > 0, z, 0.0), "exact", like=Z)
    assert_equivalent(Z > 0, z > 0, like=Z > 0)
    # e^z twice, their sum, log: the logarithm of a sum in (1.9, …) magnifies by less than 2.
    operation = Roundings("log of a sum", arithmetic=2, exp=2, log=1)
    result = xp.log(xp.exp(xp.abs(Z)) + 1.0)
    assert_equivalent(
        result, np.log(np.exp(np.abs(z)) + 1), operation, magnitude=2 + np.abs(z), like=Z
    )


def test_nan_and_infinity_where_the_reference_has_them(device, dtype):
    host = np.array([[np.nan, np.inf, -np.inf, 1.0, -0.0]], dtype=dtype)
    assert_equivalent(place(host, device), place(host, device))


def test_repeated_terms_whose_roundings_all_go_one_way():
    # Further off than independent roundings go, and honest.
    for k in (512, 4096):
        x = np.full(k, 0.1, dtype=np.float32)
        reference = np.asarray(k * float(x[0]))
        assert_equivalent(np.cumsum(x)[-1:].reshape(()), reference, "product", inner=k, like=x)


def test_an_overflow_that_is_right(default_device, dtype):
    # Rounding may carry a number to infinity, and a part of a sum may overflow.
    largest = float(np.finfo(dtype).max)
    x = place(np.array([np.inf, -np.inf, 1.0], dtype=dtype), default_device)
    near = np.array([largest, -largest, 1.0])
    assert_equivalent(x, near, "arithmetic", like=x)
    if dtype == "float32":
        assert_equivalent(x, np.array([3.5e38, -1e300, 1.0]), "arithmetic", like=x)
    parts = place(np.array([np.nan, np.inf], dtype=dtype), default_device)
    small = np.array([1.0, -1.0])
    assert_equivalent(parts, small, "product", inner=2, magnitude=largest, like=parts)
    assert "is nan, not 1.0" in complaint(parts, small, "product", inner=2, like=parts)
    other = near * np.array([-1.0, 1.0, 1.0])
    assert "is inf, not -" in complaint(x, other, "arithmetic", like=x)
    # Infinite terms are not an overflow.
    right = np.array([np.inf, 1.0])
    assert "is nan, not inf" in complaint(
        parts, right, "product", inner=2, magnitude=np.inf, like=parts
    )


@pytest.mark.parametrize("operation", ["exact", "product", "tanh", Roundings("mine", exp=1)])
def test_an_empty_result(device, dtype, operation):
    x = place(np.zeros((0, 3), dtype=dtype), device)
    assert_equivalent(x, x, operation)
    assert complaint(x, x[:, :2], operation).endswith("the result has shape (0, 3), not (0, 2)")


# What is of another kind fails before any value is looked at


def test_another_library(random):
    if first_failure(get_backend("strict")):
        pytest.skip("array-api-strict cannot run here")
    here, there = random.randn(2), place(random.randn(2), "strict")
    assert complaint(here, there) == "exact: the result is an array of numpy, not of strict"
    other = place(random.randn(2), "strict:device1")
    assert complaint(other, there) == "exact: the result is on strict:device1, not on strict:cpu"
    assert complaint(here, here, like=there).startswith("exact: the result is an array of numpy")


def test_another_shape_or_dtype(default_device, random):
    x = place(random.randn(2, 3), default_device)
    narrow = place(x, default_device, dtype="float32")
    assert complaint(x, x[:, :1]) == "exact: the result has shape (2, 3), not (2, 1)"
    assert complaint(x[:1, :], x, like=narrow) == "exact: the result has shape (1, 3), not (2, 3)"
    named = Roundings("my sum", arithmetic=1)
    assert (
        complaint(x, x, named, like=narrow) == "my sum: the result has dtype float64, not float32"
    )
    assert complaint(narrow, x) == "exact: the result has dtype float32, not float64"


# What is wrong is named


def test_the_worst_element_is_named_with_its_error_and_the_bound(default_device, dtype):
    host = np.ones((4, 7), dtype=dtype)
    right = place(host.copy(), default_device)
    eps = float(np.finfo(dtype).eps)
    host[1, 2] += 3 * eps
    host[3, 6] -= 40 * eps
    wrong = place(host, default_device)
    # One rounding on either side: u each, and an ulp of 1 is 2 u.
    assert complaint(wrong, right, "arithmetic") == (
        f"arithmetic: element (3, 6) is {float(host[3, 6])!r}, not 1.0: 40 units in the last "
        "place, bound 1"
    )
    assert_equivalent(wrong, right, "arithmetic", magnitude=40.1 * np.ones(7))
    assert complaint(wrong, right, "arithmetic", magnitude=39.9 * np.ones(7))


@pytest.mark.parametrize(("got", "right"), [(np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0)])
def test_what_is_not_finite_is_named(default_device, dtype, got, right):
    wrong, expected = np.ones((2, 2), dtype=dtype), np.ones((2, 2), dtype=dtype)
    wrong[0, 1], expected[0, 1] = got, right
    arrays = place(wrong, default_device), place(expected, default_device)
    assert complaint(*arrays, "product", inner=5) == (
        f"product: element (0, 1) is {float(got)!r}, not {float(right)!r}"
    )


def test_other_numbers_are_compared_exactly(default_device):
    x = place(np.arange(6).reshape(2, 3), default_device)
    assert_equivalent(x, x)
    assert complaint(x + place(np.eye(2, 3, dtype=int), default_device), x) == (
        "exact: element (0, 0) is 1, not 0"
    )
    with pytest.raises(DTypeError, match="the result has dtype int64; only floats are rounded"):
        assert_equivalent(x, x, "product")


@pytest.mark.parametrize("k", [1, 5, 40])
def test_products_in_half_precision_fail(k, random):
    A, B = factors(random, "float32", k)
    a, b = wide(A, B)
    half = (A.astype(np.float16) @ B.astype(np.float16)).astype(np.float32)
    message = complaint(half, a @ b, "product", inner=k, magnitude=np.abs(a) @ np.abs(b), like=A)
    found = re.fullmatch(
        r"product: element \(\d, \d\) is \S+, not \S+: (.+) units in the last place, bound (.+)",
        message,
    )
    ulps, bound = (float(number.replace(" ", "")) for number in found.groups())
    assert ulps > bound


def test_the_reference_counts_as_exact_only_in_a_wider_dtype():
    x = np.ones(3, dtype=np.float32)
    off = x + np.float32(1.5e-7)  # an ulp: twice the bound of one rounding, and the sum of two
    assert_equivalent(off, x, "arithmetic")
    assert complaint(off, x.astype(np.float64), "arithmetic", like=x).endswith("bound 0.5")


@pytest.mark.filterwarnings("error")
def test_what_differs_from_an_exact_zero_is_named_without_a_warning():
    x = np.zeros(3)
    assert complaint(x + 1e-3, x) == "exact: element (0,) is 0.001, not 0.0"
    assert complaint(x + 1e-300, x).startswith("exact: element (0,) is 1e-300, not 0.0: 2")


# Questions without a sense


@pytest.mark.parametrize("inner", [-1, 0, 2.5, True, "3", None])
def test_an_inner_length_that_is_no_count(inner):
    x = np.ones((2, 2))
    with pytest.raises(SettingError, match=r"the inner length is .*; a whole number of at least 1"):
        assert_equivalent(x, x, "product", inner=inner)


@pytest.mark.parametrize("count", [-3, 1.5, True, "many"])
def test_roundings_that_are_no_count(count):
    with pytest.raises(SettingError, match=r"the roundings arithmetic are .*; a whole number of"):
        Roundings("mine", arithmetic=count)


def test_so_many_roundings_that_everything_would_pass():
    x = np.ones(2, dtype=np.float32)
    with pytest.raises(SettingError, match="16777216 roundings of float32 have no bound"):
        assert_equivalent(x, x, "product", inner=2**24)
    assert_equivalent(x, x, "product", inner=2**23)


def test_a_dtype_that_numpy_has_not():
    torch = pytest.importorskip("torch")
    x = torch.ones(2, dtype=torch.bfloat16)
    with pytest.raises(DTypeError, match="dtype bfloat16 is not judged, only float64 and"):
        assert_equivalent(x, x, "product")


def test_questions_without_a_sense():
    x = np.ones((2, 2))
    with pytest.raises(SettingError, match="unknown operation 'softmax'; use exact, arithmetic"):
        assert_equivalent(x, x, "softmax")
    with pytest.raises(SettingError, match="the magnitude has an entry below 0 or NaN"):
        assert_equivalent(x, x, "product", magnitude=-x)
    with pytest.raises(ShapeError, match=r"the magnitude has shape \(3,\), the reference \(2, 2\)"):
        assert_equivalent(x, x, "product", magnitude=np.ones(3))
    with pytest.raises(DTypeError, match="dtype complex128 is not judged, only float64 and"):
        assert_equivalent(x.astype(complex), x.astype(complex), "product")
    with pytest.raises(DTypeError, match="is a list, not an array"):
        assert_equivalent([1.0], x)


# Functions, half precision, and what cancels


@pytest.mark.parametrize("name", ["exp", "log", "sin", "atan", "expm1", "log2"])
def test_functions_are_known_by_name(name, dtype, default_device):
    x = np.linspace(0.1, 3.0, 40).astype(dtype)
    there = place(x, default_device)
    xp = choose_device(default_device).backend.namespace()
    exact = getattr(np, name.replace("atan", "arctan"))(x.astype(np.longdouble)).astype(np.float64)
    assert_equivalent(getattr(xp, name)(there), exact, name, like=there)
    off = (exact * (1 + 1e-3)).astype(dtype)
    assert complaint(off, exact, name, like=x).startswith(f"{name}: element ")


def test_half_precision():
    x = np.linspace(0.1, 3.0, 40).astype(np.float16)
    exact = x.astype(np.float64) ** 2
    assert_equivalent(x * x, exact, "arithmetic", like=x)
    assert "units in the last place" in complaint(x * x * np.float16(1.01), exact, like=x)


def test_a_missing_magnitude_is_named(random):
    a, b = factors(random, "float32", 400)
    b[-1] -= ((a @ b) / a[:, -1:])[0]  # the first row almost cancels
    exact = np.matmul(*wide(a, b))
    options = {"inner": 400, "like": a}
    assert "the bound needs their sizes: magnitude=" in complaint(
        a @ b, exact, "product", **options
    )
    assert_equivalent(a @ b, exact, "product", magnitude=np.abs(a) @ np.abs(b), **options)
    assert "magnitude=" not in complaint(a, a * np.float32(1.1), "arithmetic")


def test_what_numpy_is_told_to_raise_changes_nothing():
    x = np.exp(-np.linspace(0.0, 700.0, 30))
    with np.errstate(all="raise"):
        assert_equivalent(x, x, "arithmetic")
