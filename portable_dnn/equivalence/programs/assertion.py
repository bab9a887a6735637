"""An assertion for any tests: a function's operations and results are right, up to rounding."""

from collections.abc import Callable
from typing import Any

from portable_dnn.arrays.devices import Device
from portable_dnn.equivalence.programs.compare_function import compare_function
from portable_dnn.equivalence.programs.function_report import FunctionReport

__all__ = ["assert_function_equivalent"]


def assert_function_equivalent(
    function: Callable[..., Any],
    *inputs: Any,
    device: str | Device = "cpu",
    dtype: str | None = None,
    **options: Any,
) -> FunctionReport:
    """Fail if an operation of a function, or its result, is wrong on a device, without a tolerance.

    Parameters
    ----------
    function, *inputs, dtype, **options
        As for `compare_function`.
    device : str or Device
        Where it is to run, such as what the fixture `portable_dnn_device` gives.

    Returns
    -------
    FunctionReport
        Its `result` is what the function returned; `of("not judged")` what is not known.

    Raises
    ------
    AssertionError
        If an operation or a result is wrong, or nothing was judged: the table and the verdict.
    DeviceError, SettingError
        As for `compare_function`.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import assert_function_equivalent
    >>> def centred(x):
    ...     return x - x.__array_namespace__().mean(x, axis=0)
    >>> report = assert_function_equivalent(centred, np.eye(3), dtype="float32")
    >>> report.headline
    'right: 2 operations of centred on numpy:cpu, of which 2 round, within their limits'
    """
    __tracebackhide__ = True
    report = compare_function(function, *inputs, backend=device, dtype=dtype, **options)
    if report.outcome in ("wrong", "nothing judged"):
        raise AssertionError(str(report))
    return report
