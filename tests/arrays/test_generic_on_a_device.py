"""A library without a plug-in whose memory is not the host's: dpnp's arrays, its plug-in hidden.

Every public function is called with them, by a table that a new function must be put into.
"""

from types import SimpleNamespace

import numpy as np
import pytest

import portable_dnn
from portable_dnn.arrays import registry
from portable_dnn.arrays.registry import first_failure, get_backend
from portable_dnn.equivalence import Roundings, assert_equivalent, compare
from portable_dnn.errors import DataError, DTypeError
from portable_dnn.models.model import Model

DIMS = [6, 4, 1]


@pytest.fixture
def queue(monkeypatch, random):
    """Arrays on a queue, the same on the host, and how to get from one to the other."""
    failure = first_failure(get_backend("dpnp"))
    if failure is not None:
        pytest.skip(f"dpnp NOT RUN: {failure.detail}")
    dpnp = pytest.importorskip("dpnp")
    known = tuple(name for name in registry.backend_names() if name != "dpnp")
    monkeypatch.setattr(registry, "backend_names", lambda: known)
    start = portable_dnn.initialize_parameters_deep(DIMS)
    host = SimpleNamespace(
        X=random.uniform(size=(6, 5)),
        Y=np.array([[0, 1, 1, 0, 1]]),
        Z=random.uniform(-1, 1, (4, 5)),
        pixels=random.randint(0, 256, (2, 2, 3, 3)).astype(np.uint8),
        start=start,
    )
    there = SimpleNamespace(
        **{n: dpnp.asarray(getattr(host, n)) for n in ("X", "Y", "Z", "pixels")},
        start={name: dpnp.asarray(array) for name, array in start.items()},
    )
    return SimpleNamespace(host=host, there=there, kind=dpnp.ndarray)


def trained(p, x):
    return p.train(x.X, x.Y, x.start, num_iterations=3, record_every=1)


def model(p, x, name, dims):
    parameters, costs = getattr(p, name)(x.X, x.Y, dims, num_iterations=3)
    return {**parameters, "costs": np.array(costs)}


def saved(p, x, path):
    p.save_model(Model(x.start, ("relu",), ("a", "b"), image_shape=(1, 2, 3)), path)
    return p.load_model(path, "cpu").parameters


def forward(p, x):
    AL, caches = p.L_model_forward(x.X, x.start)
    return p.L_model_backward(AL, x.Y, caches)


def back(p, x, activation="relu"):
    A, cache = p.linear_activation_forward(x.X, x.start["W1"], x.start["b1"], activation)
    return p.linear_activation_backward(A, cache, activation)


CALLS = {
    "L_layer_model": lambda p, x, path: model(p, x, "L_layer_model", DIMS),
    "two_layer_model": lambda p, x, path: model(p, x, "two_layer_model", tuple(DIMS)),
    "L_model_forward": lambda p, x, path: p.L_model_forward(x.X, x.start)[0],
    "L_model_backward": lambda p, x, path: forward(p, x),
    "accuracy": lambda p, x, path: p.accuracy(p.predict(x.X, x.start), x.Y),
    "compute_cost": lambda p, x, path: p.compute_cost(p.sigmoid(x.Z[:1, :])[0], x.Y),
    "compute_cost_from_logits": lambda p, x, path: p.compute_cost_from_logits(x.Z[:1, :], x.Y),
    "flatten_images": lambda p, x, path: p.flatten_images(x.pixels),
    "gradient_check": lambda p, x, path: (
        max(p.gradient_check(x.X, x.Y, x.start, hidden="tanh").values()) < 1e-6
    ),
    "leaky_relu": lambda p, x, path: p.leaky_relu(x.Z)[0],
    "leaky_relu_backward": lambda p, x, path: p.leaky_relu_backward(x.Z, x.Z),
    "linear_activation_backward": lambda p, x, path: back(p, x),
    "linear_activation_forward": lambda p, x, path: back(p, x, "sigmoid"),
    "linear_backward": lambda p, x, path: p.linear_backward(
        x.Z, p.linear_forward(x.X, x.start["W1"], x.start["b1"])[1]
    ),
    "linear_forward": lambda p, x, path: p.linear_forward(x.X, x.start["W1"], x.start["b1"])[0],
    "parameters_hash": lambda p, x, path: p.parameters_hash(x.start),
    "place": lambda p, x, path: p.place(x.start, "cpu"),
    "predict": lambda p, x, path: p.predict(x.X, x.start),
    "predict_probabilities": lambda p, x, path: p.predict_probabilities(x.X, x.start),
    "relu": lambda p, x, path: p.relu(x.Z)[0],
    "relu_backward": lambda p, x, path: p.relu_backward(x.Z, x.Z),
    "save_model": saved,
    "load_model": saved,
    "scale_pixels": lambda p, x, path: p.scale_pixels(x.pixels),
    "sigmoid": lambda p, x, path: p.sigmoid(x.Z)[0],
    "sigmoid_backward": lambda p, x, path: p.sigmoid_backward(x.Z, x.Z),
    "tanh": lambda p, x, path: p.tanh(x.Z)[0],
    "tanh_backward": lambda p, x, path: p.tanh_backward(x.Z, x.Z),
    "to_host": lambda p, x, path: p.to_host(x.start),
    "train": lambda p, x, path: {
        **trained(p, x).parameters,
        "cost": np.array(trained(p, x).history.cost),
    },
    "update_parameters": lambda p, x, path: p.update_parameters(x.start, forward(p, x), 0.1),
}
WITHOUT_ARRAYS = {
    "PortableDnnError",
    "Settings",
    "choose_device",
    "device_of",  # names another device, of course: below
    "initialize_parameters",
    "initialize_parameters_deep",
    "summary",
    "summary_table",
    "__version__",
}


def test_every_public_name_is_called_or_takes_no_arrays():
    assert set(portable_dnn.__all__) <= set(CALLS) | WITHOUT_ARRAYS
    assert set(portable_dnn.__all__) >= set(CALLS)


def flat(result):
    """Every array of a result, on the host, and what is not an array."""
    if isinstance(result, dict):
        return [part for name in result for part in flat(result[name])]
    if isinstance(result, list | tuple):
        return [part for item in result for part in flat(item)]
    if hasattr(result, "dtype"):
        return [portable_dnn.to_host(result)]
    return [result]


@pytest.mark.parametrize("name", CALLS)
def test_every_public_function_takes_its_arrays(queue, tmp_path, name):
    expected = flat(CALLS[name](portable_dnn, queue.host, tmp_path / "host.h5"))
    found = flat(CALLS[name](portable_dnn, queue.there, tmp_path / "there.h5"))
    assert len(found) == len(expected) > 0
    for got, right in zip(found, expected, strict=True):
        if isinstance(right, np.ndarray):
            assert isinstance(got, np.ndarray)
            assert (got.dtype, got.shape) == (right.dtype, right.shape)
            np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-14)
        else:
            assert got == pytest.approx(right)


def test_its_results_stay_there(queue):
    p, x = portable_dnn, queue.there
    assert "cpu" in p.device_of(x.X)
    assert not p.device_of(x.X).startswith("numpy")
    for result in (p.predict(x.X, x.start), *trained(p, x).parameters.values()):
        assert isinstance(result, queue.kind)


def test_a_copy_is_a_copy(queue):
    array = queue.there.Z
    before = portable_dnn.to_host(array)
    array += 1.0
    np.testing.assert_array_equal(before, queue.host.Z)


def test_its_functions_can_be_asserted_and_unknown_kinds_are_named(queue):
    import array_api_compat

    def square(x):
        return array_api_compat.array_namespace(x).abs(x) * 2.0

    doubled = square(queue.there.Z)
    assert_equivalent(doubled, square(queue.host.Z), Roundings("|z| twice", 1), like=queue.there.Z)
    with pytest.raises(DTypeError, match="a list"):
        portable_dnn.to_host([queue.there.Z])
    small = portable_dnn.Settings(layers=(3,), iterations=2)
    with pytest.raises(DataError, match=r"with portable_dnn\.to_host"):
        compare("numpy", queue.there.X, queue.there.Y, settings=small, many=0)
    X, Y = (portable_dnn.to_host(array) for array in (queue.there.X, queue.there.Y))
    report = compare("numpy", X, Y, settings=small, many=0)
    assert report.outcome == "same numbers"
