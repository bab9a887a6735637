"""A training run before its first step: data and state in their forms, the step compiled."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from portable_dnn.arrays.contract import Array, Arrays, Namespace, Parameters
from portable_dnn.arrays.devices import Device
from portable_dnn.errors import PortableDnnWarning
from portable_dnn.network.pixels import scale_pixels
from portable_dnn.training.batches import Batch, FullBatch
from portable_dnn.training.compression import check_allowed, choose
from portable_dnn.training.history import History
from portable_dnn.training.layer_forms import enter, leave, ones_for
from portable_dnn.training.loop import CompiledSteps, compile_steps
from portable_dnn.training.optimizers import get_optimizer
from portable_dnn.training.settings import Settings
from portable_dnn.training.state import Snapshot, array_hash, check_snapshot, place_state
from portable_dnn.training.step import State, forms_for, step_of

__all__ = ["Problem", "Run", "prepare"]


class Problem(NamedTuple):
    """What a run trains on. It has been checked, and need not be checked again.

    Attributes
    ----------
    X : array
        Input, (n_x, m).
    Y : array
        Labels 0 or 1, (n_L, m).
    parameters : mapping of str to array
        Start parameters.
    pixels : bool
        Whether X is bytes.
    xp : namespace
        That of all arrays.
    device : Device
        Where they all are.
    start_hash : str
        `parameters_hash` of the start parameters.
    """

    X: Array
    Y: Array
    parameters: Parameters
    pixels: bool
    xp: Namespace
    device: Device
    start_hash: str


@dataclass(slots=True)
class Run:
    """What stays the same during a run, where it begins, and its history.

    Attributes
    ----------
    steps : CompiledSteps
        The step, and the data that it is given.
    leave : callable
        Turns parameters as the step has them into `W1, b1 … WL, bL`.
    settings : Settings
        What decides the run.
    record_every : int
        The interval between records.
    history : History
        The records so far.
    state : State
        Where it begins.
    done : int
        Number of steps taken before that.
    callback_state : dict of str to object
        What callbacks keep between updates.
    """

    steps: CompiledSteps
    leave: Callable[[Parameters], Arrays]
    settings: Settings
    record_every: int
    history: History
    state: State
    done: int = 0
    callback_state: dict[str, Any] = field(default_factory=dict)
    _products_hash: str | None = None

    def parameters_of(self, state: State) -> Arrays:
        """Return `W1, b1 … WL, bL` of a state."""
        return self.leave(state.parameters)

    def synchronize(self) -> None:
        """Wait until the device has done what was started on it."""
        device = self.steps.device
        device.backend.synchronize(device.name)

    def products_hash(self) -> str:
        """Return `Snapshot.products_hash`, found out once."""
        if self._products_hash is None:
            products = self.steps.batches.whole.inputs
            self._products_hash = array_hash(products) if self.history.compressed else ""
        return self._products_hash


def prepare(problem: Problem, settings: Settings, record_every: int, begin: Snapshot | None) -> Run:
    """Make the step of a run, and put data and state into its forms.

    Parameters
    ----------
    problem : Problem
        Data and start.
    settings : Settings
        What decides the run, of the layers and the dtype of the start.
    record_every : int
        The interval between records.
    begin : Snapshot or None
        What to go on from.

    Returns
    -------
    Run

    Raises
    ------
    SettingError
        If `begin` is of another run, or compression is asked for where it cannot be.
    """
    X, Y, parameters, pixels, xp, device, start_hash = problem
    history = History(start_hash) if begin is None else begin.history.copy()
    optimizer = get_optimizer(settings.optimizer, settings.learning_rate)
    if begin is None:
        iterations = settings.iterations
        history.compressed = choose(settings.compress, optimizer, X, parameters, iterations, device)
    else:
        check_snapshot(begin, start_hash, settings.iterations, record_every, parameters)
        check_allowed(optimizer, compressed=history.compressed)
    if pixels and not history.compressed:
        X = scale_pixels(X, settings.dtype)
    forms = forms_for(len(settings.layers) + 1, compressed=history.compressed)
    step = step_of(settings, forms)
    targets = step.head.targets(Y, dtype=parameters["W1"].dtype, xp=xp)
    held, inputs = enter(forms, parameters, X, xp=xp)
    batch = Batch(inputs, targets, ones_for(targets, xp=xp), X.shape[1])
    run = Run(
        compile_steps(step, FullBatch(batch), device),
        partial(leave, forms, start=parameters, X=X, xp=xp),
        settings,
        record_every,
        history,
        State(held, step.optimizer.init(held, xp=xp)),
    )
    if begin is not None:
        run.state, run.done = place_state(begin, run.state, device), begin.iteration
        run.callback_state.update(begin.callback_state)
        _warn_of_other_products(begin, run)
    return run


def _warn_of_other_products(begin: Snapshot, run: Run) -> None:
    """Warn if the products of the samples are not bit for bit those the run began with."""
    if begin.products_hash != run.products_hash():
        warnings.warn(
            "the products of the pictures with each other are rounded otherwise here than where "
            "the run began (another machine, library or number of threads): the numbers are equal "
            "up to rounding from here on",
            PortableDnnWarning,
            stacklevel=4,
        )
