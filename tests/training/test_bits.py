"""Gradient descent on NumPy has the bits of release 0.1, on the same machine."""

import numpy as np
import pytest

from portable_dnn import initialize_parameters_deep, train
from tests.training.step_0_1 import train_0_1

NETWORKS = {
    "deep": ((4000, 20, 7, 5, 1), "relu"),
    "mixed": ((300, 9, 6, 3), ["tanh", "leaky_relu:0.2"]),
    "logistic": ((2500, 1), []),
}


@pytest.mark.parametrize("compress", ["on", "off"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("pixels", [True, False], ids=["pixels", "floats"])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_bits_of_release_0_1(random, network, pixels, dtype, compress):
    dims, hidden = NETWORKS[network]
    X = random.randint(0, 256, (dims[0], 53)).astype(np.uint8)
    X = X if pixels else (X / 255.0).astype(dtype)
    Y = random.randint(0, 2, (dims[-1], 53))
    start = initialize_parameters_deep(dims, dtype=dtype)
    settings = {"learning_rate": 0.0375, "num_iterations": 60, "record_every": 17}
    found, _ = train(X, Y, start, hidden=hidden, compress=compress, **settings)
    compressed = compress == "on"
    expected = train_0_1(X, Y, start, hidden, 0.0375, 60, compressed=compressed)
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, strict=True, err_msg=name)
