"""The numbers that the course prints for its data, on every backend.

The costs come from the course's own notebook; a slip anywhere in the network changes them.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from portable_dnn import (
    L_layer_model,
    accuracy,
    initialize_parameters_deep,
    place,
    predict,
    scale_pixels,
    train,
    two_layer_model,
)

PUBLISHED = json.loads((Path(__file__).parent / "published_costs.json").read_text("utf-8"))
LAYERS = PUBLISHED["layers"]
TWO_LAYER_COSTS = {0: 0.6930497356599888, 100: 0.6464320953428849, 2400: 0.04855478562877019}


@pytest.fixture(scope="module")
def pictures(real_data):
    """Return a function that puts the data set on a device."""
    host = {}
    for part in ("train", "test"):
        with h5py.File(real_data / f"{part}_catvnoncat.h5", "r") as file:
            images = file[f"{part}_set_x"][()]
            host[f"{part}_x"] = images.reshape(images.shape[0], -1).T
            host[f"{part}_y"] = file[f"{part}_set_y"][()][np.newaxis, :]
    assert host["train_x"].shape == (12288, 209)
    assert host["train_x"].dtype == np.uint8

    def on(device, dtype="float64"):
        there = place(host, device)
        return SimpleNamespace(
            train=(scale_pixels(there["train_x"], dtype), there["train_y"]),
            test=(scale_pixels(there["test_x"], dtype), there["test_y"]),
        )

    return on


def share_right(data, parameters):
    X, Y = data
    return accuracy(predict(X, parameters), Y)


def test_the_published_run(default_device, pictures):
    data = pictures(default_device)
    parameters, costs = L_layer_model(
        *data.train,
        LAYERS,
        learning_rate=PUBLISHED["learning_rate"],
        num_iterations=PUBLISHED["iterations"],
    )
    assert [f"{cost:.6f}" for cost in costs] == [
        f"{cost:.6f}" for cost in PUBLISHED["cost_every_100"]
    ]
    assert f"{share_right(data.train, parameters):.12f}" == str(PUBLISHED["train_accuracy"])
    assert share_right(data.test, parameters) == PUBLISHED["test_accuracy"]


def test_float32_keeps_to_float64_until_the_first_burst(default_device, pictures):
    # Near iteration 69 a gate of a ReLU flips, and a difference of 1e-8 grows to 1e-2 within 15
    # steps, so float32 is judged before it.
    costs = {}
    for dtype in ("float64", "float32"):
        start = place(initialize_parameters_deep(LAYERS), default_device, dtype=dtype)
        X, Y = pictures(default_device, dtype).train
        history = train(X, Y, start, num_iterations=60, record_every=1).history
        costs[dtype] = np.array(history.cost)
    assert len(costs["float32"]) == 60
    np.testing.assert_allclose(costs["float32"], costs["float64"], rtol=0, atol=1e-6)
    assert (costs["float32"] != costs["float64"]).any()  # it was float32


def test_float32_ends_in_its_range(pictures):
    # Permuting the samples alone scatters a float32 run over these ranges.
    data = pictures("numpy:cpu", "float32")
    parameters, costs = L_layer_model(*data.train, LAYERS, num_iterations=2500)
    assert parameters["W1"].dtype == np.float32
    assert 0.06 < costs[-1] < 0.11
    assert share_right(data.train, parameters) > 0.97
    assert 0.72 <= share_right(data.test, parameters) <= 0.84


def test_the_published_run_of_two_layers(pictures):
    data = pictures("numpy:cpu")
    parameters, costs = two_layer_model(*data.train, [12288, 7, 1], num_iterations=2500)
    printed = {i: f"{cost:.10f}" for i, cost in TWO_LAYER_COSTS.items()}
    assert {i: f"{costs[i // 100]:.10f}" for i in TWO_LAYER_COSTS} == printed
    assert share_right(data.train, parameters) == 1.0
    assert share_right(data.test, parameters) == 0.72
