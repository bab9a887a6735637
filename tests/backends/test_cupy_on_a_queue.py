"""The CuPy backend's own functions with a device's semantics: see `cupy_stand_in`."""

import sys

import numpy as np
import pytest

from portable_dnn.arrays.registry import climb, first_failure, get_backend
from portable_dnn.arrays.repeat import OneByOne
from tests.backends.cupy_stand_in import GIBIBYTE, make


@pytest.fixture
def cupy(monkeypatch):
    """The stand-in in CuPy's place."""
    failure = first_failure(get_backend("dpnp"))
    if failure is not None:
        pytest.skip(f"dpnp NOT RUN: {failure.detail}")
    module = make()
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


@pytest.fixture
def backend(cupy):
    return get_backend("cupy")


def test_the_ladder_is_climbed_to_its_end(backend):
    rungs = list(climb(backend))
    assert [rung.status for rung in rungs if rung.name != "cupy-packages"] == ["ok"] * 7
    assert rungs[-1].name == "cuda-memory"
    assert "3.0 GiB of 4.0 GiB" in rungs[-1].detail
    assert backend.devices() == ("cuda:0",)
    assert backend.free_memory("cuda:0") == 3 * GIBIBYTE


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int64", "bool"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_arrays_travel_and_come_back_as_they_were(cupy, backend, dtype, shape):
    host = (np.random.RandomState(0).uniform(0, 9, shape) * 1.0).astype(dtype)
    there = backend.from_host(host, "cuda:0")
    assert backend.owns(there)
    assert not backend.owns(host)
    assert backend.device_of(there) == "cuda:0"
    with pytest.raises(TypeError):
        np.asarray(there)  # nothing is converted in silence
    back = backend.to_host(there)
    assert (back.dtype, back.shape) == (host.dtype, host.shape)
    np.testing.assert_array_equal(back, host)
    assert (cupy.sent, cupy.fetched) == (1, 1)


def test_what_is_read_is_done_and_a_wait_waits(cupy, backend):
    host = np.random.RandomState(1).uniform(size=(500, 500)) / 1e4
    x, expected = backend.from_host(host, "cuda:0"), host
    for _ in range(20):
        x, expected = x @ x + x, expected @ expected + expected
    np.testing.assert_allclose(backend.to_host(x), expected, rtol=1e-9)
    backend.synchronize("cuda:0")
    assert cupy.waits == 1


def test_a_view_and_a_read_only_array_are_copied(backend):
    host = np.arange(12.0).reshape(3, 4)
    host.setflags(write=False)
    np.testing.assert_array_equal(
        backend.to_host(backend.from_host(host.T[::-1], "cuda:0")), host.T[::-1]
    )


def test_a_step_that_is_not_the_kernels_is_repeated(backend):
    def step(state, batch, row):
        return state + batch

    compiled = backend.compile(backend.repeat(step))
    assert isinstance(compiled, OneByOne)
    one = backend.from_host(np.ones((2, 2)), "cuda:0")
    np.testing.assert_array_equal(backend.to_host(compiled(one, one, {}, 4)), np.full((2, 2), 5.0))


def test_versions_are_told(backend):
    versions = backend.versions()
    assert versions["card"] == "a queue of dpnp's"
    assert versions["CUDA runtime"] == versions["CUDA driver"] == "13.0"
