"""Steps whose results take the memory that earlier results have left.

dpnp asks the operating system for each result's memory and gives it back, which takes a twentieth
to a fifth of a step's time (`python -m benchmarks.queue`). Here a function's arrays are of a class
whose operators, and its namespace one whose functions, have results written into memory of which
no array is left. That is told by Python's count of references to the memory, which views, and work
that is still queued, hold as well; and dpnp starts work on an array after all that came before it.
What is not in the tables here is dpnp's own, in memory of its own.
"""

import sys
from collections.abc import Callable
from threading import Lock
from typing import Any

import dpnp
import numpy as np

from portable_dnn.arrays.contract import Array, Function
from portable_dnn.arrays.repeat import OneByOne
from portable_dnn.training.step import Bound

__all__ = ["with_reuse"]

# References to a memory of which no array is left: the list's, the loop's and the question's.
_UNUSED = 3

# Of dpnp, as functions and as operators: f(x), f(x, y), and those that give truth values.
_UNARY = {"abs": "__abs__", "negative": "__neg__", "exp": "", "log": "", "log1p": "", "tanh": ""}
_BINARY = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "truediv"}
_CHOICES = ("maximum", "minimum")
_COMPARISONS = {
    "less": "__lt__",
    "less_equal": "__le__",
    "greater": "__gt__",
    "greater_equal": "__ge__",
}


def with_reuse(function: Function) -> Function:
    """Return a function whose results reuse memory, where it has a namespace to be replaced.

    Parameters
    ----------
    function : Function
        Any; a training step, repeated or not, and its measurements have one.

    Returns
    -------
    Function
    """
    kind = _Kind()
    if isinstance(function, OneByOne) and isinstance(function.step, Bound):
        reusing: Function = OneByOne(Bound(function.step.func, kind))
    elif isinstance(function, Bound):
        reusing = Bound(function.func, kind)
    else:
        return function

    def run(*arguments: Any) -> Any:
        return _mapped(reusing(*_mapped(arguments, kind.taken)), _given)

    return run


class _Memory:
    """Memory of results, and numbers as arrays."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], list[Any]] = {}
        self._numbers: dict[tuple[Any, ...], Array] = {}
        self._lock = Lock()  # between finding a memory unused and using it

    def empty(self, shape: tuple[int, ...], dtype: Any, queue: Any) -> Array:
        """Return an array in memory that no other array has."""
        with self._lock:
            kept = self._kept.setdefault((shape, dtype, queue), [])
            for memory in kept:
                if sys.getrefcount(memory) == _UNUSED:
                    return dpnp.ndarray(shape, dtype, buffer=memory)
            array = dpnp.empty(shape, dtype=dtype, sycl_queue=queue)
            kept.append(array.get_array().usm_data)
            return array

    def number(self, value: float, like: Array) -> Array:
        """Return a number as an array; dpnp would send it to the device each time."""
        key = (value, np.signbit(value), like.dtype, like.sycl_queue)
        if key not in self._numbers:
            array = dpnp.asarray(value, dtype=like.dtype, sycl_queue=like.sycl_queue)
            self._numbers[key] = array
        return self._numbers[key]


class _Kind:
    """A namespace, with a class of arrays, whose results reuse memory."""

    def __init__(self) -> None:
        self._memory = _Memory()
        boolean = np.dtype(bool)
        methods: dict[str, Any] = {"__slots__": (), "__matmul__": self.matmul}
        for name, operator in _UNARY.items():
            setattr(self, name, self._elementwise(getattr(dpnp, name)))
            if operator:
                methods[operator] = _method(getattr(self, name))
        for name, operator in _BINARY.items():
            setattr(self, name, self._elementwise(getattr(dpnp, name)))
            methods[f"__{operator}__"] = _method(getattr(self, name))
            methods[f"__r{operator}__"] = _reflected(getattr(self, name))
            # As where arrays are immutable: in place, dpnp takes three times as long.
            methods[f"__i{operator}__"] = methods[f"__{operator}__"]
        for name in _CHOICES:
            setattr(self, name, self._elementwise(getattr(dpnp, name)))
        for name, operator in _COMPARISONS.items():
            setattr(self, name, self._elementwise(getattr(dpnp, name), boolean))
            methods[operator] = _method(getattr(self, name))
        methods["__matmul__"] = _method(self.matmul)
        self._class = type("ReusingArray", (dpnp.ndarray,), methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(dpnp, name)

    def taken(self, array: Array) -> Array:
        """Return an array as one of this kind; the argument stays what it is."""
        return self._made(array[...])

    def matmul(self, x: Array, y: Array) -> Array:
        """Multiply matrices."""
        if not (_is_array(y) and x.ndim == y.ndim == 2 and x.dtype == y.dtype):
            return dpnp.matmul(x, y)
        out = self._memory.empty((x.shape[0], y.shape[1]), x.dtype, x.sycl_queue)
        return self._made(dpnp.matmul(self._dense(x), self._dense(y), out=out))

    def where(self, condition: Array, x: Array | float, y: Array | float) -> Array:
        """Choose elements."""
        return self._elementwise(lambda *rest, out=None: dpnp.where(condition, *rest, out=out))(
            x, y, over=condition
        )

    def concat(self, arrays: tuple[Array, ...], axis: int = 0) -> Array:
        """Join matrices of one dtype."""
        first = arrays[0]
        if axis != 0 or any(a.ndim != 2 or a.dtype != first.dtype for a in arrays):
            return dpnp.concat(arrays, axis=axis)
        rows = sum(array.shape[0] for array in arrays)
        out = self._memory.empty((rows, first.shape[1]), first.dtype, first.sycl_queue)
        begin = 0
        for array in arrays:  # a tenth of the time of dpnp.concat with `out`
            out[begin : begin + array.shape[0], :] = array
            begin += array.shape[0]
        return self._made(out)

    def _dense(self, x: Array) -> Array:
        """Return a matrix, or its copy if BLAS cannot take it as it lies, rows or columns dense."""
        if x.flags.c_contiguous or x.flags.f_contiguous:
            return x
        copy = self._memory.empty(x.shape, x.dtype, x.sycl_queue)
        copy[...] = x
        return copy

    def _elementwise(self, function: Function, dtype: Any = None) -> Function:
        """Return a function of dpnp whose results reuse memory."""

        def apply(*operands: Any, over: Array | None = None) -> Any:
            arrays = [x for x in operands if _is_array(x)]
            first = arrays[0] if arrays else None
            if first is None or not all(_fits(x, first) for x in operands):
                return function(*operands)
            shapes = {x.shape for x in arrays} | ({over.shape} if over is not None else set())
            shape = shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)
            out = self._memory.empty(shape, dtype or first.dtype, first.sycl_queue)
            given = [x if _is_array(x) else self._memory.number(x, first) for x in operands]
            return self._made(function(*given, out=out))

        return apply

    def _made(self, array: Array) -> Array:
        """Make an array that nobody else has one of this kind."""
        array.__class__ = self._class
        return array


def _method(function: Function) -> Callable[..., Any]:
    return lambda *operands: function(*operands)


def _reflected(function: Function) -> Callable[[Array, Any], Any]:
    return lambda x, y: function(y, x)


def _is_array(x: object) -> bool:
    return isinstance(x, dpnp.ndarray)


def _fits(x: Any, first: Array) -> bool:
    """Whether the result's dtype is that of the first array: a float, as the others are."""
    if _is_array(x):
        return bool(x.dtype == first.dtype and first.dtype.kind == "f")
    return isinstance(x, float | int)


def _given(array: Array) -> Array:
    """Return an array of a kind as one of dpnp's own."""
    return array[...]


def _mapped(value: Any, change: Callable[[Array], Array]) -> Any:
    """Change the arrays in a structure of dicts and tuples."""
    if _is_array(value):
        return change(value)
    if isinstance(value, dict):
        return {name: _mapped(part, change) for name, part in value.items()}
    if isinstance(value, tuple):
        parts = [_mapped(part, change) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value
