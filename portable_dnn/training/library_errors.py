"""A library's own errors during a training become a sentence that names the library."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from portable_dnn.arrays.devices import HOST, Device
from portable_dnn.errors import BackendError, PortableDnnError
from portable_dnn.files.text import words
from portable_dnn.training.run_memory import is_shortage

__all__ = ["named_library"]

# What is raised from compiled code has no frame of its library's.
_FROM_COMPILED_CODE = (RuntimeError, NotImplementedError)


@contextmanager
def named_library(device: Device) -> Iterator[None]:
    """Turn what an array library raises into a sentence that names it.

    Errors of this package's, of a caller's callback, and of memory that runs out stay what they
    are; so do those of the reference, NumPy.

    Parameters
    ----------
    device : Device
        Where is computed.

    Yields
    ------
    None

    Raises
    ------
    BackendError
        If the library fails, or lacks a function.
    """
    try:
        yield
    except PortableDnnError:
        raise
    except Exception as error:
        if device.backend.name == HOST or is_shortage(error) or not _is_of(error, device):
            raise
        raise BackendError(
            f"{device} fails in training: {words(error)}; portable-dnn doctor --backend "
            f"{device.backend.name} takes a step and says whether it can be used"
        ) from error


def _is_of(error: Exception, device: Device) -> bool:
    """Whether an error is of the library, by where it comes from."""
    frames = traceback.walk_tb(error.__traceback__)
    modules = [str(frame.f_globals.get("__name__", "")).partition(".")[0] for frame, _ in frames]
    outside = [name for name in modules if not name.startswith("portable_dnn")]
    if outside:  # what is called first of what is not ours: the library, or somebody's callback
        libraries = {"array_api_compat", device.backend.namespace().__name__.partition(".")[0]}
        return outside[0] in libraries
    if isinstance(error, AttributeError):
        return not type(error.obj).__module__.startswith("portable_dnn")
    return isinstance(error, _FROM_COMPILED_CODE)
