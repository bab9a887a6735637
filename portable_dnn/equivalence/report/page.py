"""A report as one web page that needs nothing else: no network, no scripts, no other files."""

import base64
from collections.abc import Mapping, Sequence
from html import escape

from portable_dnn.equivalence.report.html import document, table, verdict
from portable_dnn.equivalence.report.meaning import meaning
from portable_dnn.equivalence.report.report import Judgement, Report, Side
from portable_dnn.equivalence.report.table import COLUMNS, cells

__all__ = ["report_page"]


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
    bad = report.outcome not in ("same numbers", "rounding only")
    parts = [
        f"<h1>{escape(title)}, {escape(str(dtype))}</h1>",
        verdict(report.headline, meaning(report), bad=bad),
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
    return document(title, parts)


def _operations(rows: Sequence[Judgement]) -> str:
    """Write the table of operations."""
    return table(COLUMNS, [(cells(row), row.verdict == "wrong") for row in rows])


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
    return [heading, table(columns, rows, kind="text")]


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
    return table(("", ""), [((name, value), False) for name, value in facts.items()], kind="text")


def _side(name: str, side: Side) -> dict[str, str]:
    """List a side's device and versions."""
    versions = {f"{name}: {part}": version for part, version in side.versions.items()}
    return {name: side.device, **versions}
