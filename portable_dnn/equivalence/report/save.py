"""Saving a report: pictures and a web page, written whole or not at all."""

import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portable_dnn.equivalence.report.file import write_report
from portable_dnn.equivalence.report.page import report_page
from portable_dnn.equivalence.report.report import Report
from portable_dnn.equivalence.report.table import table_rows
from portable_dnn.files.atomic import check_distinct, check_writable, write_atomically
from portable_dnn.results.reports import check_plot_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ReportFiles", "draw_pictures", "write_page"]

_ON_PAPER, _ON_PAGE = 130, 80  # dots per inch


def draw_pictures(report: Report, folder: str | Path, prefix: str = "") -> list[Path]:
    """Draw the pictures of a report.

    Parameters
    ----------
    report : Report
        What `compare` returned.
    folder : str or Path
        Where to; made if it does not exist.
    prefix : str
        Put before the names, to tell several reports apart.

    Returns
    -------
    list of Path
        The files, `error_by_operation.png` and `error_by_iteration.png`.

    Raises
    ------
    OutputError
        If a picture cannot be written.
    """
    folder = check_plot_folder(folder)
    folder.mkdir(exist_ok=True)
    paths = []
    for name, _, figure in _figures(report):
        path = folder / f"{prefix}{name}.png"
        with write_atomically(path) as temporary:
            _save(figure, temporary, _ON_PAPER)
        paths.append(path)
    return paths


def write_page(report: Report, path: str | Path) -> None:
    """Write a report as one web page, its pictures inside.

    Parameters
    ----------
    report : Report
        What `compare` returned.
    path : str or Path
        The file to create or replace.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    pictures = {}
    for _, heading, figure in _figures(report):
        png = io.BytesIO()
        _save(figure, png, _ON_PAGE)
        pictures[heading] = png.getvalue(), f"{heading}: {report.headline}"
    text = report_page(report, table_rows(report.judgements), pictures)
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _save(figure: "Figure", target: Path | io.BytesIO, dpi: int) -> None:
    """Write a figure as PNG."""
    with warnings.catch_warnings():
        # A report of somebody's may name what matplotlib's font does not have.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure.savefig(target, format="png", dpi=dpi)


def _figures(report: Report) -> Iterator[tuple[str, str, "Figure"]]:
    """Draw one picture after the other: name, heading, figure."""
    # Imported here, for matplotlib is slow to import and not everybody wants pictures.
    from portable_dnn.equivalence.report.charts import error_by_iteration, error_by_operation

    rows = table_rows(report.judgements)
    yield "error_by_operation", "Errors by operation", error_by_operation(report, rows)
    yield "error_by_iteration", "Errors by iteration", error_by_iteration(report)


@dataclass(frozen=True)
class ReportFiles:
    """The files that a report is to be kept in.

    Attributes
    ----------
    json, html, plots : Path or None
        A report to be read again, a page, a folder for pictures; None where none is wanted.
    name : str
        Put into the files' names, where there are several reports; empty for one.
    """

    json: Path | None
    html: Path | None
    plots: Path | None
    name: str = ""

    def check(self, inputs: Mapping[str, Path | None]) -> None:
        """Say before the work that a file cannot be written, or would replace what is read.

        Parameters
        ----------
        inputs : mapping of str to Path or None
            What is read, by what the user calls it.

        Raises
        ------
        OutputError
            If so.
        """
        files = {"--json": self._named(self.json), "--html": self._named(self.html)}
        for path in files.values():
            if path is not None:
                check_writable(path)
        check_distinct(files, inputs)
        if self.plots is not None:
            check_plot_folder(self.plots)

    def write(self, report: Report) -> list[str]:
        """Write the files.

        Parameters
        ----------
        report : Report
            What to keep.

        Returns
        -------
        list of str
            A line for each, that says where it is.

        Raises
        ------
        OutputError
            If one cannot be written.
        """
        lines = []
        json, html = self._named(self.json), self._named(self.html)
        if json is not None:
            write_report(report, json)
            lines.append(f"report   {json}")
        if html is not None:
            write_page(report, html)
            lines.append(f"page     {html}")
        if self.plots is not None:
            prefix = f"{self.name}-" if self.name else ""
            lines += [f"picture  {path}" for path in draw_pictures(report, self.plots, prefix)]
        return lines

    def _named(self, path: Path | None) -> Path | None:
        """Put the name into a file's name."""
        if path is None or not self.name:
            return path
        return path.with_name(f"{path.stem}-{self.name}{path.suffix}")
