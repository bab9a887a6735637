"""A library of the standard without a plug-in: its arrays are computed with all the same."""

import numpy as np
import pytest

from portable_dnn import (
    L_layer_model,
    device_of,
    initialize_parameters_deep,
    parameters_hash,
    place,
    predict,
    to_host,
)
from portable_dnn.arrays import registry


@pytest.fixture
def stranger(monkeypatch):
    """array-api-strict as if nobody had written a backend for it."""
    library = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    known = {name: entry for name, entry in registry._entry_points().items() if name != "strict"}
    monkeypatch.setattr(registry, "_entry_points", lambda: known)
    return library


def test_training_on_it_gives_the_numbers_of_numpy(stranger, random):
    X, Y = random.uniform(size=(12, 5)), random.randint(0, 2, (1, 5))
    expected, costs = L_layer_model(X, Y, [12, 4, 1], num_iterations=101)
    parameters, found = L_layer_model(
        stranger.asarray(X), stranger.asarray(Y), [12, 4, 1], num_iterations=101
    )
    assert found == pytest.approx(costs, rel=1e-12)
    for name, array in parameters.items():
        assert isinstance(array, type(stranger.asarray(0.0)))
        np.testing.assert_allclose(to_host(array), expected[name], rtol=0, atol=1e-12)
    assert to_host(predict(stranger.asarray(X), parameters)).shape == (1, 5)


def test_its_arrays_have_a_place_and_a_hash(stranger):
    start = initialize_parameters_deep([3, 2, 1])
    device = stranger.Device("device1")
    there = {name: stranger.asarray(array, device=device) for name, array in start.items()}
    assert "device1" in device_of(there)
    assert parameters_hash({k: stranger.asarray(v) for k, v in start.items()}) == parameters_hash(
        start
    )
    assert isinstance(place(stranger.asarray(start["W1"]), "cpu"), np.ndarray)


def test_its_plug_in_answers_what_the_standard_can(stranger):
    array = stranger.asarray([1.0])
    backend = registry.owner_of(array)
    assert backend.name == "array_api_strict"
    assert registry.first_failure(backend) is None
    assert backend.owns(array)
    assert not backend.owns(np.ones(1))
    assert not backend.owns("x")
    assert backend == registry.owner_of(array)
    assert len({backend, registry.owner_of(array)}) == 1
    assert backend.namespace() is stranger
    assert backend.free_memory(backend.devices()[0]) is None
    repeated = backend.compile(backend.repeat(lambda state, batch, row: {"n": state["n"] + batch}))
    assert repeated({"n": 0}, 2, {}, 3) == {"n": 6}
    assert backend.versions() == {"array_api_strict": stranger.__version__}
    backend.synchronize(backend.devices()[0])
