"""What a verdict means, for somebody who has read nothing else."""

from portable_dnn.equivalence.report.report import Report, comes_apart
from portable_dnn.setting_checks import FLOATS

__all__ = ["IN_REFERENCE", "SAVED", "meaning"]

SAVED = "in the saved run: "
"""How a reason begins if the result that this machine's is compared with is the wrong one."""

IN_REFERENCE = "in the reference: "
"""The same where the reference is of this machine."""

_PRECISION = ("tf32", "precision")  # in the names of libraries' settings


def meaning(report: Report) -> tuple[str, ...]:
    """Explain a report's outcome.

    Parameters
    ----------
    report : Report
        The comparison.

    Returns
    -------
    tuple of str
        Sentences that follow the headline; the last says what was not looked at.
    """
    said = _said(report)
    dtype = report.setup.settings.get("dtype")
    if report.outcome == "could not be compared" or dtype not in FLOATS:
        return said
    (other,) = (name for name in FLOATS if name != dtype)
    reduced = ", where products in reduced precision would show" if other == "float32" else ""
    return (*said, f"Not looked at: {other}{reduced} (--dtype {other}).")


def _said(report: Report) -> tuple[str, ...]:
    """Explain the outcome alone."""
    here, there = report.tested.device, report.reference.device
    if report.outcome == "same numbers":
        return (f"Every result of {here} has exactly the bits of {there}'s.",)
    apart = comes_apart(report.free_run) and report.failure is None
    if report.outcome == "could not be compared" and apart:
        return (
            f"No result of {here} that was judged is farther from the exact one than rounding "
            f"explains; but {here} and {there}, each trained on its own, differ by more.",
            "Either training amplifies rounding more than it did in the trial runs (a ReLU that "
            "changes sides), or something goes wrong that shows only in a whole run. This "
            "comparison cannot say which; one with another seed or number of iterations may.",
        )
    if report.outcome == "rounding only":
        return (
            f"{here} adds numbers up in another order than {there}, so it rounds differently; no "
            "result is farther from the exact one than that explains, so neither side is more "
            "right.",
            "In a long training the two may drift apart; that is no fault of either.",
        )
    if report.outcome == "wrong":
        both = {**report.reference.versions, **report.tested.versions}
        settings = [
            f"{name} = {value}"
            for name, value in both.items()
            if any(word in name.lower() for word in _PRECISION)
        ]
        return (
            "Rounding does not explain this: the operation computes something else, or in fewer "
            "digits than it should.",
            f"Do not trust results of {_blamed(report)} until this is fixed.",
            *(f"Settings that decide its digits: {s}." for s in [", ".join(settings)] if s),
        )
    return ("Nothing is said about the numbers that were not compared.",)


def _blamed(report: Report) -> str:
    """Name the side that is wrong."""
    other = [judgement.reason.startswith((SAVED, IN_REFERENCE)) for judgement in report.wrong]
    here, there = report.tested.device, report.reference.device
    return there if all(other) else f"{here} and {there}" if any(other) else here
