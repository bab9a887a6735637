"""The course's two programs, under their names and with their signatures."""

from collections.abc import Sequence

from portable_dnn.arrays.contract import Array, Parameters
from portable_dnn.arrays.devices import backend_of, location_of, place
from portable_dnn.arrays.namespaces import dtype_name
from portable_dnn.arrays.shapes import check_layer_dims
from portable_dnn.errors import SettingError, ShapeError
from portable_dnn.network.activations import Hidden
from portable_dnn.network.initializers import initialize_parameters, initialize_parameters_deep
from portable_dnn.setting_checks import FLOATS, check_flag
from portable_dnn.training.train import Progress, train

__all__ = ["L_layer_model", "two_layer_model"]


def L_layer_model(
    X: Array,
    Y: Array,
    layers_dims: Sequence[int],
    learning_rate: float = 0.0075,
    num_iterations: int = 3000,
    print_cost: bool = False,
    *,
    hidden: Hidden = "relu",
    initialization: str = "lecun",
    seed: int = 1,
) -> tuple[dict[str, Array], list[float]]:
    """Train a deep network, as the course's function of this name does.

    Parameters
    ----------
    X : array
        Input, (n_x, m), floating; or uint8 pixels, taken as X / 255 in float64.
    Y : array
        Labels 0 or 1, (n_L, m).
    layers_dims : sequence of int
        `n_0 … n_L`: input features, units of each hidden layer, outputs.
    learning_rate, num_iterations
        As for `train`.
    print_cost : bool
        Whether to print the cost every 100 iterations.
    hidden : str, Activation or sequence of these
        Activation of all hidden layers, or one for each.
    initialization, seed
        As for `initialize_parameters_deep`.

    Returns
    -------
    parameters : dict of str to array
        `W1, b1 … WL, bL`, on the device of X and in the run's dtype.
    costs : list of float
        The cost every 100 iterations, from iteration 0.

    Raises
    ------
    SettingError, DataError, ShapeError, DTypeError, DeviceError, DivergenceError
        As for `train`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import L_layer_model, predict
    >>> X, Y = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]), np.array([[0, 1, 1, 0]])
    >>> parameters, costs = L_layer_model(X, Y, [2, 4, 1], 1.0, num_iterations=200, hidden="tanh")
    >>> predict(X, parameters, "tanh")  # exclusive or
    array([[0, 1, 1, 0]], dtype=int32)
    """
    check_flag(print_cost, "print_cost")
    _check_sizes(check_layer_dims(layers_dims), X, Y)
    start = initialize_parameters_deep(layers_dims, method=initialization, seed=seed)
    return _model(X, Y, start, learning_rate, num_iterations, print_cost, hidden)


def two_layer_model(
    X: Array,
    Y: Array,
    layers_dims: Sequence[int],
    learning_rate: float = 0.0075,
    num_iterations: int = 3000,
    print_cost: bool = False,
    *,
    hidden: Hidden = "relu",
    initialization: str = "small",
    seed: int = 1,
) -> tuple[dict[str, Array], list[float]]:
    """Train a network with one hidden layer, as the course's function of this name does.

    Parameters
    ----------
    X : array
        As for `L_layer_model`.
    Y : array
        Labels 0 or 1, (n_y, m).
    layers_dims : (n_x, n_h, n_y)
        Input features, hidden units, outputs.
    learning_rate, num_iterations, print_cost, hidden
        As for `L_layer_model`.
    initialization, seed
        As for `initialize_parameters`.

    Returns
    -------
    parameters : dict of str to array
        `W1, b1, W2, b2`, on the device of X and in the run's dtype.
    costs : list of float
        The cost every 100 iterations, from iteration 0.

    Raises
    ------
    SettingError, DataError, ShapeError, DTypeError, DeviceError, DivergenceError
        As for `train`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import two_layer_model
    >>> X, Y = np.array([[-1.0, 0.0, 1.0]]), np.array([[0, 0, 1]])
    >>> parameters, costs = two_layer_model(X, Y, (1, 2, 1), 1.0, 101, print_cost=True)
    Cost after iteration 0: 0.693...
    Cost after iteration 100: 0.004...
    """
    check_flag(print_cost, "print_cost")
    dims = check_layer_dims(layers_dims)
    if len(dims) != 3:
        raise SettingError(
            f"layer sizes {layers_dims}: (n_x, n_h, n_y) would be right for two layers; "
            "L_layer_model takes any number"
        )
    n_x, n_h, n_y = dims
    _check_sizes(dims, X, Y, hidden=(n_h,))
    start = initialize_parameters(n_x, n_h, n_y, method=initialization, seed=seed)
    return _model(X, Y, start, learning_rate, num_iterations, print_cost, hidden)


def _check_sizes(
    dims: tuple[int, ...], X: Array, Y: Array, hidden: tuple[int, ...] | None = None
) -> None:
    """Refuse what is no array, and the hidden layers' sizes alone, the command line's form."""
    for name, array in (("X", X), ("Y", Y)):
        backend_of(array, name)
    if not (getattr(X, "ndim", 0) == getattr(Y, "ndim", 0) == 2 and X.shape[1] == Y.shape[1]):
        return  # what is wrong with the arrays is said where they are checked
    n_x, n_y = X.shape[0], Y.shape[0]
    begins, ends = dims[0] == n_x, dims[-1] == n_y
    if not (begins and ends):
        hidden = hidden or dims[int(begins) : len(dims) - int(ends)]
        raise ShapeError(
            f"the layer sizes {list(dims)} must begin with the {n_x} features of X and end with "
            f"the {n_y} row{'s' * (n_y != 1)} of Y: {[n_x, *hidden, n_y]} would be right"
        )


def _model(
    X: Array,
    Y: Array,
    start: Parameters,
    learning_rate: float,
    num_iterations: int,
    print_cost: bool,
    hidden: Hidden,
) -> tuple[dict[str, Array], list[float]]:
    """Place the start where X is, and train."""
    dtype = dtype_name(X) if dtype_name(X) in FLOATS else "float64"  # pixels; others are refused
    parameters = place(start, location_of(X), dtype=dtype)

    def show(progress: Progress) -> None:
        if progress.record is not None:
            print(f"Cost after iteration {progress.iteration}: {progress.record.cost}")  # noqa: T201

    trained = train(
        X,
        Y,
        parameters,
        hidden=hidden,
        learning_rate=learning_rate,
        num_iterations=num_iterations,
        callback=show if print_cost else None,
    )
    return trained.parameters, trained.history.cost
