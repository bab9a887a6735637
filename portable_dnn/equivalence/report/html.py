"""Web pages that need nothing else: no network, no scripts, no other files."""

from collections.abc import Sequence
from html import escape

__all__ = ["document", "table", "verdict"]

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


def document(title: str, parts: Sequence[str]) -> str:
    """Put parts together to a whole document.

    Parameters
    ----------
    title : str
        Escaped here.
    parts : sequence of str
        HTML.

    Returns
    -------
    str
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def verdict(headline: str, sentences: Sequence[str] = (), *, bad: bool) -> str:
    """Write a verdict, with what it means.

    Parameters
    ----------
    headline : str
    sentences : sequence of str
        Escaped here, as the headline is.
    bad : bool
        Whether something is wrong.

    Returns
    -------
    str
    """
    kind = "verdict bad" if bad else "verdict"
    lines = [f'<div class="{kind}"><strong>{escape(headline)}</strong>']
    return "\n".join([*lines, *(f"<p>{escape(one)}</p>" for one in sentences), "</div>"])


def table(
    columns: Sequence[str], rows: Sequence[tuple[Sequence[str], bool]], kind: str = ""
) -> str:
    """Write a table.

    Parameters
    ----------
    columns : sequence of str
        Headings, all of them empty for none.
    rows : sequence of (sequence of str, bool)
        Cells, escaped here, and whether the row is marked as bad.
    kind : {"", "text"}
        "text" for cells that are read, not compared.

    Returns
    -------
    str
    """
    lines = [f'<table class="{kind}">']
    if any(columns):
        lines.append(_row("th", columns, ""))
    lines += [_row("td", row, ' class="bad"' if bad else "") for row, bad in rows]
    return "\n".join([*lines, "</table>"])


def _row(tag: str, row: Sequence[str], attributes: str) -> str:
    """Write a row of a table."""
    return f"<tr{attributes}>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in row) + "</tr>"
