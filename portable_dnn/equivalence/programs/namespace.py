"""A library's namespace whose functions are seen."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from portable_dnn.arrays.contract import Namespace
from portable_dnn.equivalence.programs.recorded import Recorded, Watcher, bare_of, mapped

__all__ = ["RecordingNamespace"]


class RecordingNamespace:
    """A library's namespace, whose functions are seen.

    Parameters
    ----------
    bare : namespace
        The library's own.
    watcher : Watcher
        Who sees them.
    prefix : str
        Of an extension, such as "linalg.".
    """

    def __init__(self, bare: Namespace, watcher: Watcher, prefix: str = "") -> None:
        self._bare, self._watcher, self._prefix = bare, watcher, prefix
        self.__name__ = bare.__name__

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._bare, name)
        if isinstance(found, ModuleType):
            return RecordingNamespace(found, self._watcher, f"{name}.")
        if name in _ABOUT:
            return _unwrapping(found)
        if isinstance(found, type) or not callable(found):
            return found
        if name == "asarray":
            return self._asarray
        return lambda *arguments, **options: self._watcher.call(
            f"{self._prefix}{name}", found, *arguments, **options
        )

    def _asarray(self, x: Any, /, **options: Any) -> Any:
        """Return what is an array already as it is, as the library does."""
        if isinstance(x, Recorded) and all(value is None for value in options.values()):
            return x
        return self._watcher.call("asarray", self._bare.asarray, x, **options)


# What tells about arrays and dtypes, and computes nothing.
_ABOUT = (
    *("isdtype", "finfo", "iinfo", "result_type", "can_cast", "broadcast_shapes"),
    "__array_namespace_info__",
)


def _unwrapping(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function the bare arrays."""
    return lambda *arguments, **options: function(
        *mapped(arguments, bare_of), **mapped(options, bare_of)
    )
