"""Using a trained network: probabilities, classes, accuracy."""

import math
from collections.abc import Mapping

from portable_dnn.arrays.contract import Array, Parameters
from portable_dnn.arrays.namespaces import common_namespace
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.arrays.shapes import check_labels
from portable_dnn.errors import DTypeError, ShapeError
from portable_dnn.network.activations import Hidden
from portable_dnn.network.heads import SIGMOID
from portable_dnn.network.passes import L_model_forward, check_network

__all__ = ["accuracy", "predict", "predict_probabilities"]


@undisturbed
def predict_probabilities(X: Array, parameters: Parameters, hidden: Hidden = "relu") -> Array:
    """Probability of class 1 for each sample.

    Parameters
    ----------
    X : array
        Input, (n_x, m), floating.
    parameters : mapping of str to array
        `W1, b1 … WL, bL`, on the device and in the dtype of X.
    hidden : str, Activation or sequence of these
        What the network was trained with.

    Returns
    -------
    array
        (n_L, m), in [0, 1].

    Raises
    ------
    SettingError
        If an activation is unknown.
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import predict_probabilities
    >>> parameters = {"W1": np.array([[1.0, -1.0]]), "b1": np.array([[0.0]])}
    >>> X = np.array([[3.0, 0.0, 2.0], [0.0, 3.0, 2.0]])
    >>> predict_probabilities(X, parameters).round(3)
    array([[0.953, 0.047, 0.5  ]])
    """
    return L_model_forward(X, parameters, hidden)[0]


@undisturbed
def predict(X: Array, parameters: Parameters, hidden: Hidden = "relu") -> Array:
    """Class of each sample: 1 where the probability is above 0.5, else 0.

    NaN is not above 0.5, so that the class is 0 where X or the parameters hold NaN.
    `predict_probabilities` shows where that is.

    Parameters
    ----------
    X, parameters, hidden
        As for `predict_probabilities`.

    Returns
    -------
    array
        (n_L, m), int32, on the device of X.

    Raises
    ------
    SettingError, ShapeError, DTypeError, DeviceError
        As for `predict_probabilities`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import predict
    >>> parameters = {"W1": np.array([[1.0, -1.0]]), "b1": np.array([[0.0]])}
    >>> X = np.array([[3.0, 0.0, 2.0], [0.0, 3.0, 2.0]])
    >>> predict(X, parameters)
    array([[1, 0, 0]], dtype=int32)
    """
    if isinstance(hidden, Mapping):
        raise ShapeError(
            "the parameters are the second argument here, as in predict(X, parameters); "
            "accuracy(predict(X, parameters), Y) is the share that is right"
        )
    xp, _ = check_network(X, parameters)
    return SIGMOID.decide(L_model_forward(X, parameters, hidden, xp=xp)[0], xp=xp)


@undisturbed
def accuracy(predictions: Array, Y: Array) -> float:
    """Share of predictions that are right.

    Parameters
    ----------
    predictions : array
        Classes 0 or 1, (n_L, m), as `predict` returns them.
    Y : array
        Labels 0 or 1, same shape, any real dtype.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other, or the predictions are probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import accuracy
    >>> accuracy(np.array([[1, 0, 1, 1]]), np.array([[1, 0, 0, 1]]))
    0.75
    """
    xp = common_namespace({}, {"predictions": predictions, "Y": Y})
    if xp.isdtype(predictions.dtype, "real floating"):
        raise DTypeError("predictions are floats; give the classes that predict() returns")
    if predictions.ndim != 2 or 0 in predictions.shape:
        raise ShapeError(
            f"predictions have shape {tuple(predictions.shape)}; (n_L, m) would be right, one "
            "column for each sample"
        )
    check_labels(Y, *predictions.shape)
    right = xp.astype(predictions, Y.dtype) == Y
    return int(xp.count_nonzero(right)) / int(math.prod(predictions.shape))
