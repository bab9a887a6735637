"""Plug-ins of version 1 of the contract, answered for in version 2.

There `compile(step)` took a step `(state, data, signs) -> (measurements, state)`, with a flat dict
as state and the labels as an array of their own, and returned a function that takes it `times`
times, `(state, data, signs, times) -> (measurements, state)`. Nothing else was ever compiled.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from portable_dnn.arrays.contract import Array, Arrays, Function, Measurements
from portable_dnn.arrays.contract import Step as StepOfToday
from portable_dnn.arrays.repeat import OneByOne

__all__ = ["ADDED", "FirstContract", "Step", "Stretch", "one_by_one"]

ADDED = ("contract", "repeat")
"""The members of version 2 that version 1 did not have."""

Step: TypeAlias = Callable[[Arrays, Any, Array], tuple[Measurements, Arrays]]
"""A training step as version 1 had it."""

Stretch: TypeAlias = Callable[..., tuple[Measurements, Arrays]]
"""`(state, data, signs, times=1)`, as version 1 had it."""


class _Data(NamedTuple):
    """What version 1 is given as `data`."""

    batch: Any
    row: Arrays


class FirstContract:
    """A plug-in of version 1 as version 2 sees it; all but `repeat` and `compile` is its own.

    Parameters
    ----------
    plug_in : module
        With the members of version 1.
    """

    contract = 1

    def __init__(self, plug_in: Any) -> None:
        self._plug_in = plug_in

    def __getattr__(self, member: str) -> Any:
        return getattr(self._plug_in, member)

    def repeat(self, step: StepOfToday) -> OneByOne:
        """Return a loop over the step."""
        return OneByOne(step)

    def compile(self, function: Function) -> Function:
        """Return the plug-in's own loop over a step; other functions as they are."""
        if not isinstance(function, OneByOne):
            return function
        step = function.step
        kind: type[Any] = tuple

        def step_1(state: Arrays, data: _Data, signs: Array) -> tuple[Measurements, Arrays]:
            batch = data.batch._replace(targets=signs)
            return {}, _flat(step(_nested(state, kind), batch, data.row))

        compiled: Stretch = self._plug_in.compile(step_1)

        def repeated(state: Any, batch: Any, rows: Arrays, times: int) -> Any:
            nonlocal kind
            kind = type(state)
            flat = _flat(state)
            if not rows:
                return _nested(compiled(flat, _Data(batch, {}), batch.targets, times)[1], kind)
            for i in range(times):
                row = {name: array[i, ...] for name, array in rows.items()}
                flat = compiled(flat, _Data(batch, row), batch.targets, 1)[1]
            return _nested(flat, kind)

        return repeated


_SLOT = "slot "


def _flat(state: Any) -> Arrays:
    """Write a state, parameters and slots, as one dict."""
    parameters, slots = state
    return {**parameters, **{_SLOT + name: array for name, array in slots.items()}}


def _nested(flat: Arrays, kind: type[Any]) -> Any:
    """Undo `_flat`."""
    parameters = {name: array for name, array in flat.items() if not name.startswith(_SLOT)}
    slots = {n.removeprefix(_SLOT): array for n, array in flat.items() if n.startswith(_SLOT)}
    return kind(parameters, slots)


def one_by_one(step: Step) -> Stretch:
    """Take a step of version 1 again and again, as plug-ins of version 1 do.

    Parameters
    ----------
    step : Step
        What to take.

    Returns
    -------
    Stretch
    """

    def run(state: Arrays, data: Any, signs: Array, times: int = 1) -> tuple[Measurements, Arrays]:
        measurements: Measurements = {}
        for _ in range(times):
            measurements, state = step(state, data, signs)
        return measurements, state

    return run
