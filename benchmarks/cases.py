"""Which measurements the published run's benchmark makes, and in which order."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from benchmarks.peers import PEERS

__all__ = ["NOT_TOUCHED", "Case", "in_round", "make_cases", "opponents"]

T = TypeVar("T")

NOT_TOUCHED = "any"
"""In the place of OpenBLAS's kernels, for a peer that does not use them."""


class Case(NamedTuple):
    """A peer under one set of conditions.

    Attributes
    ----------
    peer, input, dtype, threads
        What the worker is told.
    core_type : str
        `OPENBLAS_CORETYPE`, "unset", or "any" where it does not matter.
    """

    peer: str
    input: str
    dtype: str
    threads: int
    core_type: str


def make_cases(
    peers: Sequence[str],
    dtypes: Sequence[str],
    threads: Sequence[int],
    core_types: Sequence[str],
) -> list[Case]:
    """List all measurements of a round.

    Parameters
    ----------
    peers, dtypes, threads, core_types
        What is asked for.

    Returns
    -------
    list of Case
        A peer that does not use OpenBLAS is measured once, not once for each of its kernels.
    """
    return [
        Case(name, kind, dtype, count, core_type)
        for dtype in dtypes
        for count in threads
        for kind in ("pictures", "compressed")
        for name in peers
        if kind in PEERS[name].inputs
        for core_type in (core_types if PEERS[name].openblas else (NOT_TOUCHED,))
    ]


def in_round(cases: Sequence[T], number: int) -> list[T]:
    """Order a round: every other one backwards, so that a drifting machine favours nobody."""
    return list(cases) if number % 2 == 0 else list(reversed(cases))


def opponents(case: Case, ours: str, core_types: Sequence[str]) -> list[Case]:
    """Find the runs of ours that a run is compared with: same dtype, threads and kernels.

    Parameters
    ----------
    case : Case
        A peer's.
    ours : str
        The name of ours.
    core_types : sequence of str
        All that are measured.

    Returns
    -------
    list of Case
        One, or one for each kind of kernels where the peer does not use them but ours does.
    """
    if not PEERS[ours].openblas:
        found: Sequence[str] = (NOT_TOUCHED,)
    else:
        found = core_types if case.core_type == NOT_TOUCHED else (case.core_type,)
    return [Case(ours, "pictures", case.dtype, case.threads, kernels) for kernels in found]
