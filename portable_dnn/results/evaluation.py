"""How well a model classifies labelled pictures."""

import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np

from portable_dnn.arrays.contract import Array, HostArray
from portable_dnn.arrays.devices import location_of, place, to_host
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.data.dataset import DataSet, ImageSet
from portable_dnn.errors import DataError, PortableDnnWarning
from portable_dnn.models.model import Model, model_input
from portable_dnn.network.losses import compute_cost_from_logits
from portable_dnn.network.passes import L_model_forward

__all__ = ["Evaluation", "check_same_classes", "evaluate"]


@dataclass(frozen=True)
class Evaluation:
    """How well a model does on a set of pictures.

    Attributes
    ----------
    pictures, wrong : int
        How many there are, and how many of them it calls wrongly.
    accuracy : float
        Share of right answers, 0 to 1.
    cost : float
        Cross-entropy, in nats.
    probabilities : numpy.ndarray
        Probability of class 1 of each picture, (pictures,).
    """

    pictures: int
    wrong: int
    accuracy: float
    cost: float
    probabilities: HostArray


@undisturbed
def evaluate(pictures: ImageSet, model: Model) -> Evaluation:
    """Measure accuracy and cost of a model on labelled pictures.

    Parameters
    ----------
    pictures : ImageSet
        Pictures and labels.
    model : Model
        A trained network.

    Returns
    -------
    Evaluation

    Raises
    ------
    DataError
        If the pictures are of another size than the model's.
    """
    # `map` lets go of a piece before it asks for the next.
    found = list(map(partial(_logits, model=model), model_input(pictures.images, model)))
    logits, probabilities = zip(*found, strict=True)
    device = location_of(model.parameters)
    Y = place(pictures.labels.reshape(1, -1), device)
    Z = device.backend.namespace().concat(logits, axis=1)
    said = np.concatenate(probabilities)
    wrong = int(((said > 0.5) != pictures.labels).sum())
    total = len(said)
    cost = float(compute_cost_from_logits(Z, Y))
    return Evaluation(total, wrong, (total - wrong) / total, cost, said)


def _logits(X: Array, model: Model) -> tuple[Array, HostArray]:
    """Return the logits of a piece, where they are, and its probabilities on the host."""
    AL, caches = L_model_forward(X, model.parameters, model.hidden)
    return caches[-1].activation, to_host(AL).ravel()


def check_same_classes(model: Model, data: DataSet) -> None:
    """Refuse data whose classes are the model's the other way round, and warn of other names.

    Parameters
    ----------
    model : Model
        A trained network.
    data : DataSet
        The data that it is to be evaluated on.

    Raises
    ------
    DataError
        If class 0 of the one is class 1 of the other.

    Warns
    -----
    PortableDnnWarning
        If the names differ otherwise.
    """
    if data.class_names == model.class_names:
        return
    ours, theirs = (" and ".join(map(repr, c.class_names)) for c in (model, data))
    if data.class_names == model.class_names[::-1]:
        raise DataError(
            f"class 0 and class 1 are {ours} for the model, but {theirs} in {data.source}; the "
            "labels would mean the opposite"
        )
    warnings.warn(
        f"class 0 and class 1 are {ours} for the model, but {theirs} in {data.source}",
        PortableDnnWarning,
        stacklevel=2,
    )
