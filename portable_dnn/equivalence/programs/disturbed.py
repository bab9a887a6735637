"""Running a program in better arithmetic, each operation disturbed by its own rounding's size.

How far the results of such runs lie apart is how far those of honest computations may, through
loops and branches as well, where bounds would grow without end (Parker, Pierce & Eggert 2000,
Monte Carlo arithmetic; Higham & Mary 2019 for the size of sums' errors).
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import array_api_compat.numpy as on_host
import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.programs.namespace import RecordingNamespace
from portable_dnn.equivalence.programs.recorded import Recorded, Watcher, bare_of, mapped
from portable_dnn.equivalence.programs.rules import ALIASES, rule_of

__all__ = ["Comparison", "Disturbed", "NoisyRun"]

_COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
_SOLVERS = ("linalg.solve", "linalg.inv", "linalg.cholesky")
_MADE = ("arange", "linspace")
"""Not judged by themselves, but of a known size of error."""


class Disturbed(Recorded):
    """An array with two values: as the dtype has it, and in better arithmetic, disturbed.

    Parameters
    ----------
    bare : numpy.ndarray
        In the program's dtype: what it sees of dtypes and shapes.
    wide : numpy.ndarray
        In float64 where it is floating.
    watcher : NoisyRun
    text : str
    """

    def __init__(self, bare: HostArray, wide: HostArray, watcher: Watcher, text: str) -> None:
        super().__init__(bare, watcher, text)
        self.wide = wide

    @property
    def told(self) -> HostArray:
        """The number in better arithmetic: it decides which way the program goes."""
        return self.wide

    def become(self, after: Recorded) -> None:
        """Be what has been written into it."""
        super().become(after)
        assert isinstance(after, Disturbed)
        self.wide = after.wide


class Comparison(NamedTuple):
    """A comparison of floats in a run.

    Attributes
    ----------
    margin : numpy.ndarray
        By how much the left side is larger.
    said : numpy.ndarray
        What came of it.
    """

    margin: HostArray
    said: HostArray


class NoisyRun(Watcher):
    """One run of a program.

    Parameters
    ----------
    unit : float or None
        Size of the disturbance in place of the dtype's unit roundoff; 0 for none, None for that of
        the dtype itself.
    random : numpy.random.RandomState
        For the disturbances.
    flips : dict of int to numpy.ndarray
        Which elements of which comparisons, by their number, are to be decided the other way.
    flushes : bool
        Whether the library takes subnormal numbers for 0.

    Attributes
    ----------
    comparisons : list of Comparison
    dtypes : list of (str, str)
        The operations by name, and the dtypes of what they gave, in their order.
    unknown : list of str
        Operations whose size of error is not known: of what comes after one, nothing is told.
    """

    def __init__(
        self,
        unit: float | None,
        random: np.random.RandomState,
        flips: dict[int, HostArray] | None = None,
        *,
        flushes: bool = False,
    ) -> None:
        super().__init__(np.asarray, _nothing, _nothing, _nothing)
        self._unit, self._random, self._flips = unit, random, flips or {}
        self._flushes = flushes
        self.comparisons: list[Comparison] = []
        self.dtypes: list[tuple[str, str]] = []
        self.unknown: list[str] = []
        self.namespace = RecordingNamespace(on_host, self)

    def array(self, x: HostArray, text: str) -> Disturbed:
        """Begin with an input."""
        return Disturbed(x, _widened(x), self, text)

    def left(self, name: str, array: Recorded) -> None:
        """Take a whole array that leaves for one whose way is not known."""
        if name == "__array__":
            self.unknown.append(name)

    def call(
        self,
        name: str,
        function: Callable[..., Any],
        *arguments: Any,
        text: str = "",
        **options: Any,
    ) -> Any:
        """Do an operation in both arithmetics, and disturb what comes of it."""
        standard = ALIASES.get(name, name)
        structure = (arguments, options)
        dtypes = [x.dtype for x in _disturbed(structure) if x.dtype.kind == "f"]
        dtype = np.result_type(*dtypes) if dtypes else None
        narrow = function(*mapped(arguments, bare_of), **mapped(options, bare_of))
        if dtype is None and getattr(getattr(narrow, "dtype", None), "kind", "") == "f":
            dtype = narrow.dtype
        given, named = _in_wide(mapped(structure, lambda x: x.wide), dtype)
        if standard in _SOLVERS:
            given = tuple(self._backward(x, dtype) for x in given)
        magnitude = self._size(standard, given, named)
        wide = function(*given, **named)
        return self._joined(standard, narrow, wide, given, magnitude, dtype)

    def _joined(
        self,
        name: str,
        narrow: Any,
        wide: Any,
        given: tuple[Any, ...],
        magnitude: HostArray | None,
        before: Any,
    ) -> Any:
        """Put both results together, disturbed."""
        if isinstance(narrow, list | tuple):
            parts = [
                self._joined(name, n, w, given, magnitude, before)
                for n, w in zip(narrow, wide, strict=True)
            ]
            kind = type(narrow)
            return kind(*parts) if hasattr(narrow, "_fields") else kind(parts)
        if not isinstance(narrow, np.ndarray | np.generic):
            return narrow
        narrow, wide = np.asarray(narrow), np.asarray(wide)
        self.dtypes.append((name, narrow.dtype.name))
        if narrow.dtype.kind == "f" and wide.dtype.kind == "f":
            wide = self._disturb(name, wide, magnitude, narrow.dtype, before)
        elif name in _COMPARISONS and before is not None:
            wide = self._compared(given, wide)
        elif narrow.dtype.kind == "c":
            self.unknown.append(name)
        return Disturbed(narrow, wide, self, name)

    def _compared(self, given: tuple[Any, ...], said: HostArray) -> HostArray:
        """Keep a comparison, and decide the other way where that is asked for."""
        flip = self._flips.get(len(self.comparisons))
        a, b = (np.asarray(x, np.float64) for x in given)
        with np.errstate(all="ignore"):
            self.comparisons.append(Comparison(np.broadcast_to(a - b, said.shape), said))
        return said ^ flip if flip is not None and flip.shape == said.shape else said

    def _disturb(
        self,
        name: str,
        wide: HostArray,
        magnitude: HostArray | None,
        dtype: np.dtype,
        before: Any,
    ) -> HostArray:
        """Add noise of the size of the operation's rounding, and keep to the range of the dtype."""
        rule = rule_of(name)
        info = np.finfo(dtype)
        unit = float(info.eps) / 2 if self._unit is None else self._unit
        noise: HostArray | None = None
        with np.errstate(all="ignore"):
            if magnitude is not None:
                noise = magnitude * self._random.standard_normal(wide.shape) / math.sqrt(3.0)
            elif rule.family in ("rounded", "function") or name in _MADE:
                noise = 2.0 * (rule.ulps or 2.0) * np.abs(wide) * self._uniform(wide.shape)
            elif rule.family == "exact":
                if before is not None and before.itemsize > dtype.itemsize:
                    noise = np.abs(wide) * self._uniform(wide.shape)
            elif name not in _SOLVERS and rule.family != "no values":  # solvers' inputs have noise
                self.unknown.append(name)
            if noise is not None and unit:
                finite = np.isfinite(wide) & np.isfinite(noise)
                noise = np.where(finite, noise, 0.0) * unit + self._least(info, wide)
                wide = np.where(finite, wide + noise, wide)
                if magnitude is not None:
                    wide = np.where(_leaves_range(name, magnitude, info), np.nan, wide)
            if dtype.itemsize < 8:
                wide = np.where(np.abs(wide) > float(info.max), np.copysign(np.inf, wide), wide)
        return wide

    def _least(self, info: Any, wide: HostArray) -> HostArray:
        """Return noise of the size of the dtype's least number, or of what is taken for 0.

        Numbers that are 0 stay so: most are nothing that was rounded.
        """
        least = float(info.smallest_normal if self._flushes else info.smallest_subnormal)
        if self._unit is not None:  # larger than the dtype's own, as the other noise
            least *= self._unit / (float(info.eps) / 2)
        return np.where(wide != 0, least * self._uniform(wide.shape), 0.0)

    def _uniform(self, shape: tuple[int, ...]) -> HostArray:
        return 2.0 * self._random.random_sample(shape) - 1.0

    def _backward(self, x: Any, dtype: Any) -> Any:
        """Disturb a solver's input as a whole: so large are backward errors."""
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or dtype is None:
            return x
        unit = float(np.finfo(dtype).eps) / 2 if self._unit is None else self._unit
        n = x.shape[-1] if x.ndim > 1 else len(x)
        axes = (-2, -1) if x.ndim > 1 else -1
        size = np.sqrt(np.sum(x * x, axis=axes, keepdims=True) / max(n, 1))
        noise = unit * size * self._random.standard_normal(x.shape)
        if x.ndim > 1 and x.shape[-1] == x.shape[-2] and np.array_equal(x, x.mT):
            noise = (noise + noise.mT) / math.sqrt(2.0)
        return x + noise

    def _size(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> HostArray | None:
        """Return the size of the error of a sum, in units roundoff; None for what is none.

        √(n/2) times the larger of the sum and the root of the sum of squares: so large the
        roundings of partial sums are together, where terms have one sign, or random ones.
        """
        if name not in _SUMS or not all(isinstance(x, np.ndarray) for x in given):
            return None
        with np.errstate(all="ignore"):
            return _SUMS[name](given, named)


def _nothing(*_: object) -> None:
    """See nothing: what is done is disturbed, not judged."""


def _leaves_range(name: str, magnitude: HostArray, info: Any) -> HostArray:
    """Where a sum may be infinite or lose what it is made of on its way: nothing is known there."""
    squared = name in ("linalg.vector_norm", "std")
    way = magnitude * magnitude if squared else magnitude
    too_small = (way < 2.0**20 * float(info.smallest_normal)) & (magnitude > 0) & squared
    unknown: HostArray = (math.sqrt(2.0) * way > float(info.max)) | too_small
    return unknown


def _of_terms(total: HostArray, squares: HostArray, n: int) -> HostArray:
    larger: HostArray = np.maximum(np.abs(total), np.sqrt(squares))
    return math.sqrt(max(n, 2) / 2) * larger


def _count(x: HostArray, axis: Any) -> int:
    if axis is None:
        return x.size
    axes = (axis,) if isinstance(axis, int) else axis
    return math.prod(x.shape[a] for a in axes)


def _summed(given: tuple[Any, ...], named: dict[str, Any]) -> HostArray:
    x, (axis, kept) = given[0], (named.get("axis"), named.get("keepdims", False))
    total, squares = (np.sum(y, axis=axis, keepdims=kept) for y in (x, x * x))
    return _of_terms(total, squares, _count(x, axis))


def _averaged(given: tuple[Any, ...], named: dict[str, Any]) -> HostArray:
    n = _count(given[0], named.get("axis"))
    return _summed(given, named) / max(n, 1)


def _spread(given: tuple[Any, ...], named: dict[str, Any], *, root: bool) -> HostArray:
    """Size of the error of a variance: its sum's, and that of the mean it is taken from."""
    x, axis, kept = given[0], named.get("axis"), named.get("keepdims", False)
    n = _count(x, axis)
    options = {"axis": axis, "keepdims": kept}
    middle = np.mean(x, axis=axis, keepdims=True)
    rounded = np.maximum(np.abs(x), np.abs(middle))  # of the differences
    d = x - middle
    variance = np.mean(d * d, **options)
    of_sum = math.sqrt(max(n, 2) / 2) * variance
    of_terms = 2 * np.sqrt(np.sum(d * d * rounded * rounded, **options)) / max(n, 1)
    of_mean = _of_terms(np.mean(x, **options), np.mean(x * x, **options), n) ** 2 / 2**20
    size: HostArray = of_sum + of_terms + of_mean
    if root:
        deviation = np.sqrt(variance)
        size = np.where(deviation > 0, size / (2 * deviation), 0.0) + deviation
    return size


def _products(given: tuple[Any, ...], named: dict[str, Any]) -> HostArray:
    a, b = given[:2]
    n = a.shape[-1]
    return _of_terms(np.matmul(a, b), np.matmul(a * a, b * b), n)


def _dots(given: tuple[Any, ...], named: dict[str, Any]) -> HostArray:
    a, b = given[:2]
    axis = named.get("axis", -1)
    p = np.multiply(*np.broadcast_arrays(a, b))
    return _of_terms(np.sum(p, axis=axis), np.sum(p * p, axis=axis), p.shape[axis])


def _contracted(given: tuple[Any, ...], named: dict[str, Any]) -> HostArray:
    a, b = given[:2]
    axes = named.get("axes", 2)
    n = math.prod(a.shape[a.ndim - axes :]) if isinstance(axes, int) else _count(a, axes[0])
    total, squares = np.tensordot(a, b, axes), np.tensordot(a * a, b * b, axes)
    return _of_terms(total, squares, n)


def _running(given: tuple[Any, ...], named: dict[str, Any]) -> HostArray:
    x, axis = given[0], named.get("axis")
    axis = 0 if axis is None else axis
    partial = np.cumulative_sum(x, axis=axis, include_initial=named.get("include_initial", False))
    size: HostArray = np.sqrt(np.cumsum(partial * partial, axis=axis))
    return size


def _norm(given: tuple[Any, ...], named: dict[str, Any]) -> HostArray | None:
    if named.get("ord", 2) != 2:
        return None  # of others it is not known
    x, options = given[0], {"axis": named.get("axis"), "keepdims": named.get("keepdims", False)}
    n = _count(x, options["axis"])
    size: HostArray = (1.0 + math.sqrt(max(n, 2) / 2)) * np.sqrt(np.sum(x * x, **options))
    return size


_SUMS: dict[str, Callable[[tuple[Any, ...], dict[str, Any]], HostArray | None]] = {
    "sum": _summed,
    "mean": _averaged,
    "var": lambda given, named: _spread(given, named, root=False),
    "std": lambda given, named: _spread(given, named, root=True),
    "matmul": _products,
    "vecdot": _dots,
    "tensordot": _contracted,
    "cumulative_sum": _running,
    "linalg.vector_norm": _norm,
}


def _disturbed(value: Any) -> Iterable[Recorded]:
    """List the arrays in a structure."""
    found: list[Recorded] = []
    mapped(value, found.append)
    return found


def _widened(x: HostArray) -> HostArray:
    return x.astype(np.float64) if x.dtype.kind == "f" else np.array(x)


def _in_wide(value: Any, dtype: Any) -> Any:
    """Take floats for float64: dtypes, and numbers that an array's dtype has rounded before."""
    if isinstance(value, dict):
        return {k: _in_wide(v, dtype) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_in_wide(v, dtype) for v in value)
    if isinstance(value, float) and dtype is not None:
        return float(dtype.type(value))
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(np.float64) if np.dtype(value).kind == "f" else value
    return value
