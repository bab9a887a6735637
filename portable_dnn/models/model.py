"""A trained network with all that is needed to use it on a picture."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from portable_dnn.arrays.contract import Array, HostArray
from portable_dnn.arrays.devices import location_of, place, to_host
from portable_dnn.arrays.holding import holding_of
from portable_dnn.arrays.namespaces import dtype_name
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.arrays.shapes import check_parameters
from portable_dnn.errors import DataError
from portable_dnn.machine.memory import check_fits
from portable_dnn.network.pieces import piece_bytes, samples_a_piece, with_library
from portable_dnn.network.pixels import flatten_images, scale_pixels
from portable_dnn.network.prediction import predict_probabilities

__all__ = ["Model", "Prediction", "check_room_for", "classify", "model_input"]


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


def check_room_for(pictures: int, model: Model) -> None:
    """Refuse to run more pictures through a model than there is memory for, before they are read.

    Parameters
    ----------
    pictures : int
        How many.
    model : Model
        Which takes a piece of them at a time.

    Raises
    ------
    DataError
        If there is no memory for them and a piece.
    """
    _check_room(pictures, model, pictures * math.prod(model.image_shape))


def _check_room(pictures: int, model: Model, unread: int = 0) -> None:
    """Check that there is memory for a piece, and for bytes that are not read yet."""
    where = location_of(model.parameters)
    holding = holding_of(where)
    piece = piece_bytes(model.layer_dims, pictures, model.dtype, holding)
    check_fits(
        with_library(piece, holding) + unread,
        f"on {where}, {pictures} picture{'s' * (pictures != 1)} and the network make",
        where.backend.free_memory(where.name),
    )


def model_input(images: HostArray, model: Model) -> Iterator[Array]:
    """Bring pictures to a model, a piece at a time: as bytes to its device, there to its floats.

    Parameters
    ----------
    images : numpy.ndarray
        (m, height, width, channels), uint8, or floating from 0 to 1.
    model : Model
        Decides device, dtype and the size of a picture.

    Yields
    ------
    array
        (n_x, ·), the columns of X from left to right.

    Raises
    ------
    DataError
        If the pictures are of another size than the model's, or there is no memory for a piece.
    """
    if images.shape[1:] != model.image_shape:
        raise DataError(
            f"the pictures are {_size(images.shape[1:])}, but the model was trained on pictures "
            f"of {_size(model.image_shape)}"
        )
    _check_room(len(images), model)
    device = location_of(model.parameters)
    piece = samples_a_piece(model.layer_dims)
    for begin in range(0, len(images), piece):
        pixels = flatten_images(images[begin : begin + piece])
        yield scale_pixels(place(pixels, device), model.dtype)


@undisturbed
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
    # `map` lets go of a piece before it asks for the next.
    pieces = map(partial(_probabilities, model=model), model_input(images, model))
    return [
        Prediction(model.class_names[int(p > 0.5)], float(p)) for piece in pieces for p in piece
    ]


def _probabilities(X: Array, model: Model) -> HostArray:
    """Return the probabilities of a piece, on the host."""
    host: HostArray = to_host(predict_probabilities(X, model.parameters, model.hidden)).ravel()
    return host


def _size(shape: tuple[int, ...]) -> str:
    """Write the shape of a picture."""
    return " x ".join(map(str, shape[:2])) + f" with {shape[2]} channels"
