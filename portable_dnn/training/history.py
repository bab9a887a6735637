"""What happened in a training run, as plain numbers."""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, overload

from portable_dnn.arrays.contract import Measurements

__all__ = ["History", "Norms", "Record", "to_record"]


class Norms(Sequence[Mapping[str, float]]):
    """Rows of a few named numbers in little room: a long run has tens of thousands of them.

    Parameters
    ----------
    rows : iterable of mapping of str to float
        The first rows; all have the names of the first one.
    """

    __slots__ = ("_names", "_values")

    def __init__(self, rows: Iterable[Mapping[str, float]] = ()) -> None:
        self._names: tuple[str, ...] = ()
        self._values = array("d")
        for row in rows:
            self.append(row)

    @property
    def names(self) -> tuple[str, ...]:
        """The names; none before there is a row."""
        return self._names

    def append(self, row: Mapping[str, float]) -> None:
        """Add a row.

        Parameters
        ----------
        row : mapping of str to float
            The next one.
        """
        self._names = self._names or tuple(row)
        self._values.extend(row[name] for name in self._names)

    def __len__(self) -> int:
        return len(self._values) // len(self._names) if self._names else 0

    @overload
    def __getitem__(self, index: int) -> Mapping[str, float]: ...
    @overload
    def __getitem__(self, index: slice) -> list[Mapping[str, float]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, float] | list[Mapping[str, float]]:
        rows = range(len(self))[index]
        return self._row(rows) if isinstance(rows, int) else [self._row(row) for row in rows]

    def _row(self, row: int) -> Mapping[str, float]:
        """Return a row as a dict of its own."""
        width = len(self._names)
        values = self._values[row * width : (row + 1) * width]
        return dict(zip(self._names, values, strict=True))

    def __copy__(self) -> "Norms":
        copied = Norms()
        copied._names, copied._values = self._names, self._values[:]
        return copied

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it grows

    def __repr__(self) -> str:
        return f"Norms({list(self)})"


@dataclass(frozen=True)
class Record:
    """The state of the network at one iteration, before its update.

    Attributes
    ----------
    iteration : int
        Number of updates made before.
    cost : float
        Cross-entropy, in nats.
    dead_share : tuple of float or None
        For each hidden layer, the share of ReLU units off for every sample (0 to 1); None where
        the activation cannot die.
    gradient_norm : mapping of str to float
        Frobenius norm of the gradient of `W1, b1 … WL, bL`.
    """

    iteration: int
    cost: float
    dead_share: tuple[float | None, ...]
    gradient_norm: Mapping[str, float]


@dataclass
class History:
    """The records of a run, column by column.

    Attributes
    ----------
    start_hash : str
        `parameters_hash` of the start parameters: equal hashes, same start, on any backend.
    compressed : bool
        Whether layer 1 was trained in the span of the samples.
    iteration, cost, dead_share : list
        The fields of each `Record`.
    gradient_norm : Norms
        Likewise: a sequence of mappings.
    final_cost : float
        The cost after the last update; NaN while the run is going on.
    """

    start_hash: str
    compressed: bool = False
    iteration: list[int] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    dead_share: list[tuple[float | None, ...]] = field(default_factory=list)
    gradient_norm: Norms = field(default_factory=Norms)
    final_cost: float = math.nan

    def append(self, record: Record) -> None:
        """Add a record.

        Parameters
        ----------
        record : Record
            The next one.
        """
        self.iteration.append(record.iteration)
        self.cost.append(record.cost)
        last = self.dead_share[-1] if self.dead_share else None
        self.dead_share.append(record.dead_share if record.dead_share != last else last)
        self.gradient_norm.append(record.gradient_norm)

    def copy(self) -> "History":
        """Return a history that later records do not change.

        Returns
        -------
        History
            With columns of its own.
        """
        return replace(
            self,
            iteration=list(self.iteration),
            cost=list(self.cost),
            dead_share=list(self.dead_share),
            gradient_norm=copy(self.gradient_norm),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the history as lists and dicts, ready for JSON.

        Returns
        -------
        dict of str to object
            The attributes by name.
        """
        return {
            "start_hash": self.start_hash,
            "compressed": self.compressed,
            "iteration": list(self.iteration),
            "cost": list(self.cost),
            "dead_share": [list(shares) for shares in self.dead_share],
            "gradient_norm": [dict(norms) for norms in self.gradient_norm],
            "final_cost": self.final_cost,
        }


def to_record(iteration: int, measurements: Measurements, hidden_layers: int) -> Record:
    """Fetch a step's measurements from the device.

    Parameters
    ----------
    iteration : int
        The step's number.
    measurements : dict of str to array
        As `diagnostics.measure` returned them.
    hidden_layers : int
        How many the network has.

    Returns
    -------
    Record
        The same as Python's numbers.
    """
    numbers = {name: float(value) for name, value in measurements.items()}

    prefix = "gradient_norm/"
    return Record(
        iteration,
        numbers["cost"],
        tuple(numbers.get(f"dead_share/{layer}") for layer in range(1, hidden_layers + 1)),
        {name.removeprefix(prefix): n for name, n in numbers.items() if name.startswith(prefix)},
    )
