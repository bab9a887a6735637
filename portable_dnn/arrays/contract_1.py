"""Plug-ins of version 1 of the contract, answered for in version 2.

There `compile(step)` took a step `(state, data, signs) -> (measurements, state)`, with a flat dict
as state and the labels as an array of their own, and returned a function that takes it `times`
times, `(state, data, signs, times) -> (measurements, state)`. Nothing else was ever compiled.
"""

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

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


@dataclass(frozen=True)
class _Step1:
    """A step of today as one of version 1; equal where the steps are, and what they are given.

    Version 1 gives it arrays alone: a dict as state, a named tuple as data, the labels.
    """

    step: StepOfToday
    state: type[Any]
    batch: type[Any]
    m: float
    rows: tuple[str, ...]

    def __call__(self, state: Arrays, data: Any, signs: Array) -> tuple[Measurements, Arrays]:
        inputs, ones, *row = data
        batch = self.batch(inputs, signs, ones, self.m)
        row = dict(zip(self.rows, row, strict=True))
        return {}, _flat(self.step(_nested(state, self.state), batch, row))


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
        if member == "_plug_in":  # asked for before it is there, by a copy for one
            raise AttributeError(member)
        return getattr(self._plug_in, member)

    def repeat(self, step: StepOfToday) -> OneByOne:
        """Return a loop over the step."""
        return OneByOne(step)

    def compile(self, function: Function) -> Function:
        """Return the plug-in's own loop over a step; other functions as they are."""
        if not isinstance(function, OneByOne):
            return function
        compiled: dict[_Step1, Stretch] = {}

        def repeated(state: Any, batch: Any, rows: Arrays, times: int) -> Any:
            step = _Step1(function.step, type(state), type(batch), batch.m, tuple(rows))
            if step not in compiled:
                compiled[step] = self._plug_in.compile(step)
            take, flat = compiled[step], _flat(state)
            # Version 1 repeats a step with the same data: one with a row of its own is a call.
            calls = times if rows else 1
            for i in range(calls):
                data = _data(batch, {name: array[i, ...] for name, array in rows.items()})
                flat = take(flat, data, batch.targets, times // calls)[1]
            return _nested(flat, type(state))

        return repeated


def _data(batch: Any, row: Arrays) -> Any:
    """Return what version 1 is given as `data`: a named tuple of arrays."""
    return _kind(len(row))(batch.inputs, batch.ones, *row.values())


@cache
def _kind(rows: int) -> Any:
    """Return the class of a named tuple for a number of arrays in a row."""
    names = ("inputs", "ones", *(f"row_{i}" for i in range(rows)))
    return namedtuple("Data", names)


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
