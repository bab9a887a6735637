"""A report as one web page that needs nothing else: no network, no scripts, no other files."""

import base64
from collections.abc import Mapping, Sequence
from html import escape

from portable_dnn.equivalence.report.meaning import meaning
from portable_dnn.equivalence.report.report import Judgement, Report, Side
from portable_dnn.equivalence.report.table import COLUMNS, cells

__all__ = ["report_page"]

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --wrong: #c03a00; --right: #007a55; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.verdict { border-left: .4rem solid var(--right); padding: .3rem 1rem; background: #8881; }
.verdict.bad { border-color: var(--wrong); }
.verdict strong { font-size: 1.1rem; }
table { border-collapse: collapse; font-size: .87rem; display: block; overflow-x: auto; }
th, td { padding: .15rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child, .text th, .text td { text-align: left; }
tr.bad td { color: var(--wrong); font-weight: 600; }
img { max-width: 100%; background: white; }
code { overflow-wrap: anywhere; }
"""


def report_page(
    report: Report, rows: Sequence[Judgement], pictures: Mapping[str, tuple[bytes, str]]
) -> str:
    """Write a report as HTML.

    Parameters
    ----------
    report : Report
        The comparison.
    rows : sequence of Judgement
        One an operation, the worst of all its cases.
    pictures : mapping of str to (bytes, str)
        By heading: a PNG and what it shows, in words.

    Returns
    -------
    str
        A whole document. Whatever came from data or from a library is escaped.
    """
    title = f"{report.tested.device} against {report.reference.device}"
    dtype = report.setup.settings.get("dtype", "")
    bad = "" if report.outcome in ("same numbers", "rounding only") else " bad"
    parts = [
        f"<h1>{escape(title)}, {escape(str(dtype))}</h1>",
        f'<div class="verdict{bad}"><strong>{escape(report.headline)}</strong>',
        *(f"<p>{escape(sentence)}</p>" for sentence in meaning(report)),
        "</div>",
        *(f"<p>{escape(note)}</p>" for note in report.notes),
    ]
    if report.failure is not None:
        failure = report.failure
        parts.append(f"<p>Died in {escape(failure.operation)}: {escape(failure.error)}</p>")
    if report.free_run is not None:
        parts += ["<h2>Each trained on its own</h2>", f"<p>{escape(report.free_run.sentence)}</p>"]
    for heading, (png, words) in pictures.items():
        data = base64.b64encode(png).decode("ascii")
        parts.append(f"<h2>{escape(heading)}</h2>")
        parts.append(f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">')
    parts += ["<h2>Operation by operation</h2>", _operations(rows), *_wrong(report)]
    parts += ["<h2>What was compared</h2>", _setup(report)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _operations(rows: Sequence[Judgement]) -> str:
    """Write the table of operations."""
    return _table(COLUMNS, [(cells(row), row.verdict == "wrong") for row in rows])


def _wrong(report: Report) -> list[str]:
    """List every wrong result, for those who will fix it."""
    if not report.wrong:
        return []
    rows = [
        (
            (j.name, j.output, j.case, "-" if j.iteration is None else str(j.iteration), j.reason),
            False,
        )
        for j in report.wrong
    ]
    heading = f"<h2>Everything that is wrong ({len(rows)})</h2>"
    columns = ("operation", "result", "inputs", "iteration", "why")
    return [heading, _table(columns, rows, kind="text")]


def _setup(report: Report) -> str:
    """Write what was computed, and with what."""
    setup = report.setup
    facts = {
        "data": f"{setup.data_source}, {setup.samples} samples",
        "X and Y": f"sha256 {setup.data_sha256}, of these two arrays, not of the file or the set",
        "network": "-".join(map(str, setup.layer_dims)),
        "start": f"sha256 {setup.start_sha256}",
        **{name: str(value) for name, value in setup.settings.items()},
        "made": f"{report.created}, in {report.seconds:.1f} s",
        **_side("tested", report.tested),
        **_side("reference", report.reference),
    }
    return _table(("", ""), [((name, value), False) for name, value in facts.items()], kind="text")


def _side(name: str, side: Side) -> dict[str, str]:
    """List a side's device and versions."""
    versions = {f"{name}: {part}": version for part, version in side.versions.items()}
    return {name: side.device, **versions}


def _table(
    columns: Sequence[str], rows: Sequence[tuple[Sequence[str], bool]], kind: str = ""
) -> str:
    """Write a table; a row may be marked as bad."""
    lines = [f'<table class="{kind}">']
    if any(columns):
        lines.append(_row("th", columns, ""))
    lines += [_row("td", row, ' class="bad"' if bad else "") for row, bad in rows]
    return "\n".join([*lines, "</table>"])


def _row(tag: str, row: Sequence[str], attributes: str) -> str:
    """Write a row of a table."""
    return f"<tr{attributes}>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in row) + "</tr>"
