"""Comparing a result with the exact one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.truth import Truth
from portable_dnn.equivalence.limits.accuracy import Accuracy
from portable_dnn.equivalence.limits.distance import distance, in_bounds, is_beyond
from portable_dnn.equivalence.limits.noise import spread, spread_limit
from portable_dnn.equivalence.limits.repeats import mostly_repeated
from portable_dnn.equivalence.limits.rounding import Bounds, bound, ulp
from portable_dnn.equivalence.report.meaning import IN_REFERENCE
from portable_dnn.equivalence.report.report import Element, Errors, Judgement, Verdict
from portable_dnn.equivalence.report.wording import number

__all__ = ["Finding", "judge", "judgement"]

_REPEATS_ASKED = 1000


@dataclass(frozen=True)
class Finding:
    """What `judge` found.

    Attributes
    ----------
    errors : Errors
        How far off the result is.
    spread_limit : float or None
        What the spread may be.
    verdict : Verdict
        Of the result: "rounding", "by design", "wrong", or "not compared" where nothing can be
        said about any element.
    reason : str
        Why; empty for "rounding".
    """

    errors: Errors
    spread_limit: float | None
    verdict: Verdict
    reason: str


def _verdict_of_both(
    findings: Sequence[Finding | None], complaints: Sequence[Sequence[str]]
) -> tuple[Verdict, str]:
    """Decide on an operation that both sides ran, and say why."""
    for finding, seen, where in zip(findings, complaints, ("", IN_REFERENCE), strict=True):
        values = [finding.reason] if finding is not None and finding.verdict == "wrong" else []
        if values or seen:
            return "wrong", where + "; ".join((*values, *seen))
    ours, theirs = findings
    assert ours is not None
    assert theirs is not None
    if ours.errors.digest == theirs.errors.digest:
        return "identical", ""
    return ours.verdict, ours.reason


def judgement(
    operation: str,
    output: str,
    truth: Truth,
    dtype: np.dtype,
    findings: Sequence[Finding | None],
    complaints: Sequence[Sequence[str]],
    *,
    iteration: int | None,
    case: str,
    layer: int | None = None,
) -> Judgement:
    """Judge an operation that both sides ran.

    Parameters
    ----------
    operation, output, iteration, case, layer
        As in `Judgement`.
    truth, dtype
        What the result should be, and of which dtype.
    findings : sequence of Finding or None
        Of the side under test and of the reference; None where it gave no result.
    complaints : sequence of sequence of str
        Of each, what is wrong beside the values; without a result there is one at least.

    Returns
    -------
    Judgement
        "wrong" if either side is.
    """
    ours, theirs = findings
    verdict, reason = _verdict_of_both(findings, complaints)
    return Judgement(
        iteration=iteration,
        case=case,
        layer=layer,
        operation=operation,
        output=output,
        shape=truth.shape,
        dtype=dtype.name,
        inner=truth.inner,
        judged=truth.value.hi.size,
        tested=ours.errors if ours else None,
        reference=theirs.errors if theirs else None,
        spread_limit=ours.spread_limit if ours else None,
        verdict=verdict,
        reason=reason,
    )


def _digest(result: HostArray) -> str:
    """SHA-256 of a result's bytes in C order, little-endian."""
    little = np.ascontiguousarray(result, dtype=result.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


@np.errstate(all="ignore")  # NaN, infinity and overflow are results like others here
def judge(actual: HostArray, truth: Truth, accuracy: Accuracy) -> Finding:
    """Compare a result with the exact one.

    Parameters
    ----------
    actual : numpy.ndarray
        The whole result, in the truth's shape, float32 or float64.
    truth : Truth
        What it should be.
    accuracy : Accuracy
        Of the library that computed it.

    Returns
    -------
    Finding
    """
    dtype = actual.dtype
    chosen = actual.astype(np.float64).ravel()
    if truth.where is not None:
        chosen = chosen[truth.where]
    if truth.bound is None:
        limits = bound(truth.kind, truth.magnitude, dtype, truth.inner, accuracy, actual.size)
    else:
        limits = Bounds(truth.bound, truth.bound)
    likely, certain = (np.broadcast_to(x, truth.value.hi.shape).ravel() for x in limits)
    error = _errors(chosen, truth, certain, dtype)
    limit = _limit(error, likely, certain, truth)
    tiny = float(np.finfo(dtype).tiny)
    free = np.broadcast_to(truth.flushed, truth.value.hi.shape).ravel() * tiny
    beyond = error
    if accuracy.flushes:
        beyond = np.where(np.isfinite(free), np.maximum(error - free, 0.0), 0.0)
    noisy, noise_limit = None, None
    if truth.noise is not None:
        noisy = spread(beyond, truth.noise, dtype)
        noise_limit = None if noisy is None else spread_limit(truth.noise)
    errors = _summary(actual, chosen, error, limit, truth, noisy)
    verdict, reason = _verdict(errors, beyond, limit, noise_limit)
    if truth.bound is not None and certain.size and not np.isfinite(certain).any():
        verdict, reason = "not compared", f"numbers on the way may overflow {dtype}"
    return Finding(errors, noise_limit, verdict, reason)


def _errors(chosen: HostArray, truth: Truth, certain: HostArray, dtype: np.dtype) -> HostArray:
    """|actual − exact|; infinite where a zero has the wrong sign, 0 where nothing can be said."""
    exact, rest = truth.value.hi.ravel(), truth.value.lo.ravel()
    reach = None if truth.reach is None else np.broadcast_to(truth.reach, truth.value.hi.shape)
    error = distance(chosen, exact, rest, certain, dtype, None if reach is None else reach.ravel())
    if truth.bound is not None:
        error = np.where(np.isfinite(certain), error, 0.0)
    signed = np.broadcast_to(truth.signed, truth.value.hi.shape).ravel()
    flipped = (exact == 0) & (chosen == 0) & (np.signbit(exact) != np.signbit(chosen))
    return np.where(signed & flipped, np.inf, error)


def _limit(error: HostArray, likely: HostArray, certain: HostArray, truth: Truth) -> HostArray:
    """Take the probabilistic bound, but the deterministic one where an element's terms repeat."""
    doubtful = np.flatnonzero((error > likely) & (error <= certain))
    if truth.terms is None or not doubtful.size:
        return likely
    limit = likely.copy()
    asked = doubtful[:_REPEATS_ASKED]
    repeated = mostly_repeated(np.array([truth.terms(int(index)) for index in asked]))
    limit[asked[repeated]] = certain[asked[repeated]]
    if repeated.all():
        limit[doubtful] = certain[doubtful]
    return limit


def _summary(
    actual: HostArray,
    chosen: HostArray,
    error: HostArray,
    limit: HostArray,
    truth: Truth,
    noisy: float | None,
) -> Errors:
    """Sum the errors up."""
    exact = truth.value.hi.ravel()
    units = ulp(exact, actual.dtype)
    ratio = in_bounds(error, limit)
    finite = error[np.isfinite(error)] / units[np.isfinite(error)]
    worst = None
    if error.size and error.max() > 0:
        at = int(np.argmax(ratio))
        flat = at if truth.where is None else int(truth.where[at])
        worst = Element(
            index=tuple(int(i) for i in np.unravel_index(flat, truth.shape)) if truth.shape else (),
            actual=float(chosen[at]),
            exact=float(exact[at]),
            ulps=float(error[at] / units[at]),
            bound_ulps=float(limit[at] / units[at]),
        )
    return Errors(
        max_ulps=float(np.max(error / units, initial=0.0)),
        typical_ulps=float(np.median(finite)) if finite.size else 0.0,
        max_bounds=float(np.max(ratio, initial=0.0)),
        spread=noisy,
        worst=worst,
        digest=_digest(actual),
    )


def _verdict(
    errors: Errors, beyond: HostArray, limit: HostArray, noise_limit: float | None
) -> tuple[Verdict, str]:
    """Decide, and say why."""
    if is_beyond(beyond, limit).any():
        return "wrong", _words(errors)
    if errors.spread is not None and noise_limit is not None and errors.spread > noise_limit:
        return "wrong", (
            f"errors as a whole are {number(errors.spread)} times those of rounding, limit "
            f"{number(noise_limit)}"
        )
    if errors.max_bounds > 1:
        return "by design", "subnormal numbers are treated as 0, as the library documents"
    return "rounding", ""


def _words(errors: Errors) -> str:
    """Describe the worst element."""
    worst = errors.worst
    assert worst is not None
    where = f"element ({', '.join(map(str, worst.index))}): " if worst.index else ""
    if not np.isfinite(worst.ulps):
        return f"{where}{worst.actual} where {worst.exact} is right"
    if worst.bound_ulps == 0:
        return f"{where}{worst.actual!r} where {worst.exact!r} is exact"
    return f"{where}{number(worst.ulps)} units in the last place, bound {number(worst.bound_ulps)}"
