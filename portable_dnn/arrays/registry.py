"""Finding backends, of this package and of others: the group `portable_dnn.backends`."""

import inspect
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import array_api_compat

from portable_dnn.arrays.answers import CheckedAnswers
from portable_dnn.arrays.contract import CONTRACT, Backend, Check
from portable_dnn.arrays.contract_1 import ADDED, FirstContract
from portable_dnn.arrays.generic import GenericBackend
from portable_dnn.errors import BackendError, StoppedBySignal
from portable_dnn.files.text import words
from portable_dnn.machine.apart import how_it_ends

__all__ = [
    "at_hand",
    "backend_names",
    "climb",
    "displaced",
    "first_failure",
    "get_backend",
    "look_at",
    "owner_of",
]

GROUP = "portable_dnn.backends"
STANDARD = "2024.12"
"""The version of the array API standard that the mathematics is written in."""
RESERVED = ("auto", "cpu", "cuda")
"""What device strings mean by themselves."""

# The reference comes first wherever backends are listed, and the pretend devices last.
_ORDER = ("numpy", "cupy", "torch", "jax", "dpnp")
_OURS = (*_ORDER, "strict")  # names that nobody else's plug-in is found under


@cache
def _entry_points() -> dict[str, EntryPoint]:
    """Return the registered plug-ins by name, in the order they are listed."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        if entry.name not in found or _is_ours(entry):
            found[entry.name] = entry
    known = [name for name in _ORDER if name in found]
    others = sorted(name for name in found if name not in _ORDER and name != "strict")
    last = [name for name in ("strict",) if name in found]
    return {name: found[name] for name in known + others + last}


def _is_ours(entry: EntryPoint) -> bool:
    """Whether an entry is of this package: nobody else's takes the place of, say, the reference."""
    return entry.dist is not None and entry.dist.name.replace("_", "-") == "portable-dnn"


def displaced() -> tuple[str, ...]:
    """Say which registered plug-ins are not used because their names are taken, a sentence each."""
    used = _entry_points()
    return tuple(
        f"{entry.value} registers the backend {entry.name!r} too, and is not used"
        for entry in entry_points(group=GROUP)
        if entry.value != used[entry.name].value
    )


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
        The plug-in's module, or what makes one of version 1 into one of version 2. A stranger's
        has its answers checked.

    Raises
    ------
    BackendError
        If the name is not registered, or the plug-in does not load, lacks a member of the
        contract, or takes whatever there is for an array of its library.
    """
    try:
        entry = _entry_points()[name]
    except KeyError:
        known = ", ".join(backend_names()) or "none: is portable_dnn installed?"
        raise BackendError(f"unknown backend {name!r}; registered are {known}") from None
    streams = sys.stdin, sys.stdout, sys.stderr
    try:
        plug_in = entry.load()
        objection = _objection(name, plug_in)
        version = getattr(plug_in, "contract", 1)
    except StoppedBySignal:
        raise
    # Whatever a third party's module raises is its reason, an exit too.
    except (Exception, SystemExit) as error:
        raise BackendError(
            f"the backend {name!r} ({entry.value}) does not load: {words(error)}"
        ) from error
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams  # not a plug-in's to change
    if objection:
        raise BackendError(f"the backend {name!r} ({entry.value}) {objection}")
    backend = cast(Backend, plug_in if version == CONTRACT else FirstContract(plug_in))
    return backend if name in _OURS else cast(Backend, CheckedAnswers(backend))


def _objection(name: str, plug_in: Any) -> str:
    """Say in what a plug-in does not keep to the contract; or nothing."""
    version = getattr(plug_in, "contract", 1)
    if version not in (1, CONTRACT):
        return (
            f"keeps to version {version!r} of the contract; this release of portable_dnn knows 1 "
            f"and {CONTRACT}"
        )
    needed = [m for m in contract_members() if version == CONTRACT or m not in ADDED]
    missing = [member for member in needed if not _has(plug_in, member)]
    if missing:
        return f"lacks {', '.join(missing)} of the contract in portable_dnn.arrays.contract.Backend"
    if plug_in.name != name or name in RESERVED:
        return (
            f"calls itself {plug_in.name!r}; both names must be the same, and none of "
            f"{', '.join(RESERVED)}"
        )
    if name not in _OURS and _owns_all(plug_in):
        return (
            "says that it owns whatever it is shown, even what is no array; owns must be true of "
            "its own library's arrays alone"
        )
    return ""


def _has(plug_in: object, member: str) -> bool:
    """Whether a plug-in has a member of the contract, a function where it is one there."""
    is_value = isinstance(vars(Backend)[member], property)
    return hasattr(plug_in, member) and (is_value or callable(getattr(plug_in, member)))


def _owns_all(plug_in: Any) -> bool:
    """Whether a plug-in takes for its own what is no array."""
    with suppress(Exception):  # one that looks closer at arrays, and finds none
        return bool(plug_in.owns(object()))
    return False


def look_at(name: str) -> Backend:
    """Load a plug-in to see whether it can be used here, and hurt nobody if it cannot.

    A stranger's is tried in a process of its own first: it may end the process, or never return.

    Parameters
    ----------
    name : str
        A name of `backend_names()`.

    Returns
    -------
    Backend

    Raises
    ------
    BackendError
        As for `get_backend`; and if loading it, or its ladder, ends the process or takes a minute.
    """
    entry = _entry_points().get(name)
    if entry is not None and not (_is_imported(entry) or name in _OURS):
        end = _end_of(name, entry.value)
        if end:
            raise BackendError(f"the backend {name!r} ({entry.value}) {end}")
    return get_backend(name)


@cache  # it takes a process, and is asked for at each array of a library without a plug-in
def _end_of(name: str, value: str) -> str:
    """Try a plug-in in a process of its own, and say how it ended that, if it did."""
    return how_it_ends(
        "from portable_dnn.arrays.registry import first_failure, get_backend\n"
        f"first_failure(get_backend({name!r}))"
    )


def at_hand() -> Iterator[Backend]:
    """List the backends whose plug-in has been imported, or a module of their name, ours first.

    Whatever arrays there are belong to one of these, so that no other plug-in need be imported to
    compute with them: that takes time, and a stranger's may do anything.

    Yields
    ------
    Backend
    """
    entries = _entry_points()
    for name in sorted(entries, key=lambda name: name not in _OURS):
        entry = entries[name]
        if name in sys.modules or _is_imported(entry):
            try:
                yield get_backend(name)
            except BackendError:  # one that does not load owns no array
                continue


def _is_imported(entry: EntryPoint) -> bool:
    """Whether a plug-in's module has been imported."""
    # Not `entry.module`, which parses its value anew at each call.
    return entry.value.partition(":")[0].rstrip() in sys.modules


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
    except StoppedBySignal:
        raise
    # A plug-in of somebody else's may raise anything, and exit.
    except (Exception, SystemExit) as error:
        yield Check(f"{backend.name}-checks", "failed", f"its own checks fail: {words(error)}")
        return
    if empty:
        yield Check(f"{backend.name}-devices", "failed", "it has no device here")
    elif (told := _standard_of(backend)) is not None and told < STANDARD:
        yield Check(
            f"{backend.name}-standard",
            "failed",
            f"it keeps to version {told} of the array API standard; {STANDARD} is needed",
            "update the library; of array-api-strict, unset ARRAY_API_STRICT_API_VERSION",
        )


def _standard_of(backend: Backend) -> str | None:
    """Return the version of the standard that a library says it keeps to; None if it does not."""
    with suppress(Exception):
        told = getattr(backend.namespace(), "__array_api_version__", None)
        return told if isinstance(told, str) else None
    return None


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
        The plug-in that owns it, this package's asked first, in the order of `backend_names`; for
        an array of a library without a plug-in, what the standard alone can tell; None for what is
        no array.
    """
    if isinstance(array, type):  # a class of arrays is none itself
        return None
    for backend in at_hand():
        with suppress(Exception, SystemExit):  # a stranger's may raise anything
            if backend.owns(array):
                return backend if backend.name in _OURS else _first_owner(array) or backend
    if not array_api_compat.is_array_api_obj(array):
        return None
    return _owner_not_at_hand(array) or GenericBackend(array)


def _first_owner(array: object) -> Backend | None:
    """Find the backend of this package, at hand or not, that has what a stranger's claims."""
    ours = (get_backend(name) for name in backend_names() if name in _OURS)
    return next((backend for backend in ours if backend.owns(array)), None)


def _owner_not_at_hand(array: object) -> Backend | None:
    """Find the backend, of a name that is not the library's, whose library has been used alone."""
    at_hand_already = [backend.name for backend in at_hand()]
    for name in backend_names():
        # A broken plug-in of somebody else's must not stop work on other arrays.
        with suppress(Exception, SystemExit):
            if name not in at_hand_already and (backend := look_at(name)).owns(array):
                return backend
    return None
