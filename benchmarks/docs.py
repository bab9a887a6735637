"""Putting results into the documentation, so that no figure in it is written by hand."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.results import FOLDER, read

__all__ = ["PAGE", "TABLES", "fill", "section", "update"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
NOTHING = "*No result yet.*"
TABLES: dict[str, Callable[[Mapping[str, Any]], list[tuple[str, tables.Grid]]]] = {
    "published": tables.published_tables,
    "floor": tables.floor_tables,
    "growth": tables.growth_tables,
    "startup": tables.startup_tables,
    "checkpoints": tables.checkpoint_tables,
    "against_before": tables.against_tables,
    "gpu": tables.gpu_tables,
    "crossing": tables.crossing_tables,
    "queue": tables.queue_tables,
    "assertions": tables.assertion_tables,
}
"""What makes the tables of each benchmark's section, by the benchmark's name."""


def fill(text: str, sections: Mapping[str, str]) -> str:
    """Replace what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`.

    Parameters
    ----------
    text : str
        A page.
    sections : mapping of str to str
        What to put there, by name.

    Returns
    -------
    str
        The page.

    Raises
    ------
    ValueError
        If a name has not exactly one pair of markers.
    """
    for name, content in sections.items():
        pattern = re.compile(
            f"(<!-- {re.escape(name)}:begin -->\n).*?(<!-- {re.escape(name)}:end -->)", re.DOTALL
        )
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"the page has not exactly one pair of markers for {name!r}")
        text = pattern.sub(lambda found, c=content: f"{found[1]}\n{c}\n\n{found[2]}", text)
    return text


def section(result: Mapping[str, Any]) -> str:
    """Write a result in Markdown: what it was run with, its tables, and what was left out.

    Parameters
    ----------
    result : mapping
        As `results.envelope` makes it.

    Returns
    -------
    str
    """
    machine, settings = result["machine"], result["settings"]
    told = ", ".join(f"{name} {_plain(value)}" for name, value in settings.items())
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']}. Settings: {told}. "
        f"Versions: {versions}."
    ]
    for title, grid in TABLES[result["name"]](result):
        parts += [f"**{title}**", tables.markdown(grid)]
    if result["left_out"]:
        parts.append("Left out:")
        parts.append("\n".join(f"- {_left_out(item)}" for item in result["left_out"]))
    return "\n\n".join(parts)


def update(page: Path = PAGE, folder: Path = FOLDER) -> None:
    """Regenerate the tables of the page from the result files.

    Parameters
    ----------
    page : Path
        The page, changed in place.
    folder : Path
        Where the results are; one that is missing leaves a line that says so.
    """
    sections = {}
    for name in TABLES:
        result = read(name, folder)
        sections[name] = section(result) if result else NOTHING
        picture = folder / f"{name}.png"
        if result and picture.is_file():
            sections[name] += f"\n\n![{name}](../benchmarks/results/{picture.name})"
    page.write_text(fill(page.read_text(encoding="utf-8"), sections), encoding="utf-8")


def _plain(value: object) -> str:
    """Write a setting."""
    if isinstance(value, list):
        return " and ".join(map(str, value))
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _left_out(item: Mapping[str, Any]) -> str:
    """Write what was left out, and why."""
    what = ", ".join(str(value) for name, value in item.items() if name != "reason")
    return f"{what}: {item['reason']}"
