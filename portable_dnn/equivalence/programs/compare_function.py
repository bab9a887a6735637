"""Any function of arrays, judged on a device."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from portable_dnn.arrays.contract import HostArray, Namespace
from portable_dnn.arrays.devices import Device, choose_device, place, to_host
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.equivalence.exact.pairs import check_arithmetic
from portable_dnn.equivalence.limits.accuracy import accuracy_of
from portable_dnn.equivalence.programs.disturbed import NoisyRun
from portable_dnn.equivalence.programs.function_report import (
    FunctionReport,
    JudgedOperation,
    JudgingStopped,
    told,
)
from portable_dnn.equivalence.programs.judging import Said, judged
from portable_dnn.equivalence.programs.namespace import RecordingNamespace
from portable_dnn.equivalence.programs.recorded import (
    Operation,
    Recorded,
    Watcher,
    bare_of,
    is_library_array,
    mapped,
)
from portable_dnn.equivalence.programs.rules import ALIASES
from portable_dnn.equivalence.programs.whole import JudgedResult, judge_whole
from portable_dnn.errors import SettingError
from portable_dnn.files.text import words
from portable_dnn.setting_checks import check_callable, check_choice

__all__ = ["compare_function"]

DTYPES = ("float16", "float32", "float64")


@undisturbed
def compare_function(
    function: Callable[..., Any],
    *inputs: Any,
    backend: str | Device | None = None,
    dtype: str | None = None,
    compiled: Callable[..., Any] | None = None,
    **options: Any,
) -> FunctionReport:
    """Run a function of arrays on a device, and judge every operation and its results as a whole.

    Nothing is replayed, and no tolerance is needed: each operation is judged on the inputs that
    it was really given, by what rounding may make of its exact result. A library that multiplies
    in reduced precision, drops the tail of a sum or has a careless exponential is named, with the
    line of the function that it shows at.

    The function takes arrays that follow the array API standard: it uses their operators and
    methods, and the functions of their `__array_namespace__()`. If it has a parameter `xp` without
    a value, it gets the namespace as that.

    Parameters
    ----------
    function : callable
        Any; what it returns may be nested in tuples, lists and mappings.
    *inputs : object
        Its arguments. NumPy's arrays, in tuples, lists and mappings too, are placed on the device.
    backend : str or Device, optional
        Where it is to run, such as "torch", "cupy" or "jax:cpu"; by default on the CPU with NumPy.
    dtype : {"float16", "float32", "float64"}, optional
        To which floating inputs are cast first; by default they stay what they are.
    compiled : callable, optional
        The same function as a compiler made it, such as `jax.jit(function)`: it is one operation
        to whoever calls it. Its results are judged as a whole, in place of those of `function`.
    **options : object
        Its keyword arguments, treated as `inputs`.

    Returns
    -------
    FunctionReport
        `outcome`, `headline`, each operation, and each array of the result; as text, a table.

    Raises
    ------
    DeviceError
        If the device cannot be used here.
    SettingError
        If the dtype is unknown, the function's arguments hold no array, or the host's own
        arithmetic cannot be the judge.
    JudgingStopped
        If Ctrl-C comes: a KeyboardInterrupt, whose `report` holds what was judged until then.

    Notes
    -----
    As a whole, results are held against some tens of runs of `function` on the host in better
    arithmetic, in which each operation is disturbed by noise of its own rounding's size; so the
    function should change nothing but its arrays. Where it cannot be run there, or has an operation
    of which the size of the error is not known, that is said. Numbers that leave the arrays
    (`float(x)`, `if x > 0`) are followed by those runs; where these decide nothing, the verdict
    names them.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import compare_function
    >>> def softmax(x):
    ...     xp = x.__array_namespace__()
    ...     e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    ...     return e / xp.sum(e, axis=-1, keepdims=True)
    >>> report = compare_function(softmax, np.linspace(-3, 3, 12).reshape(3, 4), dtype="float32")
    >>> report.outcome
    'right'
    >>> [one.name for one in report.operations]
    ['max', 'subtract', 'exp', 'sum', 'divide']
    >>> [one.verdict for one in report.results]
    ['right']
    """
    check_callable(function, "function")
    if dtype is not None:
        check_choice(dtype, DTYPES, "dtype")
    try:
        check_arithmetic()
    except ArithmeticError as error:
        raise SettingError(str(error)) from error
    if not isinstance(backend, Device):
        backend = choose_device("cpu" if backend is None else backend)
    random = np.random.RandomState(1)
    accuracies = {name: accuracy_of(backend, np.dtype(name)) for name in ("float32", "float64")}
    operations: list[JudgedOperation] = []
    dtypes: list[tuple[str, str]] = []

    def see(operation: Operation, arguments: Any, named: Any, result: Any) -> None:
        kind = result.dtype.name if isinstance(result, np.ndarray) else "float32"
        accuracy = accuracies.get(kind, accuracies["float32"])
        name = ALIASES.get(operation.name, operation.name)
        mapped(result, lambda x: dtypes.append((name, x.dtype.name)), is_library_array)
        said = judged(operation.name, arguments, named, result, accuracy, random)
        operations.append(told(operation, said))

    def leave(operation: Operation) -> None:
        operations.append(told(operation, None))

    def miss(operation: Operation, trouble: str) -> None:
        reason = f"its arrays cannot be copied to NumPy: {trouble}"
        operations.append(told(operation, Said("not judged", reason)))

    watcher = Watcher(to_host, see, leave, miss)
    watcher.namespace = RecordingNamespace(backend.backend.namespace(), watcher)
    call = _Call(function, inputs, options, dtype)

    def recorded(array: HostArray, text: str) -> Recorded:
        return Recorded(place(array, backend), watcher, text)

    def noisy(run: NoisyRun) -> Any:
        return call.run(function, run.array, run.namespace)

    name = getattr(function, "__qualname__", type(function).__qualname__).rpartition(".")[2]
    flushes = accuracies["float32"].flushes
    found: Any = None
    try:
        found = mapped(call.run(function, recorded, watcher.namespace), bare_of)
        if compiled is not None:
            check_callable(compiled, "compiled function")
            namespace = backend.backend.namespace()
            found = call.run(compiled, lambda array, _: place(array, backend), namespace)
        results = _whole(noisy, found, dtypes, flushes=flushes)
    except KeyboardInterrupt as stop:
        seen = FunctionReport(name, str(backend), tuple(operations), (), found, stopped=True)
        raise JudgingStopped(seen) from stop
    return FunctionReport(name, str(backend), tuple(operations), results, found)


class _Call:
    """A call of a function, with its arrays on the host: they are made into others for each run."""

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: tuple[Any, ...],
        options: dict[str, Any],
        dtype: str | None,
    ) -> None:
        self._inputs, self._options = mapped(
            (inputs, options), lambda x: _cast(x, dtype), _is_array
        )
        self._signature = _signature(function)
        arrays: list[HostArray] = []
        mapped((self._inputs, self._options), arrays.append, _is_array)
        if not arrays:
            raise SettingError("the function was given no array; there would be nothing to judge")

    def run(
        self,
        function: Callable[..., Any],
        make: Callable[[HostArray, str], Any],
        namespace: Namespace,
    ) -> Any:
        """Call a function with copies of the arrays, each made into another kind."""

        def made(x: Any, text: str) -> Any:
            return mapped(x, lambda array: make(array.copy(), text), _is_array)

        names = _names(self._signature, len(self._inputs))
        given = [made(x, name) for x, name in zip(self._inputs, names, strict=True)]
        named = {name: made(x, name) for name, x in self._options.items()}
        if "xp" not in named and _lacks_namespace(function, len(given)):
            named["xp"] = namespace
        return function(*given, **named)


def _whole(
    noisy: Callable[[NoisyRun], Any], found: Any, there: list[tuple[str, str]], *, flushes: bool
) -> tuple[JudgedResult, ...]:
    """Judge results as a whole, if NumPy can hold them."""
    try:
        result = mapped(found, to_host, is_library_array)
    except Exception as error:  # bfloat16, and whatever else NumPy does not have
        return (JudgedResult("result", "not judged", words(error)),)
    return judge_whole(noisy, result, there=there, flushes=flushes)


def _signature(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's parameters; none where they cannot be told."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def _lacks_namespace(function: Callable[..., Any], given: int) -> bool:
    """Tell whether a function has a parameter `xp` that it needs beside what is given."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    wanted = parameters.get("xp")
    if wanted is None or wanted.default not in (None, inspect.Parameter.empty):
        return False
    return wanted.kind is wanted.KEYWORD_ONLY or list(parameters).index("xp") >= given


def _names(signature: list[str], count: int) -> list[str]:
    """Name the inputs as the function does."""
    return [signature[i] if i < len(signature) else f"input {i + 1}" for i in range(count)]


def _is_array(x: object) -> bool:
    return isinstance(x, np.ndarray) or (
        hasattr(x, "__array_namespace__") and hasattr(x, "shape") and not isinstance(x, np.generic)
    )


def _cast(array: Any, dtype: str | None) -> Any:
    """Cast floats on the host, where the array comes from."""
    if not isinstance(array, np.ndarray):
        array = to_host(array)
    return array.astype(dtype) if dtype is not None and array.dtype.kind == "f" else array
