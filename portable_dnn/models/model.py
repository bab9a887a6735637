"""A trained network with all that is needed to use it on a picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from portable_dnn.arrays.contract import Array, HostArray
from portable_dnn.arrays.devices import location_of, place, to_host
from portable_dnn.arrays.namespaces import dtype_name
from portable_dnn.arrays.shapes import check_parameters
from portable_dnn.errors import DataError
from portable_dnn.machine.memory import check_fits
from portable_dnn.network.pixels import flatten_images, scale_pixels
from portable_dnn.network.prediction import predict_probabilities

__all__ = ["Model", "Prediction", "classify", "model_input"]


@dataclass(frozen=True)
class Model:
    """A network, its classes and the pictures it takes.

    Attributes
    ----------
    parameters : mapping of str to array
        `W1, b1 … WL, bL`, on any device.
    hidden : tuple of str
        Activation of each hidden layer; see `get_activation`.
    class_names : tuple of str
        Name of class 0 and of class 1.
    image_shape : tuple of int
        (height, width, channels) of the pictures.
    provenance : mapping of str to object
        How the model came about, as plain data: settings, data fingerprint, versions.
    """

    parameters: Mapping[str, Array]
    hidden: tuple[str, ...]
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def layer_dims(self) -> tuple[int, ...]:
        """Sizes of the layers, `n_0 … n_L`."""
        return check_parameters(self.parameters)

    @property
    def dtype(self) -> str:
        """Name of the dtype in which the network computes."""
        return dtype_name(self.parameters["W1"])


class Prediction(NamedTuple):
    """What a model says of a picture.

    Attributes
    ----------
    class_name : str
        The class; class 1 if `probability` is above 0.5.
    probability : float
        Probability of class 1.
    """

    class_name: str
    probability: float


def model_input(images: HostArray, model: Model) -> Array:
    """Bring pictures to a model: as bytes to its device, there to floats of its dtype.

    Parameters
    ----------
    images : numpy.ndarray
        (m, height, width, channels), uint8, or floating from 0 to 1.
    model : Model
        Decides device, dtype and the size of a picture.

    Returns
    -------
    array
        X, (n_x, m).

    Raises
    ------
    DataError
        If the pictures are of another size than the model's.
    """
    if images.shape[1:] != model.image_shape:
        raise DataError(
            f"the pictures are {_size(images.shape[1:])}, but the model was trained on pictures "
            f"of {_size(model.image_shape)}"
        )
    itemsize = 8 if model.dtype == "float64" else 4
    check_fits(images.size * itemsize, f"{len(images)} pictures make")
    device = location_of(model.parameters)
    return scale_pixels(place(flatten_images(images), device), model.dtype)


def classify(images: HostArray, model: Model) -> list[Prediction]:
    """Say of each picture to which class it belongs.

    Parameters
    ----------
    images : numpy.ndarray
        (m, height, width, channels), uint8, or floating from 0 to 1.
    model : Model
        A trained network.

    Returns
    -------
    list of Prediction
        One for each picture.

    Raises
    ------
    DataError
        If the pictures are of another size than the model's.
    """
    AL = predict_probabilities(model_input(images, model), model.parameters, model.hidden)
    return [Prediction(model.class_names[int(p > 0.5)], float(p)) for p in to_host(AL).ravel()]


def _size(shape: tuple[int, ...]) -> str:
    """Write the shape of a picture."""
    return " x ".join(map(str, shape[:2])) + f" with {shape[2]} channels"
