"""An assertion for any tests: a result is what its operation gives, up to rounding."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from portable_dnn.arrays.contract import Array, HostArray
from portable_dnn.arrays.devices import location_of, to_host
from portable_dnn.arrays.namespaces import dtype_name
from portable_dnn.equivalence.limits.accuracy import Accuracy, accuracy_of
from portable_dnn.equivalence.limits.distance import distance, in_bounds, is_beyond
from portable_dnn.equivalence.limits.rounding import ROUNDINGS, bound, roundings, ulp
from portable_dnn.equivalence.programs.rules import RULES
from portable_dnn.equivalence.report.wording import number
from portable_dnn.errors import DTypeError, SettingError, ShapeError
from portable_dnn.setting_checks import FLOATS, check_choice, check_count, described

__all__ = ["Roundings", "assert_equivalent"]

_COUNTED = ("bool", "int", "uint")
_JUDGED = (*FLOATS, "float16")
_FUNCTIONS = tuple(name for name, rule in RULES.items() if rule.family == "function")
# Of one element each, so that nothing cancels.
_SINGLE = ("exact", "arithmetic", "pixels", "slope", "tanh", *_FUNCTIONS)


@dataclass(frozen=True)
class Roundings:
    """An operation by the roundings on the way from exact inputs to one element of the result.

    Attributes
    ----------
    name : str
        For the message.
    arithmetic : int
        Additions, subtractions, multiplications, divisions and square roots; of a sum or a product
        of inner length k there are k.
    exp, log, log1p, tanh : int
        Calls of these functions; each counts for what the library documents.

    Raises
    ------
    SettingError
        If a count is no whole number of at least 0.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import Roundings, assert_equivalent
    >>> x = np.array([0.1, 0.2, 0.4], dtype=np.float32)
    >>> exact = x.astype(np.float64).mean(keepdims=True)
    >>> two_sums_and_a_division = Roundings("mean of three", arithmetic=3)
    >>> assert_equivalent((x[:1] + x[1:2] + x[2:]) / 3, exact, two_sums_and_a_division, like=x)
    """

    name: str
    arithmetic: int = 0
    exp: int = 0
    log: int = 0
    log1p: int = 0
    tanh: int = 0

    def __post_init__(self) -> None:
        """Check the counts."""
        for name in ("arithmetic", "exp", "log", "log1p", "tanh"):
            value = getattr(self, name)
            if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
                raise SettingError(
                    f"the roundings {name} are {value!r}; a whole number of at least 0 is right"
                )

    def count(self, accuracy: Accuracy) -> int:
        """Count the roundings; an error of e ulps is one of at most 2 e roundings."""
        ulps = (
            self.exp * accuracy.exp
            + self.log * accuracy.log
            + self.log1p * accuracy.log1p
            + self.tanh * accuracy.tanh
        )
        return math.ceil(self.arithmetic + 2.0 * ulps)


def assert_equivalent(
    actual: Array,
    reference: Array,
    operation: str | Roundings = "exact",
    *,
    inner: int = 1,
    magnitude: Any = None,
    like: Array | None = None,
) -> None:
    """Fail if a result is not its operation's, up to rounding.

    Library, device, shape and dtype are checked before the values; nothing is moved or cast to
    make them fit. The bound is the deterministic one of `equivalence.limits.rounding`, element
    by element: it holds in whatever order terms are added, and also where they repeat each other,
    so that every rounding may go the same way.

    NaN and infinities must be where the reference has them, except for overflow: where the
    reference, with the bound, exceeds the largest number of the dtype, infinity is right; where the
    magnitude that was given does, a part of the sum may overflow, and any infinity or NaN is no
    error.

    Parameters
    ----------
    actual : array
        What was computed; of any library. Floats, or, for "exact", integers or booleans.
    reference : array
        What is right. Computed in a wider dtype it is taken for exact; in the same or a narrower
        one it may be as wrong as the result, and both bounds are added.
    operation : str or Roundings
        "exact" (the same numbers), "arithmetic" (one rounding), "product" or "mean" (`inner` terms
        an element), a function of the array API such as "exp" or "sin", another kind of
        `limits.rounding.ROUNDINGS`, or the roundings of an operation of your own.
    inner : int
        How many terms an element of a product, mean or cost sums; at least 1, and for float32 below
        2²⁴, where the bound ends.
    magnitude : array, optional
        For each element the sum of the magnitudes of its terms, such as |A| |B| for a product: what
        cancels counts. By default |reference|, right where no two terms have different signs.
    like : array, optional
        An input of the operation: the result must be of its library, on its device and of its
        dtype. By default the reference.

    Raises
    ------
    AssertionError
        If the result differs; one sentence that names what is different, or the worst element, its
        error in units in the last place, and the bound.
    SettingError, DTypeError, ShapeError
        If the question makes no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import assert_equivalent
    >>> a = np.array([0.5, 0.1], dtype=np.float32)
    >>> exact = a.astype(np.float64) ** 2
    >>> assert_equivalent(a * a, exact, "arithmetic", like=a)
    >>> assert_equivalent(a, exact, "arithmetic", like=a)
    Traceback (most recent call last):
        ...
    AssertionError: arithmetic: element (1,) is 0.1..., not 0.01...
    """
    __tracebackhide__ = True
    check_count(inner, "inner length")
    operation = _of_function(operation)
    if isinstance(operation, Roundings):
        name = operation.name
    else:
        name = check_choice(operation, (*ROUNDINGS, *_FUNCTIONS), "operation")
    complaint = _kind(actual, reference if like is None else like, reference)
    if not complaint:
        with np.errstate(all="ignore"):  # whatever the process has set
            complaint = _values(actual, reference, operation, inner, magnitude)
    if complaint:
        raise AssertionError(f"{name}: {complaint}")


def _of_function(operation: str | Roundings) -> str | Roundings:
    """Count the roundings of a function of each element, by its name in the standard."""
    if not isinstance(operation, str) or operation in ROUNDINGS or operation not in _FUNCTIONS:
        return operation
    if operation in ("exp", "log", "log1p"):  # the library may document another error
        return Roundings(operation, **{operation: 1})
    return Roundings(operation, arithmetic=math.ceil(2.0 * RULES[operation].ulps))


def _kind(actual: Array, like: Array, reference: Array) -> str:
    """Compare library, device, shape and dtype."""
    here, there = location_of(actual), location_of(like)
    if here.backend.name != there.backend.name:
        return f"the result is an array of {here.backend.name}, not of {there.backend.name}"
    if here != there:
        return f"the result is on {here}, not on {there}"
    if tuple(actual.shape) != tuple(reference.shape):
        return f"the result has shape {tuple(actual.shape)}, not {tuple(reference.shape)}"
    if dtype_name(actual) != dtype_name(like):
        return f"the result has dtype {dtype_name(actual)}, not {dtype_name(like)}"
    return ""


def _values(
    actual: Array, reference: Array, operation: str | Roundings, inner: int, magnitude: Any
) -> str:
    """Compare the values."""
    # Before anything is fetched: NumPy has no dtype for some of them.
    if dtype_name(actual).startswith(_COUNTED):
        if operation != "exact":
            raise DTypeError(f"the result has dtype {dtype_name(actual)}; only floats are rounded")
        return _exact(to_host(actual), to_host(reference))
    for array in (actual, reference):
        if dtype_name(array) not in _JUDGED:
            raise DTypeError(
                f"dtype {dtype_name(array)} is not judged, only {' and '.join(_JUDGED)}"
            )
    got, right = to_host(actual), to_host(reference)
    size = _magnitude(np.abs(right) if magnitude is None else magnitude, right)
    if not got.size:
        return ""
    limit = _limit(actual, size, operation, inner)
    if np.finfo(right.dtype).eps >= np.finfo(got.dtype).eps:
        limit = limit + _limit(reference, size, operation, inner)
    # By default no two terms have different signs, and no part of a sum exceeds it.
    found = _worst(got, right, limit, None if magnitude is None else size)
    name = operation.name if isinstance(operation, Roundings) else operation
    if ", bound " in found and magnitude is None and name not in _SINGLE:
        found += (
            "; where terms of different signs cancel, the bound needs their sizes: magnitude=, "
            "such as |A| @ |B| of a product"
        )
    return found


def _magnitude(magnitude: Any, right: HostArray) -> HostArray:
    """Bring the magnitudes to the host and to the result's shape."""
    plain = isinstance(magnitude, float | int | list | tuple | dict)
    size = np.asarray(magnitude, dtype=object) if plain else to_host(magnitude)
    if size.dtype.kind not in "biuf":
        try:
            size = size.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise SettingError(
                f"the magnitude is {described(magnitude)}; numbers, sums of |terms|, are right"
            ) from error
    try:
        size = np.broadcast_to(size, right.shape)
    except ValueError as error:
        raise ShapeError(
            f"the magnitude has shape {size.shape}, the reference {right.shape}"
        ) from error
    size = np.where(np.isfinite(right), size, 0.0)  # nothing explains a NaN or an infinity
    if not (size >= 0).all():
        raise SettingError("the magnitude has an entry below 0 or NaN; sums of |terms| are right")
    return size


def _limit(array: Array, size: HostArray, operation: str | Roundings, inner: int) -> HostArray:
    """What rounding can explain on the device of an array, in its dtype."""
    dtype = to_host(array).dtype
    # Of half precision nothing is documented; functions are computed in float32.
    accuracy = accuracy_of(location_of(array), max(dtype, np.dtype("float32")))
    if isinstance(operation, Roundings):
        # A product of inner length n makes n roundings, which is all that its bound depends on.
        kind, inner = "product", operation.count(accuracy)
    else:
        kind = check_choice(operation, ROUNDINGS, "operation")
    limit = bound(kind, size.astype(np.float64), dtype, inner, accuracy, size.size).certain
    if not np.isfinite(limit).any():
        raise SettingError(
            f"{roundings(kind, inner, accuracy):.0f} roundings of {dtype} have no bound; count the "
            "roundings on the way to one element, of a sum in pairs log₂ of its terms"
        )
    if accuracy.flushes:
        limit = limit + roundings(kind, inner, accuracy) * float(np.finfo(dtype).smallest_normal)
    return limit


def _exact(got: HostArray, right: HostArray) -> str:
    """Find an integer or a boolean that differs."""
    (different,) = np.nonzero((got != right).ravel())
    if not different.size:
        return ""
    index = np.unravel_index(different[0], got.shape)
    return f"element {_place(index)} is {got[index]}, not {right[index]}"


def _worst(got: HostArray, right: HostArray, limit: HostArray, reach: HostArray | None) -> str:
    """Find the element with the largest error in bounds, if that is above 1."""
    exact = right.astype(np.float64)
    error = distance(got.astype(np.float64), exact, 0.0, limit, got.dtype, reach)
    wrong = is_beyond(error, limit)
    if not wrong.any():
        return ""
    index = np.unravel_index(np.argmax(np.where(wrong, in_bounds(error, limit), 0.0)), got.shape)
    unit = float(ulp(np.asarray(right[index], dtype=np.float64), got.dtype))
    found = f"element {_place(index)} is {float(got[index])!r}, not {float(right[index])!r}"
    ulps, most = float(error[index]) / unit, float(limit[index]) / unit
    if not math.isfinite(ulps):
        return found
    return f"{found}: {number(ulps)} units in the last place, bound {number(most)}"


def _place(index: tuple[Any, ...]) -> str:
    """Write an index."""
    return str(tuple(int(i) for i in index))
