"""Computing as if the user's process had set nothing: that NumPy raise, that JAX copy nothing."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from portable_dnn.arrays.contract import Undisturbed
from portable_dnn.arrays.registry import backend_names, get_backend
from portable_dnn.errors import BackendError

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
            for library in _libraries():
                stack.enter_context(library.undisturbed())
            return function(*arguments, **options)

    return run


@cache
def _libraries() -> tuple[Undisturbed, ...]:
    """Return the backends whose libraries a process can set so that they refuse to compute."""
    found = []
    for name in backend_names():
        try:
            backend = get_backend(name)
        except BackendError:  # a plug-in that does not load owns no array
            continue
        if isinstance(backend, Undisturbed):
            found.append(backend)
    return tuple(found)
