"""What a comparison of two backends found, as plain data that can be saved in a file.

A report is made of judgements. A judgement says how far one operation's result is from the exact
one, on the side under test and on the reference side, for the same inputs, and whether that is
rounding. Both are compared with the same exact result, and so are reports of two machines.

Units: an error in *ulps* is a multiple of the spacing of the dtype's numbers at the exact value. An
error in *bounds* is a multiple of what rounding can explain at that element (see
`limits.rounding`): above 1 it is not rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "SCHEMA",
    "TRAINING_DATA",
    "Element",
    "Errors",
    "Failure",
    "FreeRun",
    "Judgement",
    "Outcome",
    "Report",
    "Setup",
    "Side",
    "Verdict",
    "comes_apart",
    "wrong_free_run",
]

SCHEMA = 2
"""Version of the report's layout; a report of another version is refused."""

TRAINING_DATA = "training data"
"""The case of judgements made on the run's own numbers; all other cases are probes."""

Verdict = Literal["identical", "rounding", "by design", "wrong", "not compared"]
"""Of an operation. identical: the bits of the reference. rounding: within the limits. by design:
not what the standard of arithmetic says, but what the library documents (JAX's CPU flushes
subnormal numbers to zero), and harmless to training. wrong: more than rounding explains.
not compared: it could not be run."""

Outcome = Literal["same numbers", "rounding only", "wrong", "could not be compared"]
"""Of a comparison. same numbers: every result has the bits of the reference."""


@dataclass(frozen=True)
class Element:
    """The worst element of a result.

    Attributes
    ----------
    index : tuple of int
        Where in the result, from 0; empty for a 0-d result.
    actual, exact : float
        What was computed, and what the operation gives in exact arithmetic on the same inputs
        (rounded to float64 here).
    ulps : float
        The error in ulps of the exact value.
    bound_ulps : float
        What rounding can explain at this element, in the same unit.

    Examples
    --------
    >>> from portable_dnn.equivalence import Element
    >>> worst = Element(index=(0, 2), actual=1.25, exact=1.0, ulps=2097152.0, bound_ulps=2.5)
    >>> worst.ulps > worst.bound_ulps  # more than rounding explains
    True
    """

    index: tuple[int, ...]
    actual: float
    exact: float
    ulps: float
    bound_ulps: float


@dataclass(frozen=True)
class Errors:
    """How far one side's result lies from the exact one.

    Attributes
    ----------
    max_ulps, typical_ulps : float
        Largest error, and median of the errors, in ulps. Where terms cancel, an ulp of the small
        result is a small unit, and honest errors are many of them.
    max_bounds : float
        Largest error in bounds; above 1 it is more than rounding.
    spread : float or None
        Root mean square of |error| over the noise that correct rounding makes (see `limits.noise`);
        None where the operation has no such statistic, or too few elements for it.
    worst : Element or None
        The element with the largest error in bounds; None if every element is exact.
    digest : str
        SHA-256 of the whole result's bytes (C order, little-endian): equal digests, equal bits.

    Examples
    --------
    >>> from portable_dnn.equivalence import Errors
    >>> errors = Errors(1.5, 0.25, max_bounds=0.3, spread=0.5, worst=None, digest="")
    >>> errors.max_bounds <= 1  # rounding explains every element
    True
    """

    max_ulps: float
    typical_ulps: float
    max_bounds: float
    spread: float | None
    worst: Element | None
    digest: str


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One operation, judged.

    The first five attributes name it, and are the same in every report of the same set-up.

    Attributes
    ----------
    iteration : int or None
        The iteration whose state the inputs are (0: the start); None for a probe.
    case : str
        `TRAINING_DATA`, or the name of the probe: "exact integers", "cancellation", …
    layer : int or None
        1 … L; None for the cost and for the whole step.
    operation : str
        In words: "forward product", "activation", "backward sum db", "compiled step, plain", …
    output : str
        The result's name in the course's notation: "Z1", "dW2", "cost".
    shape : tuple of int
        Of the result.
    dtype : str
        Of the result.
    inner : int
        How many terms each element sums; 1 where nothing is summed.
    judged : int
        How many elements were compared with exact ones; all of them, or a random sample.
    tested, reference : Errors or None
        Of either side; None where it has no result.
    spread_limit : float or None
        What the spread may be.
    verdict : Verdict
        On the side under test.
    reason : str
        Why, in a sentence without a full stop; empty for "identical" and "rounding".

    Examples
    --------
    >>> from portable_dnn.equivalence import Judgement
    >>> judgement = Judgement(
    ...     iteration=0, case="training data", layer=2, operation="forward product", output="Z2",
    ...     shape=(7, 209), dtype="float32", inner=20, judged=1463, tested=None, reference=None,
    ...     spread_limit=None, verdict="not compared", reason="out of memory",
    ... )
    >>> judgement.name
    'layer 2, forward product'
    """

    iteration: int | None
    case: str
    layer: int | None = None
    operation: str
    output: str
    shape: tuple[int, ...]
    dtype: str
    inner: int = 1
    judged: int = 0
    tested: Errors | None = None
    reference: Errors | None = None
    spread_limit: float | None = None
    verdict: Verdict
    reason: str

    @property
    def name(self) -> str:
        """The operation with its layer, as the headline has it: "layer 1, forward product"."""
        return self.operation if self.layer is None else f"layer {self.layer}, {self.operation}"

    @property
    def key(self) -> tuple[int | None, str, int | None, str, str]:
        """What names this judgement in every report of the same set-up."""
        return self.iteration, self.case, self.layer, self.operation, self.output


def wrong_free_run(dtype: str, reason: str) -> Judgement:
    """Judge a side wrong for what its free run came to; parameters as in `Judgement`."""
    return Judgement(
        iteration=None,
        case=TRAINING_DATA,
        operation="free run",
        output="cost",
        shape=(),
        dtype=dtype,
        verdict="wrong",
        reason=reason,
    )


@dataclass(frozen=True)
class FreeRun:
    """Both sides trained from the same start, each on its own numbers.

    Attributes
    ----------
    iterations : tuple of int
        Where the costs were recorded; the last entry is the state after the last update.
    costs_tested, costs_reference : tuple of float
        The cost curves, in nats.
    differences : tuple of float
        |tested − reference| at each of them.
    explained : tuple of float
        How far apart rounding errors of the size of a step's can drive them (see `amplification`).
    parts_at : int or None
        The first recorded iteration at which the costs differ at all; None if they never do.
    unexplained_at : int or None
        The first at which they differ by more than is explained; None if they never do. By
        itself this makes nothing wrong, but where no other result differs by a bit.
    parameters_apart : float
        Largest |difference| of a trained parameter over the largest |parameter| of its array.
    identical : bool
        Whether costs and trained parameters have the same bits.
    sentence : str
        The same in words.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import FreeRun, compare
    >>> from portable_dnn.training.settings import Settings
    >>> small = Settings(layers=(3,), iterations=2, dtype="float32")
    >>> report = compare("numpy", np.eye(2), np.array([[0, 1]]), settings=small, many=0)
    >>> run: FreeRun | None = report.free_run
    >>> run.iterations, run.identical
    ((0, 1, 2), True)
    """

    iterations: tuple[int, ...]
    costs_tested: tuple[float, ...]
    costs_reference: tuple[float, ...]
    differences: tuple[float, ...]
    explained: tuple[float, ...]
    parts_at: int | None
    unexplained_at: int | None
    parameters_apart: float
    identical: bool
    sentence: str


def comes_apart(run: FreeRun | None) -> bool:
    """Whether a free run's two sides come apart by more than is explained; False without a run."""
    return run is not None and run.unexplained_at is not None


@dataclass(frozen=True)
class Failure:
    """Where a comparison failed.

    Attributes
    ----------
    operation : str
        What was being computed, as a headline names it.
    side : {"tested", "reference"}
        Where.
    error : str
        The library's own words.

    Examples
    --------
    >>> from portable_dnn.equivalence import Failure
    >>> failure = Failure("the free run", side="tested", error="out of memory")
    >>> print(f"{failure.side} failed at {failure.operation}: {failure.error}")
    tested failed at the free run: out of memory
    """

    operation: str
    side: str
    error: str


@dataclass(frozen=True)
class Side:
    """A device, and what decides its numbers.

    Attributes
    ----------
    device : str
        Device string, such as "cupy:cuda:0".
    versions : mapping of str to str
        As `portable_dnn.arrays.versions.versions` gives them.

    Examples
    --------
    >>> from portable_dnn.equivalence import Side
    >>> side = Side("numpy:cpu", versions={"numpy": "2.4.6"})
    >>> side.device
    'numpy:cpu'
    """

    device: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Setup:
    """What was computed; two reports can be compared only if these agree.

    Attributes
    ----------
    data_source : str
        Where the data came from, for people; not compared.
    data_sha256 : str
        Of X and Y as they were given, shapes and dtypes included.
    start_sha256 : str
        Of the start parameters.
    layer_dims : tuple of int
        n_0 … n_L.
    samples : int
        m.
    settings : mapping of str to object
        Of `training.settings.Settings`: layers, hidden, initialization, seed, learning_rate,
        iterations, dtype, compress.

    Examples
    --------
    >>> from portable_dnn.equivalence import Setup
    >>> setup = Setup("cats.h5", "5f0c...", "9b1e...", (12288, 20, 1), 209, settings={"seed": 1})
    >>> setup.layer_dims, setup.samples
    ((12288, 20, 1), 209)
    """

    data_source: str
    data_sha256: str
    start_sha256: str
    layer_dims: tuple[int, ...]
    samples: int
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Report:
    """Whether two backends compute the same numbers.

    Attributes
    ----------
    schema : int
        `SCHEMA`.
    created : str
        When, ISO 8601, UTC.
    seconds : float
        How long the comparison took.
    tested, reference : Side
        The side under test, and the one that it is compared with.
    setup : Setup
        What was computed.
    judgements : tuple of Judgement
        In the order they were made: the probes, then each iteration in the order of data flow.
    free_run : FreeRun or None
        None if the comparison failed before.
    failure : Failure or None
        Where it failed; None if it did not.
    notes : tuple of str
        What a reader should know in addition to the verdict, a sentence each.
    outcome : Outcome
        The verdict.
    headline : str
        The verdict in a sentence; names the first wrong operation in the order of data flow.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import Report, compare
    >>> from portable_dnn.training.settings import Settings
    >>> small = Settings(layers=(3,), iterations=2, dtype="float32")
    >>> report: Report = compare("numpy", np.eye(2), np.array([[0, 1]]), settings=small, many=0)
    >>> report.outcome
    'same numbers'
    >>> report.tested.device, report.reference.device, report.wrong
    ('numpy:cpu', 'numpy:cpu', ())
    """

    schema: int
    created: str
    seconds: float
    tested: Side
    reference: Side
    setup: Setup
    judgements: tuple[Judgement, ...]
    free_run: FreeRun | None
    failure: Failure | None
    notes: tuple[str, ...]
    outcome: Outcome
    headline: str

    @property
    def wrong(self) -> tuple[Judgement, ...]:
        """The judgements whose verdict is "wrong"."""
        return tuple(j for j in self.judgements if j.verdict == "wrong")
