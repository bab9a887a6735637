"""What was found out about a function, as one web page."""

from collections.abc import Mapping
from html import escape

from portable_dnn.equivalence.programs.function_report import COLUMNS, FunctionReport
from portable_dnn.equivalence.report.html import document, table, verdict

__all__ = ["function_page"]


def function_page(report: FunctionReport, versions: Mapping[str, str]) -> str:
    """Write a function's report as HTML.

    Parameters
    ----------
    report : FunctionReport
        What `compare_function` returned.
    versions : mapping of str to str
        Of the library that it ran on, and its settings.

    Returns
    -------
    str
        A whole document. Whatever came from the function or from a library is escaped.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import compare_function
    >>> from portable_dnn.equivalence.programs.page import function_page
    >>> page = function_page(compare_function(lambda x: x + 1.0, np.ones(3)), {})
    >>> page.startswith("<!DOCTYPE html>")
    True
    """
    title = f"{report.function} on {report.device}"
    shown = [(row, row[-1].startswith("WRONG")) for row in report.rows()]
    parts = [
        f"<h1>{escape(title)}</h1>",
        verdict(report.headline, bad=report.outcome in ("wrong", "nothing judged")),
        "<h2>Line by line, and as a whole</h2>",
        table(COLUMNS, shown, kind="text"),
    ]
    wrong = report.of("wrong")
    if wrong:
        rows = [((f"{one.file}:{one.line}", one.source, one.reason), False) for one in wrong]
        parts += [
            f"<h2>Everything that is wrong ({len(wrong)})</h2>",
            table(("where", "source", "why"), rows, kind="text"),
        ]
    facts = [((name, value), False) for name, value in versions.items()]
    parts += ["<h2>What it ran on</h2>", table(("", ""), facts, kind="text")]
    return document(title, parts)
