"""The published run against an older version of the library: `python -m benchmarks.against --help`.

Both versions wait in a process each and train in turn, in random order within a pair, and a ratio
is formed within a pair. CPU time stands beside the clock's: what else the machine does adds less to
it. Every round starts new processes, since how a process happens to lie in memory can cost or
spare it a few percent for as long as it lives.
"""

import argparse
import json
import random
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from benchmarks.cases import in_round
from benchmarks.checkouts import checkout, commit_of
from benchmarks.machine import cores
from benchmarks.peers import PEERS
from benchmarks.problem import LAYERS, Problem, published, random_pictures
from benchmarks.processes import ROOT, FailedRunError, bound_command, core_types, environment
from benchmarks.results import FOLDER, envelope, median_interval, spread, write
from benchmarks.tables import against_tables, print_table, terminal
from benchmarks.verdict import judge
from benchmarks.worker import CHECKED

__all__ = ["Case", "add_options", "main", "run", "summarize"]

NAME = "against_before"
WORKER = Path(__file__).resolve().parent / "against_worker.py"
BACKENDS = ("numpy", "torch", "jax")
Pair = dict[str, dict[str, Any]]
"""What one run of each version gave, under "before" and "after"."""


class Case(NamedTuple):
    """One set of conditions; the fields are those of a row of the result."""

    backend: str
    dtype: str
    compress: str
    threads: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.add_argument(
        "--before", required=True, help="a commit, or a folder with a checkout of it"
    )
    parser.add_argument("--rounds", type=int, default=4, help="each with new processes")
    parser.add_argument("--pairs", type=int, default=5, help="of runs in a round")
    parser.add_argument("--iterations", type=int, default=2500, help="of a compressed run")
    parser.add_argument(
        "--plain-iterations", type=int, default=300, help="of a run that is not compressed"
    )
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--dtypes", nargs="+", default=["float64", "float32"])
    parser.add_argument("--compress", nargs="+", choices=("on", "off"), default=["on", "off"])
    parser.add_argument("--threads", nargs="+", type=int, default=sorted({cores(), 1}))
    parser.add_argument("--samples", type=int, default=0, help="so many random pictures")
    parser.add_argument("--limit", type=float, default=1.03, help="of a median ratio of CPU time")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the result")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; return 1 if a median ratio of CPU time is above the limit."""
    parser = argparse.ArgumentParser(prog="benchmarks.against", description=__doc__)
    add_options(parser)
    options = parser.parse_args(arguments)
    rows = run(options)["rows"]
    return int(any(row["cpu_ratio"]["median"] > options.limit for row in rows))


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, print, and write the result; return it as it was written."""
    console = terminal()
    cases, left_out = _cases(options)
    samples: dict[Case, list[list[Pair]]] = {case: [] for case in cases}
    order = random.Random(0)
    with checkout(options.before) as before, tempfile.TemporaryDirectory() as folder:
        trees = {"before": before, "after": ROOT}
        commits = {name: commit_of(tree) for name, tree in trees.items()}
        problems = {dtype: _problem(dtype, options) for dtype in options.dtypes}
        for dtype, problem in problems.items():
            np.savez(_saved(folder, dtype), X=problem.X, Y=problem.Y, **problem.parameters)
        for number in range(options.rounds):
            for case in in_round(list(samples), number):
                console.print(f"round {number + 1} of {options.rounds}: {_words(case)}", end="")
                try:
                    pairs = _round(case, trees, folder, problems[case.dtype], options, order)
                    samples[case].append(pairs)
                    console.print(f": {median(_ratios(pairs, 'cpu_seconds')):.3f}")
                except FailedRunError as error:
                    console.print(f": left out: {error}")
                    left_out.append({**case._asdict(), "reason": str(error)})
                    del samples[case]
    settings = {
        **commits,
        "rounds": options.rounds,
        "pairs in a round": options.pairs,
        "iterations compressed": options.iterations,
        "iterations not compressed": options.plain_iterations,
        "source": problems[options.dtypes[0]].source,
        "openblas_coretype": core_types()[0],
        "limit": options.limit,
    }
    versions = dict(chain.from_iterable(_peer(case).versions().items() for case in cases))
    result = envelope(NAME, settings, versions, summarize(samples), left_out)
    for title, table in against_tables(result):
        print_table(console, title, table)
    console.print(f"written: {write(result, options.out)}")
    return result


def summarize(samples: Mapping[Case, Sequence[Sequence[Pair]]]) -> list[dict[str, Any]]:
    """Turn measurements into rows.

    Parameters
    ----------
    samples : mapping of Case to sequence of sequence of Pair
        The pairs of each round.

    Returns
    -------
    list of dict
        A row a case. `ratio` and `cpu_ratio` are after / before: median, smallest, largest, an
        interval of the median, the median of each round, and the ratio of the least times, to which
        a busy machine has added least.
    """
    rows = []
    for case, rounds in samples.items():
        pairs = list(chain.from_iterable(rounds))
        if not pairs:
            continue
        row: dict[str, Any] = {**case._asdict(), "pairs": len(pairs)}
        for version in ("before", "after"):
            runs = [pair[version] for pair in pairs]
            row[version] = {key: spread([run[key] for run in runs]) for key in _CLOCKS}
            row[version]["final_cost"] = runs[-1]["final_cost"]
        for key, ratio in _CLOCKS.items():
            by_round = [_ratios(found, key) for found in rounds]
            ratios = list(chain.from_iterable(by_round))
            row[ratio] = {
                **spread(ratios),
                "interval": median_interval(ratios),
                "by_round": [median(found) for found in by_round],
                "of_least": row["after"][key]["min"] / row["before"][key]["min"],
            }
        rows.append(row)
    return rows


_CLOCKS = {"seconds": "ratio", "cpu_seconds": "cpu_ratio"}


def _ratios(pairs: Sequence[Pair], clock: str) -> list[float]:
    """Return after / before for each pair."""
    return [pair["after"][clock] / pair["before"][clock] for pair in pairs]


def _cases(options: argparse.Namespace) -> tuple[list[Case], list[dict[str, Any]]]:
    """List what can be measured here, and what cannot."""
    missing = {name: PEERS[f"ours-{name}-on"].available() for name in options.backends}
    left_out = [{"backend": name, "reason": why} for name, why in missing.items() if why]
    cases = [
        Case(backend, dtype, compress, threads)
        for threads in options.threads
        for compress in options.compress
        for dtype in options.dtypes
        for backend, why in missing.items()
        if not why
    ]
    return cases, left_out


def _peer(case: Case) -> Any:
    """Return the peer that is the same run of this version."""
    return PEERS[f"ours-{case.backend}-{case.compress}"]


def _problem(dtype: str, options: argparse.Namespace) -> Problem:
    """Return the published run, or one on random pictures for a trial."""
    if options.samples:
        return random_pictures(options.samples, LAYERS, dtype, options.iterations)
    return published(dtype, options.iterations)


def _saved(folder: str, dtype: str) -> Path:
    """Return where a problem's arrays are handed to the workers."""
    return Path(folder) / f"{dtype}.npz"


def _round(
    case: Case,
    trees: Mapping[str, Path],
    folder: str,
    problem: Problem,
    options: argparse.Namespace,
    order: random.Random,
) -> list[Pair]:
    """Start both versions, see that they train the same network, and let them take turns."""
    arguments = [
        *(str(_saved(folder, case.dtype)), "--backend", case.backend, "--compress", case.compress),
        *("--learning-rate", str(problem.learning_rate)),
        *("--record-every", str(problem.record_every)),
    ]
    iterations = options.iterations if case.compress == "on" else options.plain_iterations
    with (
        _started(trees["before"], arguments, case.threads) as before,
        _started(trees["after"], arguments, case.threads) as after,
    ):
        workers = {"before": before, "after": after}
        # The first run of a process imports and compiles; it is not timed.
        early = {name: worker.run(CHECKED) for name, worker in workers.items()}
        pairs = []
        for _ in range(options.pairs):
            names = order.sample(list(workers), k=2)
            found = {name: workers[name].run(iterations) for name in names}
            pairs.append({name: found[name] for name in workers})
    for name, answer in pairs[-1].items():
        answer["early_cost"] = early[name]["final_cost"]
    reason = judge(pairs[-1]["after"], pairs[-1]["before"], case.dtype)
    if reason:
        raise FailedRunError(f"another training: {reason}")
    return pairs


@dataclass(frozen=True)
class _Worker:
    """A version of the library in a process of its own."""

    process: "subprocess.Popen[str]"
    tree: Path

    def run(self, iterations: int) -> dict[str, Any]:
        """Train once."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(f"{iterations}\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise FailedRunError(f"ended with exit code {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        elsewhere = [file for file in answer["files"] if not Path(file).is_relative_to(self.tree)]
        if elsewhere:
            raise FailedRunError(f"another version was imported: {elsewhere[0]}")
        if not answer["finite"]:
            raise FailedRunError("the trained weights are not finite")
        return answer


@contextmanager
def _started(tree: Path, arguments: Sequence[str], threads: int) -> Iterator[_Worker]:
    """Start a worker on the library of a checkout; it ends with its standard input."""
    paths = [tree, tree / "backends"]
    variables = environment(threads, core_types()[0])
    with subprocess.Popen(
        bound_command(str(WORKER), arguments, threads),
        cwd=tree,
        env={**variables, "PYTHONPATH": ":".join(map(str, paths))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        yield _Worker(process, tree)


def _words(case: Case) -> str:
    """Write a case for people."""
    kind = "compressed" if case.compress == "on" else "not compressed"
    threads = "1 thread" if case.threads == 1 else f"{case.threads} threads"
    return f"{case.backend}, {case.dtype}, {kind}, {threads}"


if __name__ == "__main__":
    raise SystemExit(main())
