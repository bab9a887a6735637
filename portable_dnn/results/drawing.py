"""Pictures are drawn under matplotlib's own defaults, whatever a user or a folder has set."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["import_matplotlib", "own_settings"]


def import_matplotlib() -> None:
    """Import matplotlib without the settings that lie around; for a program, not for a library.

    It would obey a `matplotlibrc` in the current folder, which may be a stranger's, and refuse a
    backend of MPLBACKEND that it does not know. For the moment of the import the current folder is
    that of its defaults; so this is to be called before there are threads that use paths.
    """
    found = None if "matplotlib" in sys.modules else find_spec("matplotlib")
    if found is None or found.origin is None:
        return  # it is imported already, or cannot be: drawing will say why
    # That it makes its caches elsewhere where a home cannot be written, and takes time for it.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    defaults = Path(found.origin).with_name("mpl-data")
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        with contextlib.chdir(defaults) if defaults.is_dir() else contextlib.nullcontext():
            import matplotlib.figure  # noqa: F401
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Let matplotlib draw under its own defaults.

    Yields
    ------
    None
        Figures are to be made and saved before this ends; then the user's settings are back.
    """
    import matplotlib

    defaults: dict[Any, Any] = {
        k: v for k, v in matplotlib.rcParamsDefault.items() if k != "backend"
    }
    with matplotlib.rc_context(defaults):
        yield
