"""Training a network on arrays, the same on every backend."""

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict, Unpack

from portable_dnn.arrays.contract import Array, Measurements, Parameters
from portable_dnn.arrays.devices import location_of
from portable_dnn.arrays.namespaces import dtype_name
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.errors import DataError, DivergenceError, SettingError
from portable_dnn.network.activations import Hidden, hidden_activations
from portable_dnn.network.initializers import parameters_hash
from portable_dnn.network.passes import check_network
from portable_dnn.network.pixels import are_pixels
from portable_dnn.setting_checks import check_callable, check_count, check_number, described
from portable_dnn.training.history import History, Record, to_record
from portable_dnn.training.library_errors import named_library
from portable_dnn.training.loop import first_not_finite, iterate
from portable_dnn.training.run import Problem, Run, prepare
from portable_dnn.training.settings import Settings, check_settings
from portable_dnn.training.state import Snapshot
from portable_dnn.training.step import State

__all__ = ["Progress", "TrainedNetwork", "train", "train_checked"]


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
    _state: State
    _run: Run

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters after the update, on the device; worked out when asked for."""
        return self._run.parameters_of(self._state)

    @property
    def cost(self) -> float:
        """The cost after the update; worked out when asked for."""
        return float(self._run.steps.measure(self._state)["cost"])

    @property
    def is_recorded_next(self) -> bool:
        """Whether the run itself looks at the cost after the update, in its next iteration."""
        return (self.iteration + 1) % self._run.record_every == 0

    @property
    def snapshot(self) -> Snapshot:
        """The run as it stands, to go on from with `train(…, begin=snapshot)`."""
        history = self._run.history.copy()
        products, callback_state = self._run.products_hash(), deepcopy(self._run.callback_state)
        return Snapshot(self.iteration + 1, self._state, history, products, callback_state)

    @property
    def callback_state(self) -> dict[str, Any]:
        """What callbacks keep between updates; it goes into each snapshot, and is there again."""
        return self._run.callback_state


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


class SingleSettings(TypedDict, total=False):
    """The settings that `train` takes one by one, for short programs."""

    hidden: Hidden
    learning_rate: float
    num_iterations: int
    optimizer: str
    compress: str


@undisturbed
def train(
    X: Array,
    Y: Array,
    parameters: Parameters,
    settings: Settings | None = None,
    *,
    record_every: int = 100,
    callback: Callable[[Progress], object] | None = None,
    callback_seconds: float = 0.0,
    begin: Snapshot | None = None,
    stop_every: int | None = None,
    **single: Unpack[SingleSettings],
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
    settings : Settings, optional
        What decides the run. Its layers and dtype must be those of the parameters; the start is not
        drawn again. By default the published run's, for the layers and dtype of the parameters.
    record_every : int
        Iterations 0, `record_every`, 2 · `record_every` … are measured and recorded; only then
        does the host wait for the device.
    callback : callable, optional
        Called with a `Progress` after every update.
    callback_seconds : float
        Call it only after recorded iterations and about every so many seconds in between, so that
        a library which can keep many updates on the device does.
    begin : Snapshot, optional
        A snapshot of this run to continue from. It is checked to have this start, network, interval
        between records and as many iterations; it does not know the other settings.
    stop_every : int, optional
        Call the callback after `stop_every`, 2 · `stop_every` … updates as well.
    hidden, learning_rate, num_iterations, optimizer, compress : optional
        Single settings, in the place of `settings`: an activation for all hidden layers or one for
        each, and `learning_rate`, `iterations`, `optimizer` and `compress` of `Settings`.

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
    PortableDnnWarning
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
    problem = _checked(X, Y, parameters)
    return train_checked(
        problem,
        _settings(settings, single, parameters),
        record_every=record_every,
        callback=callback,
        callback_seconds=callback_seconds,
        begin=begin,
        stop_every=stop_every,
    )


@undisturbed
def train_checked(
    problem: Problem,
    settings: Settings,
    *,
    record_every: int = 100,
    callback: Callable[[Progress], object] | None = None,
    callback_seconds: float = 0.0,
    begin: Snapshot | None = None,
    stop_every: int | None = None,
) -> TrainedNetwork:
    """Train on data and from a start that have been checked against each other.

    Parameters
    ----------
    problem : Problem
        Data and start.
    settings : Settings
        What decides the run, of the layers and the dtype of the start.
    record_every, callback, callback_seconds, begin, stop_every
        As for `train`.

    Returns
    -------
    TrainedNetwork

    Raises
    ------
    SettingError, DivergenceError
        As for `train`.
    """
    check_count(record_every, "interval between records")
    if stop_every is not None:
        check_count(stop_every, "interval between stops")
    look_every = None
    if callback is not None:
        check_callable(callback, "callback")
        right = "a number of seconds, 0 or more, would be right"
        look_every = check_number(
            callback_seconds, "callback_seconds", right, least=0.0, finite=False
        )
    if begin is not None and not isinstance(begin, Snapshot):
        raise SettingError(f"begin is {described(begin)}; a Progress.snapshot would be right")
    with named_library(problem.device):
        run = prepare(problem, settings, record_every, begin)
        stops = iterate(
            run.steps,
            run.state,
            settings.iterations,
            record_every,
            look_every,
            begin=run.done,
            stop_every=stop_every,
            synchronize=run.synchronize,
        )
        return _follow(run, stops, callback or _nothing)


def _settings(
    settings: Settings | None, single: SingleSettings, parameters: Parameters
) -> Settings:
    """Return the settings of a run from those given, as a whole or one by one."""
    layers = tuple(parameters[f"b{i}"].shape[0] for i in range(1, len(parameters) // 2))
    dtype = dtype_name(parameters["W1"])
    if unknown := set(single) - set(SingleSettings.__annotations__):
        known = ", ".join(SingleSettings.__annotations__)
        raise TypeError(
            f"train() got an unexpected keyword argument {min(unknown)!r}; single settings are "
            f"{known}, and all of them are in Settings"
        )
    if settings is None:
        given: dict[str, Any] = dict(single)
        if "num_iterations" in given:
            given["iterations"] = given.pop("num_iterations")
        if "hidden" in given:
            given["hidden"] = hidden_activations(given["hidden"], len(layers))
        settings = Settings(layers=layers, dtype=dtype, **given)
    elif single:
        names = ", ".join(single)
        raise SettingError(f"{names} is given beside settings; put it into the settings")
    elif (check_settings(settings).layers, settings.dtype) != (layers, dtype):
        raise SettingError(
            f"the settings are of a network with hidden layers {settings.layers} in "
            f"{settings.dtype}, but the parameters have {layers} in {dtype}; draw the "
            "parameters with these settings"
        )
    return check_settings(settings)


def _checked(X: Array, Y: Array, parameters: Parameters) -> Problem:
    """Check data and start against each other: the door of every run."""
    pixels = are_pixels(X)
    xp, _ = check_network(X, parameters, {"Y": Y}, pixels=pixels)
    Y = xp.astype(Y, parameters["W1"].dtype, copy=False)
    if not bool(xp.all((Y == 0) | (Y == 1))):
        raise DataError("Y has values other than 0 and 1; class 1 is 1, the other class is 0")
    start_hash = parameters_hash(parameters)
    return Problem(X, Y, parameters, pixels, xp, location_of(X), start_hash)


def _follow(
    run: Run,
    stops: Iterator[tuple[int, Measurements, State]],
    callback: Callable[[Progress], object],
) -> TrainedNetwork:
    """Follow a run, keeping the history and an eye on the cost."""
    steps, history, state = run.steps, run.history, run.state
    good, good_iteration, iteration = state, run.done, run.done - 1
    for iteration, measurements, after in stops:
        record = None
        if measurements:
            record = to_record(iteration, measurements, len(run.settings.layers))
            if not math.isfinite(record.cost):
                raise _diverged(run, good, good_iteration, iteration)
            history.append(record)
            good, good_iteration = after, iteration + 1
        callback(Progress(iteration, record, after, run))
        state = after
    history.final_cost = float(steps.measure(state)["cost"])
    if not math.isfinite(history.final_cost):
        raise _diverged(run, good, good_iteration, iteration + 1)
    return TrainedNetwork(run.parameters_of(state), history)


def _nothing(progress: Progress) -> None:
    """Do nothing with progress."""


def _diverged(run: Run, good: State, first: int, last: int) -> DivergenceError:
    """Say where the cost stopped being finite, and what to try."""
    iteration, cost = first_not_finite(run.steps, good, first, last)
    if iteration == 0:
        advice = "before any update, so X or the start parameters hold NaN, infinity or huge values"
    else:
        advice = (
            f"try a smaller learning rate than {run.settings.learning_rate:g} (a tenth, say), or "
            "another initialization"
        )
    return DivergenceError(f"the cost became {cost} at iteration {iteration}: {advice}", iteration)
