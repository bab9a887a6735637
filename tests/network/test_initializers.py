"""Start parameters: the exact numbers, their spread, and what is refused."""

import hashlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_dnn import (
    initialize_parameters,
    initialize_parameters_deep,
    parameters_hash,
    place,
    to_host,
)
from portable_dnn.errors import SettingError

VARIANCES = {  # of W of shape (n_out, n_in)
    "small": lambda n_in, n_out: 1e-4,
    "lecun": lambda n_in, n_out: 1 / n_in,
    "xavier": lambda n_in, n_out: 2 / (n_in + n_out),
    "he": lambda n_in, n_out: 2 / n_in,
}


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    dims=st.lists(st.integers(1, 9), min_size=2, max_size=6),
    seed=st.integers(0, 2**32 - 1),
    method=st.sampled_from(sorted(VARIANCES)),
)
def test_one_stream_over_all_layers_in_order(dims, seed, method):
    got = initialize_parameters_deep(dims, method=method, seed=seed)
    stream = np.random.RandomState(seed)
    names = []
    for layer in range(1, len(dims)):
        draws = stream.standard_normal((dims[layer], dims[layer - 1]))
        deviation = np.sqrt(VARIANCES[method](dims[layer - 1], dims[layer]))
        # A product and a quotient of the same two numbers differ by a rounding each.
        np.testing.assert_array_max_ulp(got[f"W{layer}"], draws * deviation, maxulp=3)
        np.testing.assert_array_equal(got[f"b{layer}"], np.zeros((dims[layer], 1)))
        names += [f"W{layer}", f"b{layer}"]
    assert list(got) == names
    assert {array.dtype for array in got.values()} == {np.dtype("float64")}


def test_the_course_start_to_the_bit():
    got = initialize_parameters_deep([5, 4, 3])
    stream = np.random.RandomState(1)
    np.testing.assert_array_equal(got["W1"], stream.randn(4, 5) / np.sqrt(5))
    np.testing.assert_array_equal(got["W2"], stream.randn(3, 4) / np.sqrt(4))
    # The numbers that the course prints for initialize_parameters(3, 2, 1).
    two = initialize_parameters(3, 2, 1)
    printed = [[0.01624345, -0.00611756, -0.00528172], [-0.01072969, 0.00865408, -0.02301539]]
    np.testing.assert_array_equal(two["W1"].round(8), printed)
    np.testing.assert_array_equal(two["W2"].round(8), [[0.01744812, -0.00761207]])
    assert [two[name].tolist() for name in ("b1", "b2")] == [[[0.0], [0.0]], [[0.0]]]


@pytest.mark.parametrize("method", sorted(VARIANCES))
def test_variance(method):
    n_in, n_out = 300, 200
    W = initialize_parameters_deep([n_in, n_out], method=method, seed=3)["W1"]
    expected = VARIANCES[method](n_in, n_out)
    # The variance of n normal draws has the relative standard deviation √(2/n); five of them.
    assert abs(W.var() / expected - 1) < 5 * np.sqrt(2 / W.size)
    assert abs(W.mean()) < 5 * np.sqrt(expected / W.size)


def test_two_layers_are_small_by_default_and_the_same_as_deep():
    got = initialize_parameters(6, 4, 2, seed=9)
    expected = initialize_parameters_deep([6, 4, 2], method="small", seed=9)
    assert parameters_hash(got) == parameters_hash(expected)


def test_float32_is_float64_rounded():
    wide = initialize_parameters_deep([7, 3, 1])
    narrow = initialize_parameters_deep([7, 3, 1], dtype="float32")
    for name, array in wide.items():
        assert narrow[name].dtype == np.float32
        np.testing.assert_array_equal(narrow[name], array.astype(np.float32))


def test_zeros_warns_what_symmetry_does():
    with pytest.warns(UserWarning, match="stay copies of each other however long you train"):
        got = initialize_parameters_deep([3, 2, 1], method="zeros")
    # 0.0, not −0.0: the bytes, and with them the hash, are those of zeros.
    assert parameters_hash(got) == parameters_hash({k: np.zeros(a.shape) for k, a in got.items()})


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, True, None, "1"])
def test_bad_seed(seed):
    with pytest.raises(SettingError, match=r"the seed is .*whole number from 0 to 2"):
        initialize_parameters_deep([2, 1], seed=seed)


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ([3], "at least the number of features and the number of outputs"),
        ([], "at least the number of features"),
        ([0, 2, 1], "0 input features"),
        ([3, -2, 1], "-2 units in layer 1"),
        ([3, 2, 1.5], "1.5 units in layer 2"),
        ([3, True, 1], "True units in layer 1"),
    ],
)
def test_bad_sizes(dims, message):
    with pytest.raises(SettingError, match=message):
        initialize_parameters_deep(dims)


def test_unknown_method_and_dtype():
    with pytest.raises(SettingError, match="'glorot'; use small, lecun, xavier, he or zeros"):
        initialize_parameters_deep([2, 1], method="glorot")
    with pytest.raises(SettingError, match="unknown dtype 'float16'; use float64 or float32"):
        initialize_parameters_deep([2, 1], dtype="float16")


def test_hash_is_the_same_on_every_device_and_memory_layout(device, dtype):
    start = initialize_parameters_deep([5, 4, 1], dtype=dtype)
    expected = parameters_hash(start)
    placed = place(start, device)
    assert parameters_hash(placed) == expected
    assert parameters_hash(to_host(placed)) == expected
    swapped = {
        name: np.asfortranarray(array.astype(array.dtype.newbyteorder(">")))
        for name, array in reversed(start.items())
    }
    assert parameters_hash(swapped) == expected


def test_hash_sees_one_bit_a_name_a_shape_and_a_dtype():
    start = initialize_parameters_deep([5, 4, 1])
    W = start["W1"].copy()
    W.view(np.uint64)[3, 2] ^= 1
    others = [
        {**start, "W1": W},
        {**{f"{name}x": array for name, array in start.items()}},
        {**start, "b1": start["b1"].reshape(1, 4)},
        {**start, "b1": start["b1"].astype(np.int64)},
    ]
    assert len({parameters_hash(p) for p in [start, *others]}) == 5


def test_hash_is_what_its_description_says():
    # It stands in logs and files, so it must not change from one version to the next.
    b1, W1 = [[0.5]], [[1.0, -2.0]]
    text = b"W1 float64 (1, 2)\n" + struct.pack("<2d", *W1[0])
    text += b"b1 float64 (1, 1)\n" + struct.pack("<d", *b1[0])
    expected = hashlib.sha256(text).hexdigest()
    assert parameters_hash({"b1": np.array(b1), "W1": np.array(W1)}) == expected
    W2 = np.array([[1.0, 2.0], [3.0, 4.0]])
    text = b"W2 float64 (2, 2)\n" + struct.pack("<4d", 1, 2, 3, 4)  # row after row
    assert parameters_hash({"W2": W2}) == hashlib.sha256(text).hexdigest()
