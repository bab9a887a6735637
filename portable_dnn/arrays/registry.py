"""Finding backends, of this package and of others: the group `portable_dnn.backends`."""

import inspect
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

import array_api_compat

from portable_dnn.arrays.contract import CONTRACT, Backend, Check
from portable_dnn.arrays.contract_1 import ADDED, FirstContract
from portable_dnn.arrays.generic import GenericBackend
from portable_dnn.errors import BackendError
from portable_dnn.files.text import words

__all__ = ["backend_names", "climb", "first_failure", "get_backend", "owner_of"]

GROUP = "portable_dnn.backends"
RESERVED = ("auto", "cpu", "cuda")
"""What device strings mean by themselves."""

# The reference comes first wherever backends are listed, and the pretend devices last.
_ORDER = ("numpy", "cupy", "torch", "jax", "dpnp")


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
        The plug-in's module, or what makes one of version 1 into one of version 2.

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
    version = getattr(plug_in, "contract", 1)
    if version not in (1, CONTRACT):
        raise BackendError(
            f"the backend {name!r} ({entry.value}) keeps to version {version!r} of the contract; "
            f"this release of portable_dnn knows 1 and {CONTRACT}"
        )
    needed = [m for m in contract_members() if version == CONTRACT or m not in ADDED]
    missing = [member for member in needed if not hasattr(plug_in, member)]
    if missing:
        raise BackendError(
            f"the backend {name!r} ({entry.value}) lacks {', '.join(missing)} of the contract in "
            "portable_dnn.arrays.contract.Backend"
        )
    if plug_in.name != name or name in RESERVED:
        raise BackendError(
            f"the backend {name!r} ({entry.value}) calls itself {plug_in.name!r}; both names must "
            f"be the same, and none of {', '.join(RESERVED)}"
        )
    return cast(Backend, plug_in if version == CONTRACT else FirstContract(plug_in))


def contract_members() -> tuple[str, ...]:
    """Return the names that a backend must have."""
    return tuple(
        name
        for name, member in vars(Backend).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    )


def climb(backend: Backend) -> Iterator[Check]:
    """Climb a backend's ladder; whatever it raises is a rung that failed.

    Parameters
    ----------
    backend : Backend
        Ours or anyone's.

    Yields
    ------
    Check
        The last one failed, or the backend can run.
    """
    try:
        for check in backend.checks():
            yield check
            if check.status == "failed":
                return
        empty = not backend.devices()
    except Exception as error:  # a plug-in of somebody else's may raise anything
        yield Check(f"{backend.name}-checks", "failed", f"its own checks fail: {words(error)}")
        return
    if empty:
        yield Check(f"{backend.name}-devices", "failed", "it has no device here")


def first_failure(backend: Backend) -> Check | None:
    """Climb a backend's ladder; return the rung that failed, or None if the backend can run."""
    return next((check for check in climb(backend) if check.status == "failed"), None)


def owner_of(array: object) -> Backend | None:
    """Find the backend whose library an array belongs to; imports no array library.

    Parameters
    ----------
    array : object
        Anything.

    Returns
    -------
    Backend or None
        The plug-in that owns it, asked in the order of `backend_names`; for an array of a library
        without a plug-in, what the standard alone can tell; None for what is no array.
    """
    for name in backend_names():
        try:
            backend = get_backend(name)
        except BackendError:
            continue  # a broken plug-in of somebody else's must not stop work on other arrays
        if backend.owns(array):
            return backend
    return GenericBackend(array) if array_api_compat.is_array_api_obj(array) else None
