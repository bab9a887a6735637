"""A program's results as a whole, held against runs of it that are disturbed by noise."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.programs.disturbed import Disturbed, NoisyRun
from portable_dnn.equivalence.report.wording import number
from portable_dnn.files.text import words

__all__ = ["JudgedResult", "judge_whole"]

RUNS = 16
"""Fewer tell the deviation badly: a run that happens to lie near makes the limit too small."""
_UNITS = (2.0**-40, 2.0**-34)
"""Of float64, which has nothing better here: errors that grow with the noise as its power p are
taken back to 2⁻⁵³ by that power, found from two sizes."""
_MARGIN = 1.5 * 2.0 * math.sqrt(3.0)

ResultVerdict = Literal["right", "wrong", "undecided", "not judged"]


class JudgedResult(NamedTuple):
    """A result of a program, held against what rounding may make of it.

    Attributes
    ----------
    name : str
        Where it is in what the function returned: "result", "result['loss']", "result[0]".
    verdict : str
        "right", "wrong", "undecided" (a whole number or a decision that rounding may turn, or a
        number that may leave the range of its dtype on the way), or "not judged".
    reason : str
        What is wrong, or why it is not judged.
    share : float
        Largest share of its limit that an element's error takes; above 1 it is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import JudgedResult, compare_function
    >>> (one,) = compare_function(lambda x: {"twice": x * 2.0}, np.ones(3)).results
    >>> isinstance(one, JudgedResult), one.name, one.verdict
    (True, "result['twice']", 'right')
    """

    name: str
    verdict: ResultVerdict
    reason: str = ""
    share: float = 0.0


class _Run(NamedTuple):
    results: dict[str, HostArray]
    noisy: NoisyRun


def judge_whole(
    program: Callable[[NoisyRun], Any],
    found: Any,
    *,
    there: Sequence[tuple[str, str]] = (),
    flushes: bool = False,
) -> tuple[JudgedResult, ...]:
    """Judge what a program gave, by running it with noise.

    Parameters
    ----------
    program : callable
        Runs the program on arrays that a `NoisyRun` has begun, and returns its result.
    found : object
        What the program gave on the device, with NumPy's arrays, in any structure.
    there : sequence of (str, str)
        The operations on the device by name, and the dtypes of what they gave, in their order.
    flushes : bool
        Whether the library takes subnormal numbers for 0.

    Returns
    -------
    tuple of JudgedResult
        One for each array of the result.
    """
    given = _named(found)
    try:
        exact, runs, scale = _runs(program, flushes)
    except Exception as error:  # it is the user's, and may need the library that it was written for
        reason = f"it does not run on NumPy's arrays: {words(error)}"
        return tuple(JudgedResult(name, "not judged", reason) for name in given)
    other = _other_dtype(there, exact.noisy.dtypes)
    if other:
        return tuple(JudgedResult(name, "not judged", other) for name in given)
    unknown = sorted({name for run in (exact, *runs) for name in run.noisy.unknown})
    if unknown:
        reason = f"the size of the error of {', '.join(unknown)} is not known"
        return tuple(JudgedResult(name, "not judged", reason) for name in given)
    if any(set(run.results) != set(given) for run in (exact, *runs)):
        reason = "on NumPy's arrays it returns other arrays"
        return tuple(JudgedResult(name, "not judged", reason) for name in given)
    return tuple(_judged(name, array, exact, runs, scale) for name, array in given.items())


def _runs(
    program: Callable[[NoisyRun], Any], flushes: bool
) -> tuple[_Run, list[_Run], dict[str, HostArray]]:
    """Run without noise, with it, and with all decisions turned that no run has turned.

    Last comes what the deviations of each result are to be multiplied with.
    """

    def run(unit: float | None, seed: int, flips: dict[int, HostArray] | None = None) -> _Run:
        noisy = NoisyRun(unit, np.random.RandomState(seed), flips, flushes=flushes)
        with np.errstate(all="ignore"):
            results = _named(program(noisy))
        return _Run({name: _wide_of(x) for name, x in results.items()}, noisy)

    exact = run(0.0, 0)
    # Of a program that computes in float32 as well, that decides; its noise is of the true size.
    double = {dtype for _, dtype in exact.noisy.dtypes if "float" in dtype} == {"float64"}
    small = _UNITS[0] if double else None
    runs = [run(small, seed) for seed in range(1, RUNS + 1)]
    scale = {name: np.ones_like(x, dtype=np.float64) for name, x in exact.results.items()}
    if double:
        large = [run(_UNITS[1], seed) for seed in range(1, RUNS + 1)]
        scale = {name: _taken_back(name, exact, runs, large) for name in exact.results}
    flips = _undecided(exact, runs)
    if flips:
        runs.append(run(small, RUNS + 1, flips))
    return exact, runs, scale


def _other_dtype(there: Sequence[tuple[str, str]], here: Sequence[tuple[str, str]]) -> str:
    """Say that an operation gives another dtype on the device than on the host, as defaults may."""
    for (name, device), (other, host) in zip(there, here, strict=False):
        if name != other:  # the program goes another way there: which is which is not known
            break
        if device != host and "float" in device + host:
            return f"{name} gives {device} there, and {host} on the host"
    return ""


def _taken_back(name: str, exact: _Run, small: list[_Run], large: list[_Run]) -> HostArray:
    """By what the deviations at 2⁻⁴⁰ are multiplied to be those at 2⁻⁵³."""
    with np.errstate(all="ignore"):
        ratio = _deviation(name, exact, large) / _deviation(name, exact, small)
        power = np.clip(np.log2(ratio) / 6.0, 0.25, 1.0)
    return np.where(np.isfinite(power), 2.0 ** (-13.0 * power), 2.0**-13)


def _deviation(name: str, exact: _Run, runs: Sequence[_Run]) -> HostArray:
    """Return the root mean square of the distances from the run without noise."""
    middle = exact.results[name].astype(np.float64)
    distances = []
    for run in runs:
        other = run.results[name]
        if other.shape != middle.shape:  # a decision has changed how much there is
            return np.full(middle.shape, np.inf)
        with np.errstate(all="ignore"):
            distance = np.abs(other.astype(np.float64) - middle)
        same = (other == middle) | ((other != other) & (middle != middle))
        distances.append(np.where(same, 0.0, np.where(np.isnan(distance), np.inf, distance)))
    return _root_mean_square(np.stack(distances))


def _root_mean_square(distances: HostArray) -> HostArray:
    """Take it over the first axis, of numbers whose squares may leave the range of float64."""
    largest = np.max(np.abs(distances), axis=0)
    with np.errstate(all="ignore"):
        shares = np.where(largest > 0, distances / largest, 0.0)
        root: HostArray = largest * np.sqrt(np.mean(shares * shares, axis=0))
    return np.where(np.isinf(largest), np.inf, root)


def _undecided(exact: _Run, runs: Sequence[_Run]) -> dict[int, HostArray]:
    """Find comparisons that rounding could have turned, and did in none of the runs."""
    flips: dict[int, HostArray] = {}
    for place, first in enumerate(exact.noisy.comparisons):
        others = [
            run.noisy.comparisons[place]
            for run in runs
            if place < len(run.noisy.comparisons)
            and run.noisy.comparisons[place].said.shape == first.said.shape
        ]
        if len(others) < len(runs):
            break  # the runs have gone different ways
        margins = np.stack([one.margin for one in others])
        reach = _reach(first.said.size) * _root_mean_square(margins - first.margin)
        turned = np.any(np.stack([one.said for one in others]) != first.said, axis=0)
        open_ = (np.abs(first.margin) <= reach) & (reach > 0) & ~turned
        if open_.any():
            flips[place] = open_
    return flips


def _reach(elements: int) -> float:
    """How many deviations an honest error may be away, with a probability of 2⁻⁴⁰."""
    return _MARGIN * math.sqrt(2.0 * math.log(2.0 * max(elements, 1) * 2.0**40))


def _judged(
    name: str, found: HostArray, exact: _Run, runs: Sequence[_Run], scale: dict[str, HostArray]
) -> JudgedResult:
    right = exact.results[name]
    if found.shape != right.shape:
        sizes = f"shape {found.shape} where NumPy gives {right.shape}"
        alike = all(run.results[name].shape == right.shape for run in runs)
        return JudgedResult(name, "wrong" if alike else "undecided", sizes)
    if found.dtype.kind != "f":
        return _whole_numbers(name, found, right, runs)
    spread, turned = runs[:RUNS], runs[RUNS:]
    info = np.finfo(found.dtype)
    with np.errstate(all="ignore"):
        limit = _reach(right.size) * _deviation(name, exact, spread) * scale[name]
        # The result itself is rounded, and decisions may be turned.
        limit = limit + np.abs(right) * float(info.eps) / 2 + float(info.smallest_subnormal)
        for run in turned:
            limit = limit + 1.5 * _deviation(name, exact, [run])
        error = np.abs(found.astype(np.float64) - right)
        same = (found == right) | ((found != found) & (right != right))
        unknown = ~same & ~np.isfinite(limit)
        same |= np.isinf(found) & (np.abs(right) + limit > float(info.max)) & ~unknown
        share = np.where(np.isnan(error), np.inf, error) / limit
        share = np.where(same | unknown, 0.0, share)
    if (share <= 1).all():
        most = float(share.max(initial=0.0))
        if unknown.any():
            reason = f"of {int(unknown.sum())} elements rounding may make anything"
            return JudgedResult(name, "undecided", reason, most)
        return JudgedResult(name, "right", "", most)
    index = tuple(int(i) for i in np.unravel_index(int(share.argmax()), share.shape))
    reason = (
        f"element {index} is {found[index]!s} where {right[index]:.9g} is right; rounding explains "
        f"a distance of {number(float(limit[index]))}, this is {number(float(error[index]))}"
    )
    return JudgedResult(name, "wrong", reason, float(share.max()))


def _whole_numbers(
    name: str, found: HostArray, right: HostArray, runs: Sequence[_Run]
) -> JudgedResult:
    """Judge whole numbers and decisions: right if a run gives them, else rounding may turn them."""
    taken = found == right
    for run in runs:
        other = run.results[name]
        taken |= (other == found) if other.shape == found.shape else False
    if taken.all():
        return JudgedResult(name, "right")
    reason = f"{int((~taken).sum())} of {taken.size} elements are as in no run of {RUNS}"
    return JudgedResult(name, "undecided", reason)


def _wide_of(x: Any) -> HostArray:
    return x.wide if isinstance(x, Disturbed) else np.asarray(x)


def _named(value: Any, name: str = "result") -> dict[str, Any]:
    """List the arrays in a structure by where they are."""
    if isinstance(value, dict):
        parts = {f"{name}[{key!r}]": part for key, part in value.items()}
    elif isinstance(value, list | tuple):
        fields = getattr(value, "_fields", None)
        keys = (
            [f".{field}" for field in fields] if fields else [f"[{i}]" for i in range(len(value))]
        )
        parts = {f"{name}{key}": part for key, part in zip(keys, value, strict=True)}
    else:
        if isinstance(value, float):  # a number that was made of an array
            return {name: np.asarray(value)}
        return {name: value} if isinstance(value, np.ndarray | Disturbed) else {}
    return {k: x for key, part in parts.items() for k, x in _named(part, key).items()}
