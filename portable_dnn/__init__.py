"""A deep neural network that gives the same numbers on every array library."""

from portable_dnn.activations import (
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from portable_dnn.data.features import flatten_images, scale_pixels
from portable_dnn.devices import choose_device, device_of, place, to_host
from portable_dnn.gradient_check import gradient_check
from portable_dnn.initializers import (
    initialize_parameters,
    initialize_parameters_deep,
    parameters_hash,
)
from portable_dnn.layers import (
    linear_activation_backward,
    linear_activation_forward,
    linear_backward,
    linear_forward,
)
from portable_dnn.losses import compute_cost, compute_cost_from_logits
from portable_dnn.network import L_model_backward, L_model_forward
from portable_dnn.optimizers import update_parameters
from portable_dnn.prediction import accuracy, predict, predict_probabilities
from portable_dnn.shapes import summary
from portable_dnn.training import L_layer_model, train, two_layer_model

__all__ = [
    "L_layer_model",
    "L_model_backward",
    "L_model_forward",
    "accuracy",
    "choose_device",
    "compute_cost",
    "compute_cost_from_logits",
    "device_of",
    "flatten_images",
    "gradient_check",
    "initialize_parameters",
    "initialize_parameters_deep",
    "leaky_relu",
    "leaky_relu_backward",
    "linear_activation_backward",
    "linear_activation_forward",
    "linear_backward",
    "linear_forward",
    "parameters_hash",
    "place",
    "predict",
    "predict_probabilities",
    "relu",
    "relu_backward",
    "scale_pixels",
    "sigmoid",
    "sigmoid_backward",
    "summary",
    "tanh",
    "tanh_backward",
    "to_host",
    "train",
    "two_layer_model",
    "update_parameters",
]
