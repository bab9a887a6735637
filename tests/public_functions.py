"""Every public function, called with given arrays: a new one must be put into the table."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from portable_dnn import initialize_parameters_deep
from portable_dnn.models.model import Model

__all__ = ["CALLS", "WITHOUT_ARRAYS", "arguments"]

DIMS = [6, 4, 1]


def arguments(change: Any = lambda array: array) -> SimpleNamespace:
    """Make the arrays of a call, each changed."""
    random = np.random.RandomState(20)
    arrays = {
        "X": random.uniform(size=(6, 5)),
        "Y": np.array([[0, 1, 1, 0, 1]]),
        "Z": random.uniform(-1, 1, (4, 5)),
        "z": random.uniform(-1, 1, (1, 5)),
        "A": random.uniform(0, 1, (1, 5)),
        "pixels": random.randint(0, 256, (2, 2, 3, 3)).astype(np.uint8),
    }
    start = {name: change(array) for name, array in initialize_parameters_deep(DIMS).items()}
    return SimpleNamespace(**{n: change(a) for n, a in arrays.items()}, start=start)


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
    "compute_cost": lambda p, x, path: p.compute_cost(x.A, x.Y),
    "compute_cost_from_logits": lambda p, x, path: p.compute_cost_from_logits(x.z, x.Y),
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
