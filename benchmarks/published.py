"""The published run, all peers, interleaved: `python -m benchmarks.published --help`.

Every measurement is a process of its own, so that threads and BLAS kernels are set before anything
starts and a peak of memory belongs to one program; its clock starts after the imports. Rounds go
through all peers in turn, and ratios are formed within a round: what else the machine does then
slows both sides. Before a time is kept, the costs must be those of the course's program.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import NOT_TOUCHED, Case, in_round, make_cases, opponents
from benchmarks.machine import cores
from benchmarks.peers import PEERS
from benchmarks.pictures import draw_published
from benchmarks.processes import FailedRunError, core_types, run_worker
from benchmarks.results import FOLDER, envelope, spread, write
from benchmarks.tables import print_table, published_tables, terminal
from benchmarks.verdict import judge

__all__ = ["OURS", "add_options", "main", "run", "summarize"]

OURS = "ours-numpy"
REFERENCE = "course-lean"
NAME = "published"
# `auto` compresses here, so `on` would be the same program again.
DEFAULT_PEERS = tuple(name for name in PEERS if not name.endswith("-on"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line; the defaults are the result that is committed."""
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=2500)
    parser.add_argument("--peers", nargs="+", choices=tuple(PEERS), default=list(DEFAULT_PEERS))
    parser.add_argument("--dtypes", nargs="+", default=["float64", "float32"])
    parser.add_argument("--threads", nargs="+", type=int, default=sorted({cores(), 1}))
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the results")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.published", description=__doc__)
    add_options(parser)
    run(parser.parse_args(arguments))
    return 0


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, print, and write JSON and picture.

    Parameters
    ----------
    options : argparse.Namespace
        See `add_options`.

    Returns
    -------
    dict
        The result as it was written.
    """
    console = terminal()
    left_out: list[dict[str, Any]] = []
    peers = list(dict.fromkeys([OURS, *options.peers]))
    for name in list(peers):
        reason = PEERS[name].available()
        if reason:
            left_out.append({"peer": name, "reason": reason})
            peers.remove(name)
    kernels = core_types()
    cases = make_cases(peers, options.dtypes, options.threads, kernels)
    samples: dict[Case, list[dict[str, Any]]] = {case: [] for case in cases}
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "reference.npz"
        first = Case(REFERENCE, "pictures", "float64", cores(), kernels[0])
        reference = run_worker(
            [*_arguments(first, options.iterations), "--save", str(saved)],
            threads=cores(),
            core_type=kernels[0],
        )
        for number in range(options.rounds):
            for case in in_round(list(samples), number):
                console.print(f"round {number + 1} of {options.rounds}: {_words(case)}")
                reason = _measure(case, number, options.iterations, saved, reference, samples)
                if reason:
                    console.print(f"  left out: {reason}")
                    left_out.append({**case._asdict(), "reason": reason})
                    del samples[case]
    rows = summarize(samples, kernels)
    versions = {k: v for runs in samples.values() for r in runs for k, v in r["versions"].items()}
    settings = {
        "rounds": options.rounds,
        "iterations": options.iterations,
        "source": reference["source"],
        "openblas_coretype": list(kernels),
        "reference_final_cost": reference["final_cost"],
    }
    result = envelope(NAME, settings, versions, rows, left_out)
    for title, table in published_tables(result):
        print_table(console, title, table)
    console.print(f"written: {write(result, options.out)}")
    draw_published(result, options.out / f"{NAME}.png")
    return result


def _measure(
    case: Case,
    number: int,
    iterations: int,
    saved: Path,
    reference: Mapping[str, Any],
    samples: dict[Case, list[dict[str, Any]]],
) -> str:
    """Add one measurement of a case; return why it is no good, or an empty string."""
    kernels = core_types()[0] if case.core_type == NOT_TOUCHED else case.core_type
    arguments = [*_arguments(case, iterations), "--reference", str(saved)]
    peer = PEERS[case.peer]
    try:
        if peer.disk_cache and number == 0:
            run_worker(_arguments(case, 2), threads=case.threads, core_type=kernels)
        result = run_worker(arguments, threads=case.threads, core_type=kernels)
    except FailedRunError as error:
        return str(error)
    reason = judge(result, reference, case.dtype, exact=peer.exact)
    if not reason:
        samples[case].append(result)
    return reason


def summarize(
    samples: Mapping[Case, Sequence[Mapping[str, Any]]], kernels: Sequence[str]
) -> list[dict[str, Any]]:
    """Turn measurements into rows.

    Parameters
    ----------
    samples : mapping of Case to sequence of mapping
        What the worker gave, round by round.
    kernels : sequence of str
        Values of `OPENBLAS_CORETYPE` that were measured.

    Returns
    -------
    list of dict
        A row a case; `ratios` says how many times the time of ours it took, for each kind of
        kernels, formed within the rounds.
    """
    rows = []
    for case, runs in samples.items():
        if not runs:
            continue
        ratios = {}
        for ours in opponents(case, OURS, kernels):
            against = samples.get(ours, ())
            if len(against) == len(runs):
                pairs = zip(runs, against, strict=True)
                ratios[ours.core_type] = spread([a["seconds"] / b["seconds"] for a, b in pairs])
        row: dict[str, Any] = {
            **case._asdict(),
            "title": PEERS[case.peer].title,
            "seconds": spread([run["seconds"] for run in runs]),
            "seconds_by_round": [run["seconds"] for run in runs],
            "whole_process_seconds": spread([run["whole_process_seconds"] for run in runs]),
            "peak_bytes": spread([run["peak_bytes"] for run in runs]),
            "x_bytes": runs[0]["x_bytes"],
            "final_cost": runs[0]["final_cost"],
            "weights_error": max(run["weights_error"] for run in runs),
            "ratios": ratios,
        }
        steps = [run["step_seconds"] for run in runs if "step_seconds" in run]
        row["step_seconds"] = spread(steps) if steps else None
        rows.append(row)
    return rows


def _arguments(case: Case, iterations: int) -> list[str]:
    """Write a case as the worker's command line."""
    return [
        *("--peer", case.peer, "--input", case.input, "--dtype", case.dtype),
        *("--iterations", str(iterations)),
    ]


def _words(case: Case) -> str:
    """Write a case for people."""
    kernels = "" if case.core_type == NOT_TOUCHED else f", OpenBLAS {case.core_type}"
    return f"{case.peer} on {case.input}, {case.dtype}, {case.threads} threads{kernels}"


if __name__ == "__main__":
    raise SystemExit(main())
