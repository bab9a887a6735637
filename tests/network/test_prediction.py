"""Probabilities, classes and the share that is right."""

import numpy as np
import pytest

from portable_dnn import accuracy, device_of, place, predict, predict_probabilities, to_host
from portable_dnn.errors import DTypeError, PortableDnnError, ShapeError


def test_probabilities_are_the_textbook(device, dtype, close, make_network, textbook):
    net = make_network((3, 5, 2), 7, device, dtype)
    expected, _ = textbook.forward(net.host.X, net.host.parameters, ["tanh", "sigmoid"])
    close(predict_probabilities(net.X, net.parameters, "tanh"), expected, device, dtype, terms=12)
    classes = predict(net.X, net.parameters, hidden=["tanh"])
    np.testing.assert_array_equal(to_host(classes), (expected > 0.5).astype(int))
    assert to_host(classes).dtype == np.int32
    assert device_of(classes) == device


def test_exactly_one_half_is_class_0(device, dtype):
    tiny = float(np.finfo(dtype).eps) * 4  # σ(4 eps) = 0.5 + eps, the next but one above 0.5
    X = place(np.array([[0.0, tiny, -tiny]], dtype=dtype), device)
    parameters = place({"W1": np.ones((1, 1)), "b1": np.zeros((1, 1))}, device, dtype=dtype)
    assert to_host(predict_probabilities(X, parameters))[0, 0] == 0.5
    assert to_host(predict(X, parameters)).tolist() == [[0, 1, 0]]


@pytest.mark.parametrize("label_dtype", ["uint8", "int64", "float32", "float64"])
def test_accuracy(label_dtype, device):
    predictions = place(np.array([[1, 0, 1, 1, 0]], dtype=np.int32), device)
    labels = np.array([[1, 1, 1, 0, 0]], dtype=label_dtype)
    share = accuracy(predictions, place(labels, device))
    assert share == 3 / 5
    assert type(share) is float


def test_accuracy_is_exact_for_many_samples(default_device):
    predictions = np.zeros((1, 30_000), dtype=np.int32)
    labels = predictions.copy()
    labels[0, :7] = 1
    share = accuracy(place(predictions, default_device), place(labels, default_device))
    assert share == 29_993 / 30_000


def test_what_accuracy_refuses(default_device):
    classes = place(np.array([[1, 0]], dtype=np.int32), default_device)
    with pytest.raises(DTypeError, match=r"floats; give the classes that predict\(\) returns"):
        accuracy(place(np.array([[0.9, 0.1]]), default_device), classes)
    with pytest.raises(ShapeError, match=r"Y has shape \(2, 1\), but there are 2 samples and 1 ou"):
        accuracy(classes, place(np.array([[1], [0]]), default_device))


def test_accuracy_refuses_rows_without_samples(default_device):
    # One sentence, not a TypeError or a ZeroDivisionError from inside.
    for shape in ((2,), (), (1, 0)):
        classes = place(np.ones(shape, dtype=np.int32), default_device)
        with pytest.raises(PortableDnnError):
            accuracy(classes, classes)
