"""What a peer is: a program that trains the same network from the same bits."""

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec

from benchmarks.problem import Arrays, Problem

__all__ = ["Outcome", "Peer"]


@dataclass(frozen=True)
class Outcome:
    """What a peer gives back.

    Attributes
    ----------
    parameters : dict of str to ndarray
        The trained parameters, on the host, in the shapes of the start.
    costs : list of float
        The cost at iterations 0, `record_every` …, before the update.
    loop_seconds : float or None
        Time of the last `loop_iterations` iterations; set-up and compilation excluded. None where
        the peer cannot tell without disturbing its run; it then has a `time_loop`.
    loop_iterations : int
        How many these were.
    """

    parameters: Arrays
    costs: list[float]
    loop_seconds: float | None
    loop_iterations: int


@dataclass(frozen=True)
class Peer:
    """A program.

    Attributes
    ----------
    name : str
        For the command line.
    title : str
        For people.
    prepare : callable
        `prepare(problem)` returns a function without arguments that sets up and trains, and
        returns an `Outcome`. Nothing of the work is done in `prepare`: all of it is timed.
    modules : tuple of str
        What is imported before the clock starts.
    distributions : tuple of str
        The installed packages whose versions matter.
    openblas : bool
        Whether its products are NumPy's, so that `OPENBLAS_CORETYPE` touches it.
    disk_cache : bool
        Whether it keeps compiled code on disk; the first run then does not count.
    exact : bool
        Whether it computes all of a float64 run in float64.
    inputs : tuple of str
        "pictures", "compressed" (see `problem.compressed`), or both.
    needs : callable
        `needs()` returns why it cannot run here although its modules are there, or "".
    time_loop : callable or None
        `time_loop(problem)` returns an `Outcome` with `loop_seconds`, from a run that may be
        slower as a whole for being watched.
    environment : mapping of str to str
        Set before anything is imported.
    """

    name: str
    title: str
    prepare: Callable[[Problem], Callable[[], Outcome]]
    modules: tuple[str, ...]
    distributions: tuple[str, ...]
    openblas: bool = False
    disk_cache: bool = False
    exact: bool = True
    inputs: tuple[str, ...] = ("pictures", "compressed")
    needs: Callable[[], str] = str
    time_loop: Callable[[Problem], Outcome] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def available(self) -> str:
        """Say why this peer cannot run here; empty if it can."""
        packages = dict.fromkeys(name.partition(".")[0] for name in self.modules)
        missing = [name for name in packages if find_spec(name) is None]
        return f"not installed: {', '.join(missing)}" if missing else self.needs()

    def load(self) -> None:
        """Import what the peer uses."""
        os.environ.update(self.environment)
        for name in self.modules:
            importlib.import_module(name)

    def versions(self) -> dict[str, str]:
        """Return the versions of what it uses."""
        return {name: version(name) for name in self.distributions}
