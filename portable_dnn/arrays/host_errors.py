"""NumPy's arithmetic where the process has it raise errors: `numpy.seterr(all="raise")`."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

__all__ = ["never_raising"]

P = ParamSpec("P")
Result = TypeVar("Result")


def never_raising(function: Callable[P, Result]) -> Callable[P, Result]:
    """Have a function compute where NumPy would raise, and warn of what is wrong as NumPy does.

    Underflow is no error: most exponentials of a trained network come near it. What the process
    ignores, or is told of otherwise, stays so.

    Parameters
    ----------
    function : callable
        One that computes.

    Returns
    -------
    callable

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.arrays.host_errors import never_raising
    >>> with np.errstate(all="raise"):
    ...     float(never_raising(np.exp)(-1000.0))
    0.0
    """

    @wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> Result:
        now = np.geterr()
        if "raise" not in now.values():
            return function(*arguments, **options)
        usual: dict[str, Any] = {
            kind: ("ignore" if kind == "under" else "warn") if how == "raise" else how
            for kind, how in now.items()
        }
        with np.errstate(**usual):
            return function(*arguments, **options)

    return run
