"""A library without a plug-in whose memory is not the host's: dpnp's arrays, its plug-in hidden."""

from types import SimpleNamespace

import numpy as np
import pytest

import portable_dnn
from portable_dnn.arrays import registry
from portable_dnn.arrays.registry import first_failure, get_backend
from portable_dnn.equivalence import Roundings, assert_equivalent, compare
from portable_dnn.errors import DataError, DTypeError
from tests.public_functions import CALLS, WITHOUT_ARRAYS, arguments


@pytest.fixture
def queue(monkeypatch):
    """Arrays on a queue, the same on the host, and how to get from one to the other."""
    failure = first_failure(get_backend("dpnp"))
    if failure is not None:
        pytest.skip(f"dpnp NOT RUN: {failure.detail}")
    dpnp = pytest.importorskip("dpnp")
    known = tuple(name for name in registry.backend_names() if name != "dpnp")
    monkeypatch.setattr(registry, "backend_names", lambda: known)
    host, there = arguments(), arguments(dpnp.asarray)
    return SimpleNamespace(host=host, there=there, kind=dpnp.ndarray)


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
    trained = p.train(x.X, x.Y, x.start, num_iterations=2).parameters
    assert "cpu" in p.device_of(x.X)
    assert not p.device_of(x.X).startswith("numpy")
    for result in (p.predict(x.X, x.start), *trained.values()):
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
