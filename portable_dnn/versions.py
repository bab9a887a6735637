"""The versions that a run's numbers may depend on."""

import platform
from importlib.metadata import version

from portable_dnn.backend import Backend

__all__ = ["versions"]


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
        **backend.versions(),
    }
