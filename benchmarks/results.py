"""Result files: the same envelope around the rows of every benchmark."""

import json
from collections.abc import Mapping, Sequence
from math import comb
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import describe

__all__ = ["FOLDER", "SCHEMA", "envelope", "median_interval", "read", "spread", "write"]

FOLDER = Path(__file__).resolve().parent / "results"
SCHEMA = 1


def envelope(
    name: str,
    settings: Mapping[str, Any],
    versions: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    left_out: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Put rows together with all that is needed to read them.

    Parameters
    ----------
    name : str
        The benchmark's.
    settings, versions : mapping
        What it was run with.
    rows : sequence of mapping
        What it found.
    left_out : sequence of mapping
        What it did not measure, each with a `reason`.

    Returns
    -------
    dict
        Plain data.
    """
    return {
        "name": name,
        "schema": SCHEMA,
        "machine": describe(),
        "settings": dict(settings),
        "versions": dict(sorted(versions.items())),
        "rows": [dict(row) for row in rows],
        "left_out": [dict(row) for row in left_out],
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, smallest and largest."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def median_interval(values: Sequence[float]) -> list[float]:
    """Bound the median of what values were drawn from, whatever their distribution.

    Parameters
    ----------
    values : sequence of float
        Drawn independently of each other.

    Returns
    -------
    list of float
        Two of the values; the median lies between them in 95 % of cases. The smallest and the
        largest where so few values (under six) cannot promise that.
    """
    ordered, count = sorted(values), len(values)
    rank, tail = 0, 2.0**-count
    while tail <= 0.025:  # the share of cases in which at most `rank` values lie below the median
        rank += 1
        tail += comb(count, rank) / 2**count
    rank = max(rank, 1)
    return [ordered[rank - 1], ordered[count - rank]]


def write(result: Mapping[str, Any], folder: Path) -> Path:
    """Write `NAME.json` into a folder, which is made if need be; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['name']}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read(name: str, folder: Path) -> dict[str, Any] | None:
    """Read a result, or return None where there is none of this schema."""
    path = folder / f"{name}.json"
    if not path.is_file():
        return None
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result if result.get("schema") == SCHEMA else None
