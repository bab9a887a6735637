"""How this program was installed, and so how an extra of it is."""

import json
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["install_command"]


def install_command(extra: str) -> str:
    """Return the command that installs portable_dnn with an extra, from where it was installed.

    pip notes where a package came from that is of no index (PEP 610): a clone, a file, a
    repository.

    Parameters
    ----------
    extra : str
        One of pyproject.toml, such as "torch".

    Returns
    -------
    str

    Examples
    --------
    >>> from portable_dnn.machine.installation import install_command
    >>> install_command("torch")
    'python -m pip install ...[torch]...'
    """
    origin = _origin()
    url, folder = str(origin.get("url", "")), origin.get("dir_info")
    if repository := origin.get("vcs_info"):
        wanted = f"portable-dnn[{extra}] @ {repository.get('vcs', 'git')}+{url}"
    elif url.startswith("file:") and Path(path := _path_of(url)).exists():
        wanted = f"{path}[{extra}]"
    else:
        wanted = f"portable-dnn[{extra}]"
    editable = "-e " if folder and folder.get("editable") and wanted.startswith("/") else ""
    return f'python -m pip install {editable}"{wanted}"'


def _origin() -> dict[str, Any]:
    """Return what pip has noted; empty if it came from an index, or is not installed."""
    try:
        noted = metadata.distribution("portable-dnn").read_text("direct_url.json")
        origin = json.loads(noted or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return {}
    return origin if isinstance(origin, dict) else {}


def _path_of(url: str) -> str:
    """Return the path that a file's URL names; on Windows it has no slash before the drive."""
    path = unquote(urlsplit(url).path)
    return path[1:] if path[2:3] == ":" else path
