"""Old paths of modules that moved, for one release."""

from collections.abc import Callable
from importlib import import_module
from typing import Any
from warnings import warn

__all__ = ["forwarded"]


def forwarded(old: str, new: str, *others: str) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module that has moved.

    Parameters
    ----------
    old, new : str
        Its path before, and now.
    *others : str
        Further modules that have some of its names now.

    Returns
    -------
    callable
        Finds a name in the new modules, with a DeprecationWarning that says where.
    """

    def find(name: str) -> Any:
        if name.startswith("__"):  # asked for by Python itself
            raise AttributeError(name)
        for path in (new, *others):
            module = import_module(path)
            if hasattr(module, name):
                warn(
                    f"{old} is now {path}; the old path goes with the next release",
                    DeprecationWarning,
                    stacklevel=2,
                )
                return getattr(module, name)
        raise AttributeError(f"module {old!r} has no attribute {name!r}")

    return find
