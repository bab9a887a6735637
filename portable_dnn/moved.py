"""Old paths of modules that moved, for one release."""

from collections.abc import Callable
from types import ModuleType
from typing import Any
from warnings import warn

__all__ = ["forwarded"]


def forwarded(old: str, *new: ModuleType) -> Callable[[str], Any]:
    """Make the `__getattr__` of a module that has moved.

    Parameters
    ----------
    old : str
        Its path before.
    *new : module
        What has its names now, the first that has a name first.

    Returns
    -------
    callable
        Finds a name, with a DeprecationWarning that says where it is now.
    """

    def find(name: str) -> Any:
        found = next((module for module in new if hasattr(module, name)), None)
        if found is None or name.startswith("__"):  # Python itself asks for such names
            raise AttributeError(f"module {old!r} has no attribute {name!r}")
        warn(
            f"{old} is now {found.__name__}; the old path goes with the next release",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(found, name)

    return find
