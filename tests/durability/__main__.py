"""The long form: `python -m tests.durability`, or `nox -s durability`.

Prints what it did as JSON, and ends with 1 if a run was lost, bits differ or damage was accepted.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.machine import describe
from portable_dnn.checkpoints.folder import list_checkpoints
from tests.durability.harness import CASES, Ledger, Ordeal, damage_files
from tests.durability.processes import Fresh, Nursery


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.durability", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--files", type=int, default=10_000, help="damaged files")
    parser.add_argument("--iterations", type=int, default=8000, help="of each run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--forked", action="store_true", help="fork the runs from a warm process")
    options = parser.parse_args()
    ledger, began = Ledger(), time.monotonic()
    not_done: list[str] = []
    runner = Nursery() if options.forked else Fresh()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ordeals = [
            Ordeal(
                case,
                runner,
                folder,
                ledger,
                iterations=options.iterations,
                seed=options.seed,
            )
            for case in CASES
        ]
        said = told = 0
        for ordeal in ordeals:
            _others(ordeal, not_done)
            told = _tell(ledger, told)
        while ledger.kills < options.kills:
            for ordeal in ordeals:
                ordeal.kill_once()
            if ledger.kills // 50 > said or len(ledger.notes) > told:
                said, told = ledger.kills // 50, _tell(ledger, told)
        for ordeal in ordeals:
            ordeal.complete("killed at random")
        sources = [path for ordeal in ordeals for _, path in list_checkpoints(ordeal.out)]
        damage_files(sources, options.files, folder, ledger, options.seed)
    runner.close()
    minutes = round((time.monotonic() - began) / 60, 1)
    found = {**asdict(ledger), "not_done": not_done, "minutes": minutes, "machine": describe()}
    print(json.dumps(found, indent=1))
    return 0 if ledger.clean else 1


def _tell(ledger: Ledger, told: int) -> int:
    """Say how far it is, and what went wrong since it was last told."""
    print(f"{ledger.kills} kills so far", file=sys.stderr, flush=True)
    for note in ledger.notes[told:]:
        print(note, file=sys.stderr, flush=True)
    return len(ledger.notes)


def _others(ordeal: Ordeal, not_done: list[str]) -> None:
    """Do what is not random."""
    ordeal.kill_at_every_step()
    ordeal.interrupt(10)
    ordeal.fill_the_disk()
    if why := ordeal.fill_a_small_file_system():
        not_done.append(why)
    ordeal.remove_the_folder()
    if ordeal.case.every.isdigit():
        ordeal.damage_and_go_on(10)
    ordeal.clear()


if __name__ == "__main__":
    raise SystemExit(main())
