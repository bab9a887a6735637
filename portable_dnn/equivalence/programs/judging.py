"""The judgement of one operation, by the rule that the table has for it."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.limits.accuracy import Accuracy
from portable_dnn.equivalence.programs.replay import difference, ordered, replayed
from portable_dnn.equivalence.programs.residuals import residual
from portable_dnn.equivalence.programs.rules import ALIASES, COUNTED, Rule, rule_of
from portable_dnn.equivalence.programs.truths import truths
from portable_dnn.equivalence.stages.judge import Finding, judge

__all__ = ["Said", "judged"]

OperationVerdict = Literal["exact", "rounding", "by design", "wrong", "not judged", "no values"]


class Said(NamedTuple):
    """What is said of an operation.

    Attributes
    ----------
    verdict : str
        "exact" and "rounding" are right; so is "by design", where subnormal numbers are taken for
        0 as the library documents.
    reason : str
        What is wrong, or why it is not judged.
    ulps : float
        Largest error, in units in the last place of the exact value.
    share : float
        Largest share of its limit that an element's error takes, or that the spread of the errors
        takes of its own; above 1 it is wrong.
    """

    verdict: OperationVerdict
    reason: str = ""
    ulps: float = 0.0
    share: float = 0.0


@np.errstate(all="ignore")  # NaN, infinity and overflow are results like others here
def judged(
    name: str,
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
    result: Any,
    accuracy: Accuracy,
    random: np.random.RandomState,
) -> Said:
    """Judge an operation on its own inputs.

    Parameters
    ----------
    name : str
        As it was called.
    arguments, options
        What it was called with, of NumPy's arrays.
    result : numpy.ndarray, or a tuple or list of them
        What came of it.
    accuracy : Accuracy
        Of the library.
    random : numpy.random.RandomState
        For elements that are drawn where there are too many.

    Returns
    -------
    Said
    """
    rule, standard = rule_of(name), ALIASES.get(name, name)
    if standard in COUNTED and all(x.dtype.kind in "biu" for x in _arrays((arguments, result))):
        rule = Rule("exact")
    if rule.family in ("no values", "not judged"):
        return Said(rule.family, rule.reason)
    if any(x.dtype.kind == "c" for x in _arrays((arguments, result))):
        return Said("not judged", "complex numbers are not judged")
    try:
        return _by_rule(rule, standard, arguments, options, result, accuracy, random)
    # What is called otherwise than in the standard is not understood, whatever goes wrong then.
    except Exception as error:
        words = str(error) or type(error).__name__
        return Said("not judged", f"called so, it is not known here: {words}")


def _by_rule(
    rule: Rule,
    name: str,
    arguments: tuple[Any, ...],
    options: Mapping[str, Any],
    result: Any,
    accuracy: Accuracy,
    random: np.random.RandomState,
) -> Said:
    floats = isinstance(result, np.ndarray) and result.dtype.kind == "f"
    if rule.family == "residual":
        wrong = residual(name, arguments, options, result)
        return Said("wrong", wrong) if wrong else Said("rounding")
    if rule.family == "exact" or not floats:
        both = result, replayed(name, arguments, options)
        found, right = (ordered(name, arguments, options, x) for x in both)
        wrong = difference(found, right, flushes=accuracy.flushes)
        return Said("wrong", wrong) if wrong else Said("exact")
    findings = [
        judge(part, truth, accuracy)
        for truth, part in truths(name, arguments, options, result, accuracy, random)
    ]
    return max(
        map(_said, findings), key=lambda said: _WORSE.index(said.verdict), default=Said("exact")
    )


_WORSE = ("exact", "rounding", "by design", "not judged", "wrong")


def _said(finding: Finding) -> Said:
    errors, limit = finding.errors, finding.spread_limit
    share = errors.max_bounds
    if errors.spread is not None and limit:
        share = max(share, errors.spread / limit)
    if finding.verdict == "not compared":
        return Said("not judged", finding.reason)
    verdict: OperationVerdict = "rounding"
    if finding.verdict in ("wrong", "by design"):
        verdict = "wrong" if finding.verdict == "wrong" else "by design"
    elif errors.max_ulps == 0:
        verdict = "exact"
    return Said(verdict, finding.reason, errors.max_ulps, share)


def _arrays(value: Any) -> Iterable[HostArray]:
    """List the arrays in a structure."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _arrays(part)
