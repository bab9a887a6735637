"""Computing as if the user's process had set nothing: NumPy to raise, JAX to copy nothing."""

# Else PyTorch's compiler, where it meets a public function, cannot trace the annotations below.
from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from portable_dnn.arrays.registry import at_hand

__all__ = ["undisturbed"]

P = ParamSpec("P")
Result = TypeVar("Result")


def undisturbed(function: Callable[P, Result]) -> Callable[P, Result]:
    """Have a function compute where NumPy would raise, and libraries refuse, as the process asked.

    NumPy warns of what is wrong then. Underflow is no error: most exponentials of a trained network
    come near it. What the process ignores, or is told of otherwise, stays so.

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
    >>> from portable_dnn.arrays.process_settings import undisturbed
    >>> with np.errstate(all="raise"):
    ...     float(undisturbed(np.exp)(-1000.0))
    0.0
    """

    @wraps(function)
    def run(*arguments: P.args, **options: P.kwargs) -> Result:
        now = np.geterr()
        usual: dict[str, Any] = {
            kind: ("ignore" if kind == "under" else "warn") if how == "raise" else how
            for kind, how in now.items()
        }
        with ExitStack() as stack:
            if usual != now:
                stack.enter_context(np.errstate(**usual))
            for backend in at_hand():
                set_aside = getattr(backend, "undisturbed", None)
                if set_aside is not None:
                    stack.enter_context(set_aside())
            return function(*arguments, **options)

    return run
