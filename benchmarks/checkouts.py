"""A folder with another version of the library, and the name of a folder's version."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import ROOT

__all__ = ["checkout", "commit_of"]


@contextmanager
def checkout(version: str) -> Iterator[Path]:
    """Provide a folder with a version of this repository.

    Parameters
    ----------
    version : str
        A commit, checked out for as long as the block lasts; or a folder, taken as it is.

    Yields
    ------
    Path
    """
    if Path(version).is_dir():
        yield Path(version).resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder).resolve() / "version"
        _git(ROOT, "worktree", "add", "--detach", str(tree), version)
        try:
            yield tree
        finally:
            _git(ROOT, "worktree", "remove", "--force", str(tree))


def commit_of(tree: Path) -> str:
    """Name the commit of a checkout, and say whether its files have changed since."""
    changed = _git(tree, "status", "--porcelain", "--untracked-files=no")
    return _git(tree, "rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def _git(tree: Path, *arguments: str) -> str:
    """Run git in a checkout; return what it wrote."""
    command = ["git", "-C", str(tree), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    return done.stdout.strip()
