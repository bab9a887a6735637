"""A deep neural network that gives the same numbers on every array library."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from portable_dnn.arrays.devices import choose_device, device_of, place, to_host
from portable_dnn.arrays.shapes import summary, summary_table
from portable_dnn.course import L_layer_model, two_layer_model
from portable_dnn.errors import PortableDnnError
from portable_dnn.network.activations import (
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from portable_dnn.network.gradient_check import gradient_check
from portable_dnn.network.initializers import (
    initialize_parameters,
    initialize_parameters_deep,
    parameters_hash,
)
from portable_dnn.network.layers import (
    linear_activation_backward,
    linear_activation_forward,
    linear_backward,
    linear_forward,
)
from portable_dnn.network.losses import compute_cost, compute_cost_from_logits
from portable_dnn.network.passes import L_model_backward, L_model_forward
from portable_dnn.network.pixels import flatten_images, scale_pixels
from portable_dnn.network.prediction import accuracy, predict, predict_probabilities
from portable_dnn.training.optimizers import update_parameters
from portable_dnn.training.settings import Settings
from portable_dnn.training.train import train

if TYPE_CHECKING:
    from portable_dnn.models.store import load_model, save_model

__version__ = version("portable_dnn")

__all__ = [
    "L_layer_model",
    "L_model_backward",
    "L_model_forward",
    "PortableDnnError",
    "Settings",
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
    "load_model",
    "parameters_hash",
    "place",
    "predict",
    "predict_probabilities",
    "relu",
    "relu_backward",
    "save_model",
    "scale_pixels",
    "sigmoid",
    "sigmoid_backward",
    "summary",
    "summary_table",
    "tanh",
    "tanh_backward",
    "to_host",
    "train",
    "two_layer_model",
    "update_parameters",
]


def __getattr__(name: str) -> Any:
    """Import the model file's functions when they are asked for: they bring h5py."""
    if name in ("load_model", "save_model"):
        from portable_dnn.models import store

        return getattr(store, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
