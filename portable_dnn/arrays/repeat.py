"""Taking a step several times, for array libraries that know nothing better than a loop."""

from dataclasses import dataclass
from typing import Any

from portable_dnn.arrays.contract import Arrays, Step

__all__ = ["OneByOne"]


@dataclass(frozen=True)
class OneByOne:
    """A step taken again and again; a `contract.RepeatedStep`.

    Attributes
    ----------
    step : Step
        What is taken.
    """

    step: Step

    def __call__(self, state: Any, batch: Any, rows: Arrays, times: int) -> Any:
        """Take the step `times` times."""
        step = self.step
        if not rows:
            for _ in range(times):
                state = step(state, batch, rows)
            return state
        for i in range(times):
            state = step(state, batch, {name: array[i, ...] for name, array in rows.items()})
        return state
