"""One step of gradient descent."""

import numpy as np
import pytest

from portable_dnn import place, to_host, update_parameters
from portable_dnn.errors import DTypeError, SettingError, ShapeError


@pytest.fixture
def step(random):
    """Read-only parameters and gradients of a small network, on the host."""
    shapes = {"W1": (4, 3), "b1": (4, 1), "W2": (1, 4), "b2": (1, 1)}
    arrays = [{f"{d}{k}": random.randn(*s) for k, s in shapes.items()} for d in ("", "d")]
    for array in (*arrays[0].values(), *arrays[1].values()):
        array.flags.writeable = False
    return arrays


def test_every_entry_takes_its_step(step, device, dtype, close):
    host = [{k: v.astype(dtype) for k, v in arrays.items()} for arrays in step]
    parameters, grads = (place(arrays, device) for arrays in host)
    new = update_parameters(parameters, {**grads, "dA1": None}, 0.25)
    assert list(new) == list(parameters)
    for name, array in host[0].items():
        expected = [
            [float(p) - 0.25 * float(d) for p, d in zip(ps, ds, strict=True)]
            for ps, ds in zip(array, host[1][f"d{name}"], strict=True)
        ]
        close(new[name], expected, device, dtype, terms=2)
        # Pure: what came in is as it was, and nothing of it is shared with what comes out.
        np.testing.assert_array_equal(to_host(parameters[name]), array)
        np.testing.assert_array_equal(to_host(grads[f"d{name}"]), host[1][f"d{name}"])
        assert new[name] is not parameters[name]
        assert not np.shares_memory(to_host(new[name]), to_host(parameters[name]))


def test_a_numpy_scalar_as_the_rate_promotes_nothing(step, device):
    parameters, grads = (place(arrays, device, dtype="float32") for arrays in step)
    new = update_parameters(parameters, grads, np.float64(0.1))
    assert {to_host(array).dtype for array in new.values()} == {np.dtype("float32")}


@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf")])
def test_bad_learning_rate(step, rate, default_device):
    parameters, grads = (place(arrays, default_device) for arrays in step)
    with pytest.raises(SettingError, match=f"the learning rate is {rate}; a number above 0"):
        update_parameters(parameters, grads, rate)


def test_gradients_that_do_not_fit(step, default_device):
    parameters, grads = (place(arrays, default_device) for arrays in step)
    some = {name: array for name, array in grads.items() if name not in ("db1", "dW2")}
    with pytest.raises(ShapeError, match="the gradients lack db1, dW2"):
        update_parameters(parameters, some, 0.1)
    with pytest.raises(ShapeError, match=r"dW1 has shape \(1, 1\); \(4, 3\), that of W1"):
        update_parameters(parameters, {**grads, "dW1": grads["db2"]}, 0.1)
    with pytest.raises(DTypeError, match="W1 has dtype float64 but dW1 has float32"):
        update_parameters(parameters, place(grads, default_device, dtype="float32"), 0.1)
