"""Finding backends: the entry-point group `portable_dnn.backends`, for ours and for anyone's."""

import inspect
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from portable_dnn.backend import Backend, Check
from portable_dnn.errors import BackendError

__all__ = ["backend_names", "first_failure", "get_backend", "owner_of"]

GROUP = "portable_dnn.backends"

# The reference comes first wherever backends are listed, and the pretend devices last.
_ORDER = ("numpy", "cupy", "torch", "jax")


@cache
def _entry_points() -> dict[str, EntryPoint]:
    """Return the registered plug-ins by name, in the order they are listed."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    known = [name for name in _ORDER if name in found]
    others = sorted(name for name in found if name not in _ORDER and name != "strict")
    last = [name for name in ("strict",) if name in found]
    return {name: found[name] for name in known + others + last}


def backend_names() -> tuple[str, ...]:
    """Return the names of all registered backends, whether they can run here or not."""
    return tuple(_entry_points())


@cache
def get_backend(name: str) -> Backend:
    """Load the plug-in of a backend; this does not import its array library.

    Parameters
    ----------
    name : str
        A name of `backend_names()`.

    Returns
    -------
    Backend
        The plug-in's module.

    Raises
    ------
    BackendError
        If the name is not registered, or the plug-in does not load or lacks a member of the
        contract.
    """
    try:
        entry = _entry_points()[name]
    except KeyError:
        known = ", ".join(backend_names()) or "none: is portable_dnn installed?"
        raise BackendError(f"unknown backend {name!r}; registered are {known}") from None
    try:
        plug_in = entry.load()
    except Exception as error:  # whatever a third party's module raises is its reason
        raise BackendError(
            f"the backend {name!r} ({entry.value}) does not load: {error}"
        ) from error
    missing = [member for member in contract_members() if not hasattr(plug_in, member)]
    if missing:
        raise BackendError(
            f"the backend {name!r} ({entry.value}) lacks {', '.join(missing)} of the contract in "
            "portable_dnn.backend.Backend"
        )
    return cast(Backend, plug_in)


def contract_members() -> tuple[str, ...]:
    """Return the names that a backend must have."""
    return tuple(
        name
        for name, member in vars(Backend).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    )


def first_failure(backend: Backend) -> Check | None:
    """Climb a backend's ladder; return the rung that failed, or None if the backend can run."""
    return next((check for check in backend.checks() if check.status == "failed"), None)


def owner_of(array: object) -> Backend | None:
    """Return the backend whose library an array belongs to, or None; imports no array library."""
    for name in backend_names():
        try:
            backend = get_backend(name)
        except BackendError:
            continue  # a broken plug-in of somebody else's must not stop work on other arrays
        if backend.owns(array):
            return backend
    return None
