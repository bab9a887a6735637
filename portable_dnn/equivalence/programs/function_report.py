"""What was found out about a function: every operation, and the first that is wrong."""

import linecache
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from portable_dnn.equivalence.programs.judging import Said
from portable_dnn.equivalence.programs.recorded import Operation
from portable_dnn.equivalence.programs.whole import JudgedResult
from portable_dnn.equivalence.report.wording import number

__all__ = ["COLUMNS", "FunctionReport", "JudgedOperation", "told"]

COLUMNS = ("where", "operation", "calls", "worst ulp", "of its limit", "verdict")
"""What `FunctionReport.rows` has."""

_NAMED = 5
"""Operations that the verdict names; of more, how many there are."""


@dataclass(frozen=True)
class JudgedOperation:
    """An operation of a function, judged on its own inputs.

    Attributes
    ----------
    name : str
        In the array API standard's words, such as "matmul".
    text : str
        Of the names of the inputs, such as "X @ W".
    file : str
    line : int
        Where the function called it.
    verdict : str
        "exact", "rounding", "by design" (subnormal numbers are taken for 0, as the library
        documents), "wrong", "not judged", "no values", or "leaves the arrays".
    reason : str
        What is wrong, or why it is not judged.
    ulps : float
        Largest error, in units in the last place of the exact value.
    share : float
        Largest share of its limit; above 1 it is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import JudgedOperation, compare_function
    >>> (one,) = compare_function(lambda x: x * 2.0, np.ones(3)).operations
    >>> isinstance(one, JudgedOperation), one.name, one.text, one.verdict
    (True, 'multiply', 'x * 2.0', 'exact')
    """

    name: str
    text: str
    file: str
    line: int
    verdict: str
    reason: str = ""
    ulps: float = 0.0
    share: float = 0.0

    @property
    def where(self) -> str:
        """File and line."""
        return f"{Path(self.file).name}:{self.line}"

    @property
    def source(self) -> str:
        """The line itself, if it can be read."""
        return linecache.getline(self.file, self.line).strip()


@dataclass(frozen=True)
class FunctionReport:
    """Every operation of a function that ran on a device.

    Attributes
    ----------
    function : str
        Its name.
    device : str
        Where it ran.
    operations : tuple of JudgedOperation
        In the order of the calls.
    results : tuple of JudgedResult
        Each array that the function returned, judged as a whole.
    result : object
        What the function returned, arrays of the device's library.
    stopped : bool, default False
        Whether Ctrl-C came before everything was judged.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import FunctionReport, compare_function
    >>> report = compare_function(lambda x: x + 1.0, np.ones(3))
    >>> isinstance(report, FunctionReport), report.outcome, len(report.of("wrong"))
    (True, 'right', 0)
    """

    function: str
    device: str
    operations: tuple[JudgedOperation, ...]
    results: tuple[JudgedResult, ...]
    result: Any
    stopped: bool = False

    def of(self, *verdicts: str) -> tuple[JudgedOperation, ...]:
        """Return the operations with one of these verdicts."""
        return tuple(one for one in self.operations if one.verdict in verdicts)

    @property
    def outcome(self) -> Literal["right", "wrong", "right in part", "nothing judged"]:
        """What was found: whether anything is wrong, and whether all operations were judged."""
        if self.of("wrong") or self._wrong_results():
            return "wrong"
        if not self.of("exact", "rounding", "by design"):
            return "nothing judged"
        return "right in part" if self.stopped or self._missed() else "right"

    def _wrong_results(self) -> tuple[JudgedResult, ...]:
        return tuple(one for one in self.results if one.verdict == "wrong")

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        found = self._verdict()
        return f"stopped before its end; until then {found}" if self.stopped else found

    def _verdict(self) -> str:
        """Say what was found of what was judged."""
        count = len(self.operations)
        wrong = self.of("wrong")
        here = f"{self.function} on {self.device}"
        if wrong:
            first = wrong[0]
            return (
                f"WRONG: {len(wrong)} of {count} operations of {here}; the first is {first.name} "
                f"at {first.where}, {first.text}: {first.reason}"
            )
        for one in self._wrong_results():
            return (
                f"WRONG as a whole: {one.name} of {here}, though each of {count} operations that "
                f"were seen is right: {one.reason}"
            )
        if self.outcome == "nothing judged":
            why = self._not_judged() or "no operation on arrays was seen"
            return f"nothing of {here} was judged: {why}"
        rounded = len(self.of("rounding", "by design"))
        text = (
            f"right: {count} operation{'s' * (count != 1)} of {here}, of which {rounded} "
            f"round{'s' * (rounded == 1)}, within their limits"
        )
        missed = self._not_judged()
        text = f"{text}; not judged: {missed}" if missed else text
        open_ = [f"{one.name} ({one.reason})" for one in self.results if one.verdict in _OPEN]
        return f"{text}; as a whole: {_OPEN_TEXT} {', '.join(open_[:_NAMED])}" if open_ else text

    def _missed(self) -> tuple[JudgedOperation, ...]:
        """Return what was not judged; where the results are right, so are the ways to them."""
        whole = bool(self.results) and all(one.verdict == "right" for one in self.results)
        return self.of("not judged") if whole else self.of("not judged", "leaves the arrays")

    def _not_judged(self) -> str:
        """Name the operations that were not judged, and why."""
        reasons = (f"{one.name} at {one.where} ({one.reason})" for one in self._missed())
        names = list(dict.fromkeys(reasons))
        more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return ", ".join(names[:_NAMED]) + more

    def rows(self) -> tuple[tuple[str, ...], ...]:
        """Return a table under `COLUMNS`; what is called again at one line is one row."""
        called: dict[tuple[str, str, int], list[JudgedOperation]] = {}
        for one in self.operations:
            called.setdefault((one.name, one.file, one.line), []).append(one)
        return (*map(_row, called.values()), *map(_result_row, self.results))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON; without the function's result."""
        return {
            "function": self.function,
            "device": self.device,
            "outcome": self.outcome,
            "headline": self.headline,
            "stopped": self.stopped,
            "operations": [asdict(one) | {"source": one.source} for one in self.operations],
            "results": [one._asdict() for one in self.results],
        }

    def __str__(self) -> str:
        cells = (COLUMNS, *self.rows())
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        return "\n".join((*table, self.headline))


class JudgingStopped(KeyboardInterrupt):
    """Ctrl-C while a function was judged.

    Attributes
    ----------
    report : FunctionReport
        What was judged until then.
    """

    def __init__(self, report: FunctionReport) -> None:
        super().__init__(report.headline)
        self.report = report


def _row(calls: list[JudgedOperation]) -> tuple[str, ...]:
    """Show the worst of the calls at a line."""
    worst = max(calls, key=lambda one: (_ORDER.index(one.verdict), one.share))
    verdict = "WRONG" if worst.verdict == "wrong" else worst.verdict
    return (
        f"{worst.where}  {worst.text}",
        worst.name,
        str(len(calls)),
        number(worst.ulps) if worst.ulps else "0",
        number(worst.share) if worst.share else "0",
        f"{verdict}: {worst.reason}" if worst.reason else verdict,
    )


def _result_row(one: JudgedResult) -> tuple[str, ...]:
    """Show a result as a whole."""
    verdict = "WRONG" if one.verdict == "wrong" else one.verdict
    told = f"{verdict}: {one.reason}" if one.reason else verdict
    share = number(one.share) if one.share else "0"
    return ("as a whole", one.name, "-", "-", share, told)


_OPEN = ("undecided", "not judged")
_OPEN_TEXT = "not decided or not judged"

_ORDER = (
    "no values",
    "exact",
    "rounding",
    "by design",
    "leaves the arrays",
    "not judged",
    "wrong",
)


def told(operation: Operation, said: Said | None) -> JudgedOperation:
    """Join an operation and what is said of it.

    Parameters
    ----------
    operation : Operation
        What was called.
    said : Said or None
        What was found; None where the result is no array.

    Returns
    -------
    JudgedOperation
    """
    if said is None:
        reason = "what the program does with the number is not seen"
        return JudgedOperation(*operation, "leaves the arrays", reason)
    return JudgedOperation(*operation, *said)
