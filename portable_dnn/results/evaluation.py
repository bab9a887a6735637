"""How well a model classifies labelled pictures."""

import warnings
from dataclasses import dataclass

from portable_dnn.arrays.contract import Array, HostArray
from portable_dnn.arrays.devices import Device, location_of, place, to_host
from portable_dnn.data.dataset import DataSet, ImageSet
from portable_dnn.errors import DataError, PortableDnnWarning
from portable_dnn.models.model import Model, model_input
from portable_dnn.network.losses import compute_cost_from_logits
from portable_dnn.network.passes import L_model_forward

__all__ = ["Evaluation", "check_same_classes", "evaluate", "evaluate_input", "place_labels"]


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
    X = model_input(pictures.images, model)
    return evaluate_input(X, place_labels(pictures, location_of(X)), model)


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


def evaluate_input(X: Array, Y: Array, model: Model) -> Evaluation:
    """Measure accuracy and cost of a model on input that is on its device already.

    Parameters
    ----------
    X, Y : array
        Input, (n_x, m), in the model's dtype, and labels, (1, m).
    model : Model
        A trained network.

    Returns
    -------
    Evaluation
    """
    AL, caches = L_model_forward(X, model.parameters, model.hidden)
    probabilities = to_host(AL).ravel()
    wrong = int(((probabilities > 0.5) != to_host(Y).ravel()).sum())
    cost = float(compute_cost_from_logits(caches[-1].activation, Y))
    total = len(probabilities)
    return Evaluation(total, wrong, (total - wrong) / total, cost, probabilities)


def place_labels(pictures: ImageSet, device: Device) -> Array:
    """Bring labels to a device, as a row.

    Parameters
    ----------
    pictures : ImageSet
        m labelled pictures.
    device : Device
        Where to.

    Returns
    -------
    array
        (1, m), int64.
    """
    return place(pictures.labels.reshape(1, -1), device)
