"""Saving a report: pictures and a web page, written whole or not at all."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from portable_dnn.equivalence.report.file import write_report
from portable_dnn.equivalence.report.page import report_page
from portable_dnn.equivalence.report.report import Report
from portable_dnn.equivalence.report.table import table_rows
from portable_dnn.errors import OutputError
from portable_dnn.files.atomic import (
    check_distinct,
    check_writable,
    write_atomically,
    write_somewhere,
    write_text,
)
from portable_dnn.results.drawing import own_settings
from portable_dnn.results.reports import check_plot_folder, plot_files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ReportFiles", "draw_pictures", "write_page"]

_PICTURES = "error_by_operation", "error_by_iteration"
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
    with own_settings():
        for name, _, figure in _figures(report):
            path = folder / f"{prefix}{name}.png"
            with write_atomically(path) as file:
                figure.savefig(file, format="png", dpi=_ON_PAPER)
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
    with own_settings():
        for _, heading, figure in _figures(report):
            png = io.BytesIO()
            figure.savefig(png, format="png", dpi=_ON_PAGE)
            pictures[heading] = png.getvalue(), f"{heading}: {report.headline}"
    text = report_page(report, table_rows(report.judgements), pictures)
    write_text(path, text)


def _figures(report: Report) -> Iterator[tuple[str, str, "Figure"]]:
    """Draw one picture after the other: name, heading, figure."""
    # Imported here, for matplotlib is slow to import and not everybody wants pictures.
    from portable_dnn.equivalence.report.charts import error_by_iteration, error_by_operation

    rows = table_rows(report.judgements)
    by_operation, by_iteration = _PICTURES
    yield by_operation, "Errors by operation", error_by_operation(report, rows)
    yield by_iteration, "Errors by iteration", error_by_iteration(report)


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
    _so_far: list[Path] = field(default_factory=list, init=False, repr=False, compare=False)

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
        pictures = {}
        if self.plots is not None:
            check_plot_folder(self.plots)
            pictures = plot_files(self.plots, (f"{self._prefix}{name}" for name in _PICTURES))
        check_distinct({**files, **pictures}, inputs)

    def write_so_far(self, report: Report) -> str:
        """Write a report that is not whole yet, to where the whole one will be.

        Parameters
        ----------
        report : Report
            What there is.

        Returns
        -------
        str
            A line that says where it is; empty if no report is to be kept.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        path = self._named(self.json)
        if path is None:
            return ""
        write_report(report, path)
        self._so_far[:] = [path]
        return _line("report", path)

    def writers(self, report: Report) -> list[Callable[[], list[str]]]:
        """Give what writes the files, one after the other; a failure of one concerns it alone.

        Parameters
        ----------
        report : Report
            What to keep.

        Returns
        -------
        list of callable
            Each returns a line for each file that it has written, which says where that is, or
            raises an OutputError. A report is written elsewhere then, so that it is not lost.
        """
        writers: list[Callable[[], list[str]]] = []

        def add(path: Path | None, kind: str, write: Callable[[Report, Path], object]) -> None:
            if path is not None:
                writers.append(lambda: _kept(path, kind, partial(write, report)))

        add(self._named(self.json), "report", self._write_whole)
        add(self._named(self.html), "page", write_page)
        plots, prefix = self.plots, self._prefix
        if plots is not None:
            writers.append(
                lambda: [_line("picture", path) for path in draw_pictures(report, plots, prefix)]
            )
        return writers

    def _write_whole(self, report: Report, path: Path) -> None:
        """Write a whole report; where it has no room, the one so far must not pass for it."""
        try:
            write_report(report, path)
        except OutputError:
            for half in self._so_far:
                half.unlink(missing_ok=True)
            raise

    @property
    def _prefix(self) -> str:
        """What the pictures' names begin with."""
        return f"{self.name}-" if self.name else ""

    def _named(self, path: Path | None) -> Path | None:
        """Put the name into a file's name."""
        if path is None or not self.name:
            return path
        return path.with_name(f"{path.stem}-{self.name}{path.suffix}")


def _kept(path: Path, kind: str, write: Callable[[Path], object]) -> list[str]:
    """Write one file, here or elsewhere, and say where it is."""
    write_somewhere(path, write, f"the {kind}")
    return [_line(kind, path)]


def _line(kind: str, path: Path) -> str:
    """Say where a file is."""
    return f"{kind:8} {path}"
