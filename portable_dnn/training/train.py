"""The training loop: full-batch gradient descent, the same on every backend."""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from portable_dnn.arrays.contract import Array, Measurements, Namespace, Parameters
from portable_dnn.arrays.devices import location_of, place
from portable_dnn.arrays.namespaces import dtype_name
from portable_dnn.arrays.shapes import check_layer_dims
from portable_dnn.errors import DataError, DivergenceError, SettingError
from portable_dnn.files.text import shortened
from portable_dnn.network.activations import Hidden, hidden_activations
from portable_dnn.network.initializers import (
    initialize_parameters,
    initialize_parameters_deep,
    parameters_hash,
)
from portable_dnn.network.passes import check_network
from portable_dnn.network.pixels import are_pixels, scale_pixels
from portable_dnn.setting_checks import check_count
from portable_dnn.training import span
from portable_dnn.training.first_layer import Held, hold
from portable_dnn.training.history import History, Record, to_record
from portable_dnn.training.loop import Steps, first_not_finite, iterate, measure_once
from portable_dnn.training.optimizers import check_learning_rate
from portable_dnn.training.state import Snapshot, array_hash, place_state
from portable_dnn.training.step import make_step

__all__ = ["L_layer_model", "Progress", "TrainedNetwork", "train", "two_layer_model"]


@dataclass(slots=True)
class Progress:
    """Where a run stands after an update.

    Attributes
    ----------
    iteration : int
        Number of updates made before the last one, from 0.
    record : Record or None
        What was measured in this iteration, if it was one to be recorded.
    """

    iteration: int
    record: Record | None
    _state: dict[str, Array]
    _run: "_Run"

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters after the update, on the device; worked out when asked for."""
        return self._run.parameters_of(self._state)

    @property
    def cost(self) -> float:
        """The cost after the update; worked out when asked for."""
        return float(measure_once(self._run.steps, self._state)["cost"])

    @property
    def is_recorded_next(self) -> bool:
        """Whether the run itself looks at the cost after the update, in its next iteration."""
        return (self.iteration + 1) % self._run.record_every == 0

    @property
    def snapshot(self) -> Snapshot:
        """The run as it stands, to go on from with `train(…, begin=snapshot)`."""
        history = self._run.history.copy()
        return Snapshot(self.iteration + 1, self._state, history, self._run.products_hash())


class TrainedNetwork(NamedTuple):
    """What a run gives back.

    Attributes
    ----------
    parameters : dict of str to array
        `W1, b1 … WL, bL`, on the device of X.
    history : History
        What happened.
    """

    parameters: dict[str, Array]
    history: History


def train(
    X: Array,
    Y: Array,
    parameters: Parameters,
    *,
    hidden: Hidden = "relu",
    learning_rate: float = 0.0075,
    num_iterations: int = 2500,
    record_every: int = 100,
    compress: str = "auto",
    callback: Callable[[Progress], object] | None = None,
    callback_seconds: float = 0.0,
    begin: Snapshot | None = None,
    stop_every: int | None = None,
) -> TrainedNetwork:
    """Train a network from given start parameters.

    Parameters
    ----------
    X : array
        Input, (n_x, m); its library and device decide where the run computes. Floating, in the
        dtype of the parameters; or uint8 pixels, taken as X / 255, of which a compressed run makes
        no floating copy.
    Y : array
        Labels 0 or 1, (n_L, m), any real dtype.
    parameters : mapping of str to array
        Start parameters, on the device of X; not changed. Their dtype is the run's precision.
    hidden : str, Activation or sequence of these
        Activation of all hidden layers, or one for each.
    learning_rate : float
        α, above 0.
    num_iterations : int
        Number of updates.
    record_every : int
        Iterations 0, `record_every`, 2 · `record_every` … are measured and recorded; only then
        does the host wait for the device.
    compress : {"auto", "on", "off"}
        Whether to train layer 1 in the span of the samples (see `span`): the same numbers up to
        rounding, and many times faster with more features than samples. "auto" does where it pays.
    callback : callable, optional
        Called with a `Progress` after every update.
    callback_seconds : float
        Call it only after recorded iterations and about every so many seconds in between, so that
        a library which can keep many updates on the device does.

    Returns
    -------
    TrainedNetwork
        `(parameters, history)`.

    Raises
    ------
    DivergenceError
        If the cost is not a finite number at a recorded iteration or at the end; the message
        names the first iteration at which it was not, and what to try.
    SettingError
        If a setting is outside what is allowed, or `begin` is of another run.
    DataError
        If a label is neither 0 nor 1.
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other.

    Warns
    -----
    UserWarning
        If the products of the samples are rounded otherwise than where `begin` was made.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import initialize_parameters, train
    >>> X, Y = np.array([[-1.0, 0.0, 1.0]]), np.array([[0, 0, 1]])
    >>> start = initialize_parameters(1, 2, 1)
    >>> parameters, history = train(X, Y, start, learning_rate=1.0, num_iterations=200)
    >>> history.iteration
    [0, 100]
    >>> history.final_cost < history.cost[1] < history.cost[0]
    True
    """
    xp, dims = check_network(X, parameters, Y, pixels=True)
    activations = hidden_activations(hidden, len(dims) - 2)
    learning_rate = check_learning_rate(learning_rate)
    check_count(num_iterations, "number of iterations")
    check_count(record_every, "interval between records")
    if stop_every is not None:
        check_count(stop_every, "interval between stops")
    Y = xp.astype(Y, parameters["W1"].dtype, copy=False)
    _check_labels_binary(Y, xp)
    device = location_of(X)
    start_hash = parameters_hash(parameters)
    if begin is None:
        compressed = span.choose(compress, X, parameters, num_iterations, device)
    else:
        compressed = _check_begin(begin, start_hash, num_iterations, record_every, parameters)
    held = _hold(X, parameters, compressed=compressed, xp=xp)
    history = History(start_hash, compressed) if begin is None else begin.history.copy()
    measured, plain = (
        device.backend.compile(
            make_step(activations, learning_rate, measured=measured, xp=xp, first=held.first)
        )
        for measured in (True, False)
    )
    steps = Steps(measured, plain, held.data, 1.0 - 2.0 * Y)
    run = _Run(steps, held.parameters_of, learning_rate, record_every, history)
    state, done = held.state, 0
    if begin is not None:
        state, done = place_state(begin, held.state, device), begin.iteration
        _check_products(begin, run)
    look_every = None if callback is None else callback_seconds
    stops = iterate(
        steps,
        state,
        num_iterations,
        record_every,
        look_every,
        begin=done,
        stop_every=stop_every,
        synchronize=partial(device.backend.synchronize, device.name),
    )
    return _follow(run, state, done, stops, callback or _nothing)


def _hold(X: Array, parameters: Parameters, *, compressed: bool, xp: Namespace) -> Held:
    """Hold layer 1 in the span of the samples, or by its weights, and then of floating input."""
    if compressed:
        return span.hold(X, parameters, xp=xp)
    if are_pixels(X):
        X = scale_pixels(X, dtype_name(parameters["W1"]))
    return hold(X, parameters, xp=xp)


def _check_begin(
    begin: Snapshot,
    start_hash: str,
    num_iterations: int,
    record_every: int,
    parameters: Parameters,
) -> bool:
    """Refuse a snapshot of another run; return whether that run was compressed."""
    if begin.history.start_hash != start_hash:
        raise SettingError(
            "the snapshot is of a run with other start parameters; give those that it began from"
        )
    if begin.iteration > num_iterations:
        raise SettingError(
            f"the snapshot has {begin.iteration} iterations behind it, but the run is to have "
            f"{num_iterations}; as many or more would be right"
        )
    history = begin.history
    expected = range(0, begin.iteration, record_every)
    columns = (history.iteration, history.cost, history.dead_share, history.gradient_norm)
    if {len(column) for column in columns} != {len(expected)} or any(
        number != wanted for number, wanted in zip(history.iteration, expected, strict=True)
    ):
        raise SettingError(
            f"the snapshot has {len(history.iteration)} records, but {begin.iteration} iterations "
            f"with a record every {record_every} have {len(expected)}, the first of iteration 0; "
            "go on with the interval between records that it began with"
        )
    names = history.gradient_norm.names
    hidden = {len(shares) for shares in history.dead_share}
    if (expected and set(names) != set(parameters)) or not hidden <= {len(parameters) // 2 - 1}:
        raise SettingError(
            f"the snapshot's records are of a network with {shortened(', '.join(names))} and "
            f"{max(hidden, default=0)} hidden layers, but this run's has {', '.join(parameters)} "
            f"and {len(parameters) // 2 - 1}; go on with the network that the snapshot is of"
        )
    return history.compressed


def _check_products(begin: Snapshot, run: "_Run") -> None:
    """Say so if the products of the samples are not bit for bit those the run began with."""
    if begin.products_hash != run.products_hash():
        warnings.warn(
            "the products of the pictures with each other are rounded otherwise here than where "
            "the run began (another machine, library or number of threads): the numbers are equal "
            "up to rounding from here on",
            UserWarning,
            stacklevel=3,
        )


@dataclass(slots=True)
class _Run:
    """What stays the same during a run, and its history."""

    steps: Steps
    parameters_of: Callable[[Parameters], dict[str, Array]]
    learning_rate: float
    record_every: int
    history: History
    _products_hash: str | None = None

    def products_hash(self) -> str:
        """Return `Snapshot.products_hash`, found out once."""
        if self._products_hash is None:
            products = self.steps.data.X
            self._products_hash = array_hash(products) if self.history.compressed else ""
        return self._products_hash


def _follow(
    run: _Run,
    state: dict[str, Array],
    done: int,
    stops: Iterator[tuple[int, Measurements, dict[str, Array]]],
    callback: Callable[[Progress], object],
) -> TrainedNetwork:
    """Follow a run, keeping the history and an eye on the cost."""
    steps, history = run.steps, run.history
    hidden_layers = len(state) - 2  # each but the first is one matrix, the first is two arrays
    good, good_iteration, iteration = state, done, done - 1
    for iteration, measurements, after in stops:
        record = to_record(iteration, measurements, hidden_layers) if measurements else None
        if record is not None:
            if not math.isfinite(record.cost):
                bad, cost = first_not_finite(steps, good, good_iteration, iteration)
                raise _diverged(bad, cost, run.learning_rate)
            history.append(record)
            good, good_iteration = after, iteration + 1
        callback(Progress(iteration, record, after, run))
        state = after
    history.final_cost = float(measure_once(steps, state)["cost"])
    if not math.isfinite(history.final_cost):
        bad, cost = first_not_finite(steps, good, good_iteration, iteration + 1)
        raise _diverged(bad, cost, run.learning_rate)
    return TrainedNetwork(run.parameters_of(state), history)


def _nothing(progress: Progress) -> None:
    """Do nothing with progress."""


def _diverged(iteration: int, cost: float, learning_rate: float) -> DivergenceError:
    """Say where the cost stopped being finite, and what to try."""
    if iteration == 0:
        advice = "before any update, so X or the start parameters hold NaN, infinity or huge values"
    else:
        advice = (
            f"try a smaller learning rate than {learning_rate:g} (a tenth, say), or another "
            "initialization"
        )
    return DivergenceError(f"the cost became {cost} at iteration {iteration}: {advice}", iteration)


def _check_labels_binary(Y: Array, xp: Namespace) -> None:
    """Check labels, where they lie."""
    if not bool(xp.all((Y == 0) | (Y == 1))):
        raise DataError("Y has values other than 0 and 1; class 1 is 1, the other class is 0")


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
    if len(check_layer_dims(layers_dims)) != 3:
        raise SettingError(
            f"layer sizes {layers_dims}: (n_x, n_h, n_y) would be right for two layers; "
            "L_layer_model takes any number"
        )
    n_x, n_h, n_y = layers_dims
    start = initialize_parameters(n_x, n_h, n_y, method=initialization, seed=seed)
    return _model(X, Y, start, learning_rate, num_iterations, print_cost, hidden)


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
    dtype = "float64" if are_pixels(X) else dtype_name(X)
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
