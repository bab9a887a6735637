"""A training run as it is compared: costs and parameters along the way, on the host."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.devices import Device, place, to_host
from portable_dnn.errors import DivergenceError
from portable_dnn.training.settings import Settings
from portable_dnn.training.train import Progress, train

__all__ = ["Run", "Task", "train_on"]

RECORDS = 500
"""About so many costs are recorded at most."""

BETWEEN = 8
"""Costs are recorded so many iterations apart, or more: what lies between is taken in stretches."""


@dataclass
class Run:
    """A training run as it is compared.

    Attributes
    ----------
    costs : dict of int to float
        By iteration; the last is that after the last update. Fewer where the run diverged.
    parameters : dict of int to dict
        Parameters on the host after so many updates, where they were asked for and are finite.
    diverged : str
        Why it stopped early; empty if it did not.
    """

    costs: dict[int, float] = field(default_factory=dict)
    parameters: dict[int, dict[str, HostArray]] = field(default_factory=dict)
    diverged: str = ""


class Task(NamedTuple):
    """What is trained.

    Attributes
    ----------
    X, Y : numpy.ndarray
        Input (n_x, m) and labels (1, m), in the dtype of the run.
    start : mapping of str to numpy.ndarray
        Start parameters.
    settings : Settings
        The rest.
    """

    X: HostArray
    Y: HostArray
    start: Mapping[str, HostArray]
    settings: Settings


def train_on(device: Device, task: Task, wanted: tuple[int, ...] = ()) -> Run:
    """Train on a device, as `train` does when nobody looks on: stretches of steps in one call.

    Costs are recorded every so many iterations, at 0, 1, half-way and at the end.

    Parameters
    ----------
    device : Device
        Where.
    task : Task
        What to train.
    wanted : tuple of int
        After how many updates the parameters are to be kept: of 0, 1, half as many as there are
        iterations, and all.

    Returns
    -------
    Run
    """
    X, Y, start, settings = task
    run = Run(parameters={0: dict(start)} if 0 in wanted else {})
    last = settings.iterations
    middle = max(1, last // 2)

    def keep(progress: Progress) -> None:
        if progress.record is not None:
            run.costs[progress.iteration] = progress.record.cost
        done = progress.iteration + 1
        if done in (1, middle) and done < last and not progress.is_recorded_next:
            cost = progress.cost
            if math.isfinite(cost):  # else the run ends at the next record, and tells where
                run.costs[done] = cost
        if done in wanted:
            found = _copies(to_host(progress.parameters))
            if all(np.isfinite(array).all() for array in found.values()):
                run.parameters[done] = found

    with np.errstate(all="ignore"):
        try:
            trained = train(
                place(X, device),
                place(Y, device),
                place(dict(start), device),
                settings,
                record_every=max(BETWEEN, last // RECORDS),
                callback=keep,
                callback_seconds=math.inf,
                stop_every=middle,
            )
        except DivergenceError as error:
            run.diverged = str(error)
            run.costs.setdefault(0, math.nan)
            return run
    run.costs[last] = trained.history.final_cost
    return run


def _copies(parameters: Mapping[str, HostArray]) -> dict[str, HostArray]:
    """Copy parameters, whose memory a library may use again."""
    return {name: np.array(array) for name, array in parameters.items()}
