"""Training in the span of the samples gives the numbers of plain training."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_dnn import initialize_parameters_deep, place, to_host, train
from portable_dnn.arrays.devices import choose_device
from portable_dnn.arrays.namespaces import common_namespace
from portable_dnn.errors import SettingError
from portable_dnn.training import span

ACTIVATIONS = ["relu", "leaky_relu", "tanh", "sigmoid"]
STEPS = 12


@st.composite
def problems(draw):
    """Inputs of every kind: more or fewer samples than features, repeated ones, constant rows."""
    n_x, m = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    stream = np.random.RandomState(draw(st.integers(0, 10**6)))
    X = stream.uniform(size=(n_x, m))
    if draw(st.booleans()):
        X[:, stream.randint(m)] = X[:, 0]  # a sample twice
    if draw(st.booleans()):
        X[stream.randint(n_x)] = 1.0  # a feature that says nothing
    if draw(st.booleans()):
        X = X[:, :1] @ X[:1, :]  # rank 1
    hidden = draw(st.lists(st.sampled_from(ACTIVATIONS), max_size=2))
    dims = [n_x, *draw(st.lists(st.integers(1, 5), min_size=len(hidden), max_size=len(hidden))), 1]
    Y = stream.randint(0, 2, (1, m))
    return X, Y, initialize_parameters_deep(dims, seed=stream.randint(1000)), hidden


def both(X, Y, parameters, device, hidden="relu", dtype=None, **options):
    X, parameters = (place(x, device, dtype=dtype) for x in (X, parameters))
    Y = place(Y, device)
    return tuple(
        train(X, Y, parameters, hidden=hidden, compress=compress, **options)
        for compress in ("off", "on")
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(problem=problems())
def test_the_numbers_are_those_of_plain_training(device, problem):
    X, Y, start, hidden = problem
    plain, spanned = both(
        X, Y, start, device, hidden, learning_rate=0.1, num_iterations=STEPS, record_every=1
    )
    assert (plain.history.compressed, spanned.history.compressed) == (False, True)
    # A step rounds sums of at most 12 terms in each of at most three layers, forward and backward,
    # of numbers of order 1; the rate of 0.1 lets errors add up, not grow.
    bound = STEPS * 100 * np.finfo(np.float64).eps
    for name, array in to_host(plain.parameters).items():
        got = to_host(spanned.parameters[name])
        assert (got.shape, got.dtype) == (array.shape, array.dtype)
        np.testing.assert_allclose(got, array, rtol=bound, atol=bound)
    np.testing.assert_allclose(spanned.history.cost, plain.history.cost, rtol=bound, atol=bound)
    assert spanned.history.dead_share == plain.history.dead_share
    assert spanned.history.start_hash == plain.history.start_hash
    for got, norms in zip(spanned.history.gradient_norm, plain.history.gradient_norm, strict=True):
        assert list(got) == list(norms)
        # The norm of dW1 is the root of a sum that can cancel to 0: half the digits are safe.
        np.testing.assert_allclose(list(got.values()), list(norms.values()), atol=bound**0.5)


@pytest.fixture
def wide(random):
    """Many more features than samples."""
    start = initialize_parameters_deep([3000, 6, 4, 1])
    X, Y = random.uniform(size=(3000, 20)), random.randint(0, 2, (1, 20))
    return SimpleNamespace(X=X, Y=Y, start=start)


def test_float32_stays_float32_and_close_to_plain(device, wide):
    plain, spanned = both(
        wide.X, wide.Y, wide.start, device, dtype="float32", num_iterations=5, record_every=1
    )
    # 3000 products a sum, each rounded in float32, of numbers of order 1.
    bound = 3000 * np.finfo(np.float32).eps
    np.testing.assert_allclose(spanned.history.cost, plain.history.cost, rtol=bound)
    assert to_host(spanned.parameters["W1"]).dtype == np.float32


def test_a_callback_sees_ordinary_parameters(default_device, wide):
    seen = []
    plain, _ = both(wide.X, wide.Y, wide.start, default_device, num_iterations=3)
    X, Y, start = (place(x, default_device) for x in (wide.X, wide.Y, wide.start))
    train(
        X, Y, start, num_iterations=3, compress="on", callback=lambda p: seen.append(p.parameters)
    )
    assert [set(parameters) for parameters in seen] == [set(start)] * 3
    np.testing.assert_allclose(
        to_host(seen[-1]["W1"]), to_host(plain.parameters["W1"]), rtol=0, atol=1e-13
    )


def test_products_of_pixels_are_exact_on_every_library(device, random):
    images = random.randint(0, 256, (3000, 20)).astype(np.uint8)
    start = place(initialize_parameters_deep([3000, 2, 1]), device)
    X = place(images, device)
    held = span.hold(X, start, xp=common_namespace({"W1": start["W1"]}))
    whole = images.astype(np.int64).T @ images.astype(np.int64)
    # One division, one sum, each rounded once: XLA divides by multiplying with a rounded inverse.
    expected = whole / 255**2 + 1.0
    np.testing.assert_allclose(to_host(held.data.X), expected, rtol=2 * np.finfo(float).eps, atol=0)


def test_input_and_start_are_left_as_they_are(wide):
    for array in (wide.X, wide.Y, *wide.start.values()):
        array.flags.writeable = False
    train(wide.X, wide.Y, wide.start, num_iterations=3, compress="on")


def chosen(n_x, m, num_iterations, compress="auto", device=None):
    X = np.broadcast_to(np.float64(0.0), (n_x, m))
    parameters = {"W1": np.broadcast_to(np.float64(0.0), (20, n_x))}
    return span.choose(compress, X, parameters, num_iterations, device or choose_device("cpu"))


def test_auto_takes_the_span_where_it_is_less_work():
    assert chosen(12288, 209, 2500)
    assert chosen(12288, 209, 10)
    assert not chosen(12288, 209, 1)  # the way in is not paid back
    assert not chosen(100, 100, 2500)  # no fewer samples than features
    assert not chosen(2, 209, 2500)
    assert not chosen(12288, 12000, 5)


def test_work_counts_every_product():
    plain, spanned = span.work(n_x=7, m=3, n_1=2, num_iterations=5)
    assert plain == 5 * (2 * 2 * 7 * 3) * 2
    assert spanned == 5 * (2 * 2 * 3 * 3) + 3 * 3 * 7 + 2 * (2 * 2 * 7 * 3)


def test_memory_that_is_not_there(monkeypatch):
    device = choose_device("cpu")
    monkeypatch.setattr(device.backend, "free_memory", lambda name: 2 * 8 * 209**2 - 1)
    assert not chosen(12288, 209, 2500, device=device)
    with pytest.raises(SettingError, match=r"products of 209 samples .* GiB are free"):
        chosen(12288, 209, 2500, "on", device)


def test_off_and_unknown():
    assert not chosen(12288, 209, 2500, "off")
    with pytest.raises(SettingError, match="unknown compression 'maybe'; use auto, on or off"):
        chosen(12288, 209, 2500, "maybe")
