"""The versions that a run's numbers may depend on."""

import platform
from importlib.metadata import version

from portable_dnn.arrays.contract import Backend
from portable_dnn.files.text import words

__all__ = ["backend_versions", "versions"]


def versions(backend: Backend) -> dict[str, str]:
    """Tell what a run was made with.

    Parameters
    ----------
    backend : Backend
        The backend it computed on.

    Returns
    -------
    dict of str to str
        Names of libraries and settings to their versions and values.
    """
    return {
        "portable_dnn": version("portable_dnn"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "array-api-compat": version("array-api-compat"),
        "numpy": version("numpy"),
        **backend_versions(backend),
    }


def backend_versions(backend: Backend) -> dict[str, str]:
    """Tell the versions of a backend's libraries.

    Parameters
    ----------
    backend : Backend
        Also one that cannot answer any more, as after an error of its device.

    Returns
    -------
    dict of str to str
        As it tells them, the array library first; its error in words, if it does not.
    """
    try:
        found = {str(name): str(value) for name, value in backend.versions().items()}
    except Exception as error:  # a library may raise anything
        found = {backend.name: f"unknown ({words(error)})"}
    return found or {backend.name: "unknown"}
