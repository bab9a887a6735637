"""A run of this machine compared with another machine's saved run.

Both reports have the errors of the same operations, measured from the same exact results, so the
other machine is not needed. The two *tested* sides are compared with each other: an operation is
right if the errors of either side are rounding. Bits are compared at
the probes and at the start, whose inputs are the same on every machine; at later iterations the
inputs come from each machine's own reference run.
"""

from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from importlib.metadata import version
from typing import Any

from portable_dnn.equivalence.limits.distance import first_beyond
from portable_dnn.equivalence.report.meaning import SAVED
from portable_dnn.equivalence.report.report import (
    FreeRun,
    Judgement,
    Outcome,
    Report,
    Setup,
    Verdict,
    comes_apart,
    wrong_free_run,
)
from portable_dnn.equivalence.report.verdict import in_order, notes
from portable_dnn.equivalence.report.wording import number
from portable_dnn.errors import DataError, PortableDnnError
from portable_dnn.files.text import words
from portable_dnn.training.settings import Settings, as_of_today

__all__ = ["check_same_settings", "check_same_setup", "hold_against", "settings_of"]

_WORDS = {
    "dtype": "dtype",
    "seed": "seed",
    "layers": "hidden layers",
    "hidden": "activations",
    "initialization": "initialization",
    "learning_rate": "learning rate",
    "iterations": "number of iterations",
    "compress": "compression",
}


def settings_of(saved: Setup, source: str) -> Settings:
    """Return the settings that a saved report was made with, checked.

    Parameters
    ----------
    saved : Setup
        Of a file.
    source : str
        The file, for the message.

    Returns
    -------
    Settings

    Raises
    ------
    DataError
        If they are no settings of a run.
    """
    content = {name: _tuples(value) for name, value in as_of_today(saved.settings).items()}
    try:
        settings = Settings(**content)
        settings.check()
    except (PortableDnnError, ArithmeticError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{source} has settings that no run has: {words(error)}") from error
    return settings


def _tuples(value: Any) -> Any:
    """Turn JSON's lists into tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def check_same_settings(ours: Settings, theirs: Settings, source: str) -> None:
    """Check that two runs have the same settings.

    Parameters
    ----------
    ours, theirs : Settings
        Of this run and of the saved one.
    source : str
        The saved report, for the message.

    Raises
    ------
    DataError
        If they differ; names the first difference.
    """
    here, there = asdict(ours), asdict(theirs)
    _check_same(
        {_WORDS.get(f.name, f.name): (here[f.name], there[f.name]) for f in fields(Settings)},
        source,
    )


def _check_same(pairs: dict[str, tuple[object, object]], source: str) -> None:
    """Refuse the first pair whose two are not the same."""
    for what, (here, there) in pairs.items():
        if here != there:
            raise DataError(
                f"{source} was made with {what} {_short(there)}, and this run has "
                f"{_short(here)}; give both the same"
            )


def check_same_setup(ours: Setup, theirs: Report, source: str) -> None:
    """Check that two runs computed the same, and judged it by the same rules.

    Parameters
    ----------
    ours : Setup
        Of this run.
    theirs : Report
        The saved one.
    source : str
        The saved report, for the message.

    Raises
    ------
    DataError
        If version, network, data or start differ; names the first difference.
    """
    saved = theirs.setup
    dims = ["-".join(map(str, setup.layer_dims)) for setup in (ours, saved)]
    _check_same(
        {
            "portable_dnn": (version("portable_dnn"), theirs.tested.versions.get("portable_dnn")),
            "the network": (dims[0], dims[1]),
            "data": (f"{ours.samples} samples", f"{saved.samples} samples"),
            "the data set": (ours.data_sha256, saved.data_sha256),
            "the start": (ours.start_sha256, saved.start_sha256),
        },
        source,
    )


def _short(value: object) -> str:
    """Write a value of somebody's file so that it cannot flood the message."""
    if isinstance(value, tuple):
        return ",".join(_short(item) for item in value[:8]) or "none"
    return str(value)[:64]


def hold_against(ours: Report, theirs: Report, source: str) -> Report:
    """Compare this machine's run with a saved one.

    Parameters
    ----------
    ours : Report
        Of this machine.
    theirs : Report
        The saved one.
    source : str
        Where it was saved, for messages.

    Returns
    -------
    Report
        The tested side is this machine's, the reference the saved report's tested side.

    Raises
    ------
    DataError
        If the two did not compute the same.
    """
    check_same_settings(
        settings_of(ours.setup, "this run"), settings_of(theirs.setup, source), source
    )
    check_same_setup(ours.setup, theirs, source)
    saved = {judgement.key: judgement for judgement in theirs.judgements}
    alone = saved.keys() - {judgement.key for judgement in ours.judgements}
    judgements = [_pair(judgement, saved.get(judgement.key)) for judgement in ours.judgements]
    judgements += [_alone(saved[key]) for key in saved if key in alone]
    free_run = _free_runs(ours.free_run, theirs.free_run)
    both = replace(
        ours,
        reference=replace(theirs.tested, device=f"{theirs.tested.device} of {source}"),
        judgements=(*judgements, *_at_the_start(free_run, ours)),
        free_run=free_run,
        notes=notes(free_run),
        failure=ours.failure or theirs.failure,
    )
    outcome, headline = _conclusion(both, theirs)
    return replace(both, outcome=outcome, headline=headline)


def _alone(theirs: Judgement) -> Judgement:
    """Take over a saved result that this run does not have."""
    wrong = theirs.verdict == "wrong"
    verdict: Verdict = "wrong" if wrong else "not compared"
    reason = SAVED + theirs.reason if wrong else "this run has no such result"
    return replace(theirs, tested=None, reference=theirs.tested, verdict=verdict, reason=reason)


def _at_the_start(run: FreeRun | None, ours: Report) -> Iterator[Judgement]:
    """Find costs wrong that differ before anything was trained: both begin with the same bits."""
    if run is not None and run.unexplained_at == 0:
        reason = f"the costs are {number(run.differences[0])} apart before the first update"
        yield wrong_free_run(str(ours.setup.settings["dtype"]), reason)


def _pair(ours: Judgement, theirs: Judgement | None) -> Judgement:
    """Put the saved errors in the reference's place, and judge again."""
    if theirs is not None and theirs.verdict == "wrong" and ours.verdict != "wrong":
        return replace(ours, reference=theirs.tested, verdict="wrong", reason=SAVED + theirs.reason)
    if theirs is None or theirs.tested is None:
        verdict: Verdict = ours.verdict if ours.verdict == "wrong" else "not compared"
        reason = ours.reason or "the saved report has no such result"
        return replace(ours, reference=None, verdict=verdict, reason=reason)
    both = replace(ours, reference=theirs.tested)
    if ours.verdict == "wrong":
        return both
    if ours.tested is not None and ours.tested.digest == theirs.tested.digest:
        return replace(both, verdict="identical", reason="")
    if "by design" in (ours.verdict, theirs.verdict):
        return replace(both, verdict="by design", reason=ours.reason or theirs.reason)
    return replace(both, verdict="rounding", reason="")


def _free_runs(ours: FreeRun | None, theirs: FreeRun | None) -> FreeRun | None:
    """Compare the two cost curves."""
    if ours is None or theirs is None or ours.iterations != theirs.iterations:
        return None
    costs = list(zip(ours.costs_tested, theirs.costs_tested, strict=True))
    differences = tuple(abs(a - b) for a, b in costs)
    # Either side's rounding drives its own run away from the exact one.
    explained = tuple(a + b for a, b in zip(ours.explained, theirs.explained, strict=True))
    table = list(zip(ours.iterations, differences, explained, strict=True))
    parts_at = first_beyond(ours.iterations, differences, [0.0] * len(differences))
    unexplained_at = first_beyond(ours.iterations, differences, explained)
    if parts_at is None:
        sentence = "trained on two machines, the costs never differ"
    else:
        where = max(table, key=lambda row: row[1])
        sentence = (
            f"trained on two machines, the costs part at iteration {parts_at} and are at most "
            f"{number(where[1])} apart, at iteration {where[0]}; "
        )
        sentence += (
            "rounding errors can grow to that"
            if unexplained_at is None
            else f"from iteration {unexplained_at} on this is more than the errors of a step "
            "were seen to grow to"
        )
    return replace(
        ours,
        costs_reference=theirs.costs_tested,
        differences=differences,
        explained=explained,
        parts_at=parts_at,
        unexplained_at=unexplained_at,
        identical=parts_at is None,
        parameters_apart=float("nan"),
        sentence=sentence,
    )


def _conclusion(both: Report, theirs: Report) -> tuple[Outcome, str]:
    """Say in a sentence how the two runs compare."""
    here, there = both.tested.device, both.reference.device
    lacking = ""
    if both.failure is not None:
        device = there if both.failure is theirs.failure else here
        lacking = f"on {device} {both.failure.operation} failed: {both.failure.error}"
    if both.wrong:
        first, *others = in_order(both.wrong)
        more = f"; {len(others)} other results wrong too" if others else ""
        then = f" Then {lacking}." if lacking else ""
        return "wrong", f"Wrong at {first.name}, {first.reason}{more}.{then}"
    missing = [j for j in both.judgements if j.verdict == "not compared"]
    if not lacking and missing:
        lacking = (
            f"{len(missing)} of {len(both.judgements)} results are only of one of the two runs"
        )
    ended = theirs.outcome == "could not be compared" and not comes_apart(theirs.free_run)
    if not lacking and ended:
        lacking = f"{there} is not a whole run"
    if lacking or both.free_run is None:
        lacking = lacking or "one of the two runs lacks the free run"
        return "could not be compared", f"Could not be compared: {lacking}."
    right = f"every operation of {here} and of {there} is as near to the exact result"
    if comes_apart(both.free_run):
        return (
            "could not be compared",
            f"Undecided: {right} as rounding allows; but trained on two machines, the "
            f"costs differ by more than it explains, from iteration "
            f"{both.free_run.unexplained_at} on.",
        )
    # At later iterations the inputs are each machine's own.
    fixed = [j for j in both.judgements if not j.iteration and j.verdict != "identical"]
    if not fixed and both.free_run.identical:
        return "same numbers", f"The same numbers: {here} has the bits of {there}."
    return "rounding only", f"Rounding only: {right} as rounding allows."
