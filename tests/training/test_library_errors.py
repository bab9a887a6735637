"""What a library lacks or fails at is told in a sentence that names it; other errors stay."""

import numpy as np
import pytest

from portable_dnn import initialize_parameters_deep, place, train
from portable_dnn.arrays.registry import get_backend
from portable_dnn.errors import BackendError
from portable_dnn.training.trial import try_step


@pytest.fixture
def strict():
    return pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")


def run(device="strict", **settings):
    X = place(np.ones((3, 2)), device)
    Y = place(np.array([[0, 1]]), device)
    start = place(initialize_parameters_deep([3, 2, 1]), device)
    return train(X, Y, start, num_iterations=2, **settings)


def test_a_function_that_is_missing(strict, monkeypatch):
    monkeypatch.delattr(strict, "tanh")
    with pytest.raises(BackendError, match=r"^strict:cpu fails in training: .*'tanh'.* doctor"):
        run()
    check = try_step(get_backend("strict"))
    assert (check.name, check.status) == ("strict-step", "failed")
    assert "'tanh'" in check.detail


def test_a_function_that_fails(strict, monkeypatch):
    monkeypatch.setattr(strict, "concat", _of("array_api_strict._x", "TypeError('no kernel')"))
    with pytest.raises(BackendError, match=r"^strict:cpu fails in training: no kernel; "):
        run(compress="on")


def _of(module, error):
    """Make a function that lies in a module and raises."""
    space = {"__name__": module}
    exec(f"def function(*arguments, **options):\n    raise {error}\n", space)
    return space["function"]


def test_a_callbacks_errors_stay_what_they_are(strict):
    def callback(progress):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match=r"^mine$"):
        run(callback=callback)


def test_errors_of_the_reference_stay_what_they_are(monkeypatch):
    import array_api_compat.numpy as xp

    monkeypatch.setattr(xp, "tanh", _of("numpy.core", "RuntimeError('mine')"))
    with pytest.raises(RuntimeError, match=r"^mine$"):
        run("numpy")


def test_a_step_is_tried(default_device):
    backend = get_backend(default_device.partition(":")[0])
    check = try_step(backend)
    assert (check.name, check.status) == (f"{backend.name}-step", "ok")


def test_another_function_is_seen(strict, monkeypatch):
    monkeypatch.setattr(strict, "tanh", lambda x: x)
    check = try_step(get_backend("strict"))
    assert check.detail == "a small training gave other numbers than NumPy's"
