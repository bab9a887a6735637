"""Arrays that have whatever is done with them judged.

A `Recorded` wraps an array of any library. What is done with it is done by the library, on its own
array; then the operation, its inputs and its result go to whoever watches. As nothing is replayed,
errors do not spread from one operation to the next, and the program's own branches are followed.
"""

import operator
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from portable_dnn.arrays.contract import Array, HostArray, Namespace
from portable_dnn.files.text import words

__all__ = ["Operation", "Recorded", "Watcher", "bare_of", "is_library_array", "mapped"]

# Operators by the name of the function that they call, and as they are written.
_BINARY = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "matmul": "@",
    "and": "&",
    "or": "|",
    "xor": "^",
    "lshift": "<<",
    "rshift": ">>",
}
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_UNARY = {"neg": "-", "pos": "+", "invert": "~"}
_NAMES = {
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
    "neg": "negative",
    "pos": "positive",
    "invert": "bitwise_invert",
}
_SIGNS = tuple(f" {sign} " for sign in (*_BINARY.values(), *_COMPARISONS.values()))
_LONGEST = 40
"""Letters of a name that is made of the names of the inputs."""


class Operation(NamedTuple):
    """One operation, as the program called it.

    Attributes
    ----------
    name : str
        In the standard's words: "matmul", "linalg.solve".
    text : str
        For people, of the names of the inputs: "X @ W".
    file : str
    line : int
        Where the program called it.
    """

    name: str
    text: str
    file: str
    line: int


class Watcher:
    """Sees every operation: what it was given, and what came of it.

    Parameters
    ----------
    to_host : callable
        Copies an array of the library to NumPy.
    see : callable
        Takes an `Operation`, its positional and keyword arguments with NumPy's arrays, and the
        result, with NumPy's arrays too.
    leave : callable
        Takes an `Operation` whose result is no array, so that nothing that comes of it is seen.
    miss : callable
        Takes an `Operation` whose arrays cannot be copied to NumPy, and why.
    """

    def __init__(
        self,
        to_host: Callable[[Array], HostArray],
        see: Callable[[Operation, tuple[Any, ...], dict[str, Any], Any], object],
        leave: Callable[[Operation], object],
        miss: Callable[[Operation, str], object],
    ) -> None:
        self.to_host = to_host
        self._see = see
        self._leave = leave
        self._miss = miss
        self.namespace: Namespace = None

    def call(
        self,
        name: str,
        function: Callable[..., Any],
        *arguments: Any,
        text: str = "",
        **options: Any,
    ) -> Any:
        """Have the library do something, and show it; arrays that come of it are recorded too."""
        text = text or f"{name}({', '.join(map(_text, arguments))})"
        operation = Operation(name, _shortened(text), *_place())
        trouble = ""
        try:  # before it is done: some are written to
            given, named = mapped((arguments, options), lambda x: np.array(self.to_host(x.bare)))
        except Exception as error:  # bfloat16, and whatever else NumPy does not have
            trouble = words(error)
        result = function(*mapped(arguments, bare_of), **mapped(options, bare_of))
        if not (_arrays((arguments, options)) or _arrays(result, is_library_array)):
            return result  # a setting of the library, or what it tells of itself
        try:
            found = mapped(result, self.to_host, is_library_array)
        except Exception as error:
            trouble = trouble or words(error)
        if trouble:
            self._miss(operation, trouble)
        else:
            self._see(operation, given, named, found)
        return mapped(result, lambda array: Recorded(array, self, operation.text), is_library_array)

    def left(self, name: str, array: "Recorded") -> None:
        """Say that a number has left the arrays."""
        self._leave(Operation(name, f"{name}({array.text})", *_place()))


class Recorded:
    """An array of a library, whose operations are seen.

    Parameters
    ----------
    bare : array
        Of any library.
    watcher : Watcher
        Who sees them.
    text : str
        Its name for people.
    """

    def __init__(self, bare: Array, watcher: Watcher, text: str) -> None:
        self.bare, self.watcher, self.text = bare, watcher, text

    def __array_namespace__(self, api_version: str | None = None) -> Namespace:
        return self.watcher.namespace

    @property
    def told(self) -> Array:
        """What a number is made of, where one is asked for."""
        return self.bare

    def become(self, after: "Recorded") -> None:
        """Be what has been written into it."""
        self.bare = after.bare

    def __repr__(self) -> str:
        return f"Recorded({self.text}: {self.bare!r})"

    @property
    def dtype(self) -> Any:
        """The library's own."""
        return self.bare.dtype

    @property
    def device(self) -> Any:
        """The library's own."""
        return self.bare.device

    @property
    def shape(self) -> tuple[int, ...]:
        """As a tuple of integers."""
        return tuple(self.bare.shape)

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements there are."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def T(self) -> Any:
        """The transposed matrix."""
        return self.watcher.call("T", lambda x: x.T, self, text=f"{_inner(self.text)}.T")

    @property
    def mT(self) -> Any:
        """Each matrix transposed."""
        return self.watcher.call("mT", lambda x: x.mT, self, text=f"{_inner(self.text)}.mT")

    def __getitem__(self, key: Any) -> Any:
        text = f"{_inner(self.text)}[…]"
        return self.watcher.call("getitem", lambda x, k: x[k], self, key, text=text)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Write into the array; where a library's cannot be written to, into its copy."""

        def written(x: Array, k: Any, v: Any) -> Array:
            if hasattr(x, "at"):
                return x.at[k].set(v)
            x[k] = v
            return x

        text = f"{_inner(self.text)}[…] = {_text(value)}"
        self.become(self.watcher.call("setitem", written, self, key, value, text=text))

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self.shape[0]))

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        self.watcher.left("bool", self)
        return bool(self.told)

    def __float__(self) -> float:
        self.watcher.left("float", self)
        return float(self.told)

    def __int__(self) -> int:
        self.watcher.left("int", self)
        return int(self.told)

    def __index__(self) -> int:
        self.watcher.left("index", self)
        return operator.index(self.told)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> HostArray:
        self.watcher.left("__array__", self)
        return np.array(self.watcher.to_host(self.bare), dtype=dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        return self.watcher.call(name, getattr(ufunc, method), *inputs, **options)

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        return self.watcher.call(function.__name__, function, *inputs, **options)

    def __getattr__(self, name: str) -> Any:
        """Give the library's own methods and attributes, methods seen as functions of the array."""
        if name.startswith("__"):  # ways past this class, as __array_interface__
            raise AttributeError(name)
        found = getattr(self.bare, name)
        if not callable(found):
            return found
        return lambda *rest, **options: self.watcher.call(
            name, lambda x, *r, **o: getattr(x, name)(*r, **o), self, *rest, **options
        )

    __hash__ = None  # type: ignore[assignment]


def _add_operators() -> None:
    """Give the class the operators, each with its reflected form and the one in place."""

    def binary(name: str, sign: str) -> None:
        function, standard = getattr(operator, f"__{name}__"), _NAMES.get(name, name)
        in_place = getattr(operator, f"__i{name}__", None)

        def forward(self: Recorded, other: Any) -> Any:
            text = f"{_inner(self.text)} {sign} {_inner(_text(other))}"
            return self.watcher.call(standard, function, self, other, text=text)

        def reflected(self: Recorded, other: Any) -> Any:
            text = f"{_inner(_text(other))} {sign} {_inner(self.text)}"
            return self.watcher.call(standard, function, other, self, text=text)

        def into(self: Recorded, other: Any) -> Any:
            text = f"{_inner(self.text)} {sign}= {_inner(_text(other))}"
            assert in_place is not None
            self.become(self.watcher.call(standard, in_place, self, other, text=text))
            return self

        setattr(Recorded, f"__{name}__", forward)
        if in_place is not None:
            setattr(Recorded, f"__r{name}__", reflected)
            setattr(Recorded, f"__i{name}__", into)

    def unary(name: str, sign: str) -> None:
        function, standard = getattr(operator, f"__{name}__"), _NAMES[name]

        def apply(self: Recorded) -> Any:
            return self.watcher.call(standard, function, self, text=f"{sign}{_inner(self.text)}")

        setattr(Recorded, f"__{name}__", apply)

    for name, sign in (_BINARY | _COMPARISONS).items():
        binary(name, sign)
    for name, sign in _UNARY.items():
        unary(name, sign)
    Recorded.__abs__ = lambda self: self.watcher.call("abs", abs, self)  # type: ignore[attr-defined]


_add_operators()


def mapped(
    value: Any, change: Callable[[Any], Any], kind: Callable[[Any], bool] | None = None
) -> Any:
    """Change the arrays in a structure of tuples, lists and mappings.

    Parameters
    ----------
    value : object
        The structure.
    change : callable
        Takes an array.
    kind : callable, optional
        Says what an array is; by default, a `Recorded`.

    Returns
    -------
    object
        The same structure.
    """
    if kind(value) if kind is not None else isinstance(value, Recorded):
        return change(value)
    if isinstance(value, Mapping):
        return {key: mapped(part, change, kind) for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [mapped(part, change, kind) for part in value]
        if hasattr(value, "_fields"):
            return type(value)(*parts)
        return parts if isinstance(value, list) else tuple(parts)
    return value


def bare_of(array: Recorded) -> Array:
    """Return the library's own array."""
    return array.bare


def is_library_array(x: object) -> bool:
    """Tell whether something is an array; NumPy's numbers are some of no dimension.

    Parameters
    ----------
    x : object
        Anything.

    Returns
    -------
    bool
    """
    return hasattr(x, "dtype") and hasattr(x, "shape") and not isinstance(x, type)


def _arrays(value: Any, kind: Callable[[Any], bool] | None = None) -> list[Any]:
    """List the arrays in a structure."""
    found: list[Any] = []
    mapped(value, found.append, kind)
    return found


def _place() -> tuple[str, int]:
    """Find the line of the program, outside of this package."""
    frame: FrameType | None = sys._getframe(1)
    here = __file__.rpartition("recorded.py")[0]
    while frame is not None and frame.f_code.co_filename.startswith(here):
        frame = frame.f_back
    return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _text(value: Any) -> str:
    """Name a value for people."""
    if isinstance(value, Recorded):
        return value.text
    return repr(value) if isinstance(value, bool | int | float) else "…"


def _inner(text: str) -> str:
    """Put a text into brackets if it has a sign outside of all brackets."""
    outside = text
    while (shorter := re.sub(r"\([^()]*\)", "", outside)) != outside:
        outside = shorter
    return f"({text})" if any(sign in outside for sign in _SIGNS) else text


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
