"""Any function of arrays, judged on a device."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from portable_dnn.arrays.devices import Device, choose_device, place, to_host
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.equivalence.exact.pairs import check_products
from portable_dnn.equivalence.limits.accuracy import accuracy_of
from portable_dnn.equivalence.programs.function_report import (
    FunctionReport,
    JudgedOperation,
    told,
)
from portable_dnn.equivalence.programs.judging import Said, judged
from portable_dnn.equivalence.programs.namespace import RecordingNamespace
from portable_dnn.equivalence.programs.recorded import (
    Operation,
    Recorded,
    Watcher,
    bare_of,
    mapped,
)
from portable_dnn.errors import SettingError
from portable_dnn.setting_checks import check_callable, check_choice

__all__ = ["compare_function"]

DTYPES = ("float16", "float32", "float64")


@undisturbed
def compare_function(
    function: Callable[..., Any],
    *inputs: Any,
    backend: str | Device | None = None,
    dtype: str | None = None,
    **options: Any,
) -> FunctionReport:
    """Run a function of arrays on a device, and judge every operation that it does.

    Nothing is replayed, and no tolerance is needed: each operation is judged on the inputs that
    it was really given, by what rounding may make of its exact result. A library that multiplies
    in reduced precision, drops the tail of a sum or has a careless exponential is named, with the
    line of the function that it shows at.

    The function takes arrays that follow the array API standard: it uses their operators and
    methods, and the functions of their `__array_namespace__()`. If it has a parameter `xp` that is
    not given, it gets the namespace as that.

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
    **options : object
        Its keyword arguments, treated as `inputs`.

    Returns
    -------
    FunctionReport
        `outcome`, `headline`, and each operation; as text, a table.

    Raises
    ------
    DeviceError
        If the device cannot be used here.
    SettingError
        If the dtype is unknown, or the function's arguments hold no array.

    Notes
    -----
    A compiled function (`jax.jit`, a CUDA graph) is one operation to whoever calls it, and cannot
    be looked into; judge what it was compiled from. Numbers that leave the arrays (`float(x)`,
    `if x > 0`) are named in the verdict, since what becomes of them is not seen.

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
    """
    check_callable(function, "function")
    if dtype is not None:
        check_choice(dtype, DTYPES, "dtype")
    check_products()
    if not isinstance(backend, Device):
        backend = choose_device("cpu" if backend is None else backend)
    random = np.random.RandomState(1)
    accuracies = {name: accuracy_of(backend, np.dtype(name)) for name in ("float32", "float64")}
    operations: list[JudgedOperation] = []

    def see(operation: Operation, arguments: Any, named: Any, result: Any) -> None:
        kind = result.dtype.name if isinstance(result, np.ndarray) else "float32"
        accuracy = accuracies.get(kind, accuracies["float32"])
        said = judged(operation.name, arguments, named, result, accuracy, random)
        operations.append(told(operation, said))

    def leave(operation: Operation) -> None:
        operations.append(told(operation, None))

    def miss(operation: Operation, trouble: str) -> None:
        reason = f"its arrays cannot be copied to NumPy: {trouble}"
        operations.append(told(operation, Said("not judged", reason)))

    watcher = Watcher(to_host, see, leave, miss)
    watcher.namespace = RecordingNamespace(backend.backend.namespace(), watcher)
    signature = _signature(function)
    names = _names(signature, len(inputs))

    def recorded(x: Any, text: str) -> Any:
        def placed(array: Any) -> Recorded:
            there = place(_cast(array, dtype), backend)
            return Recorded(there, watcher, text)

        return mapped(x, placed, _is_array)

    given = [recorded(x, name) for x, name in zip(inputs, names, strict=True)]
    named = {name: recorded(x, name) for name, x in options.items()}
    if not _holds_arrays((given, named)):
        raise SettingError("the function was given no array; there would be nothing to judge")
    if "xp" in signature and "xp" not in named and signature.index("xp") >= len(given):
        named["xp"] = watcher.namespace
    result = mapped(function(*given, **named), bare_of)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return FunctionReport(name.rpartition(".")[2], str(backend), tuple(operations), result)


def _signature(function: Callable[..., Any]) -> list[str]:
    """Return the names of a function's parameters; none where they cannot be told."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


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


def _holds_arrays(value: Any) -> bool:
    found: list[Recorded] = []
    mapped(value, found.append)
    return bool(found)
