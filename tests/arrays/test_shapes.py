"""What is said when shapes do not fit, and the course's table of shapes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_dnn import (
    L_model_forward,
    flatten_images,
    place,
    predict,
    scale_pixels,
    summary,
    summary_table,
    to_host,
    train,
)
from portable_dnn.arrays.shapes import layer_shapes
from portable_dnn.errors import DTypeError, SettingError, ShapeError


def network(**changes):
    shapes = {"W1": (20, 12), "b1": (20, 1), "W2": (7, 20), "b2": (7, 1), **changes}
    return {name: np.zeros(shape) for name, shape in shapes.items() if shape is not None}


WRONG = [
    ({"W2": (7, 21)}, "W2 has shape (7, 21), but layer 1 gives 20 units"),
    ({"W1": (1, 12), "b1": (1, 1)}, "W2 has shape (7, 20), but layer 1 gives 1 unit"),
    ({"b2": (7,)}, "b2 has shape (7,), but W2 has 7 rows; (7, 1) would be right"),
    ({"b1": (1, 20)}, "b1 has shape (1, 20), but W1 has 20 rows; (20, 1) would be right"),
    ({"W1": (12,)}, "W1 has shape (12,); (units, inputs) would be right, none of them 0"),
    (
        {"b2": None},
        "the parameters are W1, b1, W2; a network has W1, b1 … WL, bL, a pair for each layer",
    ),
    (
        {"W3": (1, 7)},
        "the parameters are W1, b1, W2, b2, W3; a network has W1, b1 … WL, bL, a pair for each "
        "layer",
    ),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_the_message_names_the_layer(changes, message, default_device):
    parameters = place(network(**changes), default_device)
    X, Y = place(np.zeros((12, 5)), default_device), place(np.zeros((7, 5)), default_device)
    for call in (
        lambda: L_model_forward(X, parameters),
        lambda: predict(X, parameters),
        lambda: train(X, Y, parameters),
    ):
        with pytest.raises(ShapeError) as caught:
            call()
        assert str(caught.value) == message
        assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((5, 12), "; samples are columns here: transpose it"),
        ((5, 2, 2, 3), "; flatten pictures with flatten_images()"),
        ((12,), ""),
        ((12, 0), "; here is none"),
        ((11, 5), ""),
    ],
)
def test_the_input_is_told_what_the_first_layer_takes(shape, hint, default_device):
    with pytest.raises(ShapeError) as caught:
        predict(place(np.zeros(shape), default_device), place(network(), default_device))
    assert str(caught.value) == (
        f"X has shape {shape}, but W1 takes 12 features: (12, m) would be right, one column "
        f"for each sample{hint}"
    )


def test_labels_are_told_what_the_last_layer_gives(default_device):
    parameters = place(network(), default_device)
    X = place(np.zeros((12, 5)), default_device)
    with pytest.raises(ShapeError) as caught:
        train(X, place(np.zeros((1, 5)), default_device), parameters)
    assert str(caught.value) == (
        "Y has shape (1, 5), but there are 5 samples and 7 outputs; (7, 5) would be right"
    )
    one = place(network(W2=(1, 20), b2=(1, 1)), default_device)
    with pytest.raises(ShapeError, match=r"\(1, 5\) would be right: reshape it to a row"):
        train(X, place(np.zeros(5), default_device), one)


def test_an_empty_dict_is_no_network(default_device):
    with pytest.raises(ShapeError, match="the parameters are empty; a network has W1, b1"):
        predict(place(np.zeros((2, 1)), default_device), {})


def test_summary_is_the_table_of_the_course():
    assert summary_table([12288, 20, 7, 5, 1], 209).splitlines() == [
        "layer            W        b  Z = W A + b          A  parameters",
        "---------------------------------------------------------------",
        "    1  (20, 12288)  (20, 1)    (20, 209)  (20, 209)     245,780",
        "    2      (7, 20)   (7, 1)     (7, 209)   (7, 209)         147",
        "    3       (5, 7)   (5, 1)     (5, 209)   (5, 209)          40",
        "    4       (1, 5)   (1, 1)     (1, 209)   (1, 209)           6",
        "---------------------------------------------------------------",
        "total                                                   245,973",
    ]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(dims=st.lists(st.integers(1, 40), min_size=2, max_size=6), m=st.integers(1, 300))
def test_the_table_agrees_with_a_network(dims, m):
    sizes = [(n_out, n_in, n_out * n_in + n_out) for n_in, n_out in pairwise(dims)]
    rows = layer_shapes(dims, m)
    assert [(*row.W, row.parameters) for row in rows] == sizes
    assert all(row.b == (row.W[0], 1) and row.Z == row.A == (row.W[0], m) for row in rows)
    assert [row.layer for row in rows] == list(range(1, len(dims)))
    assert summary_table(dims, m).split()[-1] == f"{sum(size for *_, size in sizes):,}"


@pytest.mark.parametrize("m", [0, -1, 2.5, True])
def test_summary_needs_samples(m):
    with pytest.raises(
        SettingError, match=r"number of samples is .*; a whole number of at least 1"
    ):
        summary_table([3, 1], m)


def test_pictures_become_columns():
    images = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    columns = flatten_images(images)
    assert columns.shape == (36, 2)
    assert columns.dtype == np.uint8
    for k in range(2):
        assert columns[:, k].tolist() == list(range(36 * k, 36 * (k + 1)))
    with pytest.raises(ShapeError, match=r"\(3, 4, 3\); \(m, height, width, channels\)"):
        flatten_images(images[0])


def test_pixels_become_floats_on_the_device(device, dtype, close):
    X = place(np.array([[0, 51, 255]], dtype=np.uint8), device)
    close(scale_pixels(X, dtype), [[0.0, 0.2, 1.0]], device, dtype, terms=1)
    scaled = place(np.array([[0.25, 1.0]]), device)
    close(scale_pixels(scaled, dtype), [[0.25, 1.0]], device, dtype, terms=1)
    assert to_host(X).tolist() == [[0, 51, 255]]
    with pytest.raises(DTypeError, match="pixels have dtype int32; uint8"):
        scale_pixels(place(np.array([[3]], dtype=np.int32), device))
    with pytest.raises(SettingError, match="unknown dtype 'int8'"):
        scale_pixels(X, "int8")


def test_summary_prints_the_table(capsys):
    summary([3, 2, 1], 4)
    assert capsys.readouterr().out == summary_table([3, 2, 1], 4) + "\n"
