"""How a comparison is shown: while it runs, and its verdict."""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.devices import Device
from portable_dnn.cli.console import Output
from portable_dnn.cli.saving import Keeper
from portable_dnn.equivalence import Judgement, Progress, Report, compare
from portable_dnn.equivalence.report.meaning import meaning
from portable_dnn.equivalence.report.save import ReportFiles
from portable_dnn.equivalence.report.table import COLUMNS, cells, table_rows
from portable_dnn.errors import OutputError
from portable_dnn.training.settings import Settings

__all__ = ["keep_report", "run_comparison", "show_report", "show_summary"]


def run_comparison(
    output: Output,
    tested: Device,
    reference: Device,
    data: tuple[HostArray, HostArray, str],
    settings: Settings,
    files: ReportFiles,
    finish: Callable[[Report], Report],
) -> Report:
    """Compare, showing what was judged so far, and keeping it should the program end.

    Parameters
    ----------
    output : Output
        Where to show it.
    tested, reference : Device
        The sides.
    data : tuple
        X, Y and where they came from.
    settings : Settings
        What decides the run.
    files : ReportFiles
        Where the report will be kept; its JSON holds the report so far until then.
    finish : callable
        What is to be done with a report before it is kept.

    Returns
    -------
    Report
        The whole one, finished.
    """
    judgements: list[Judgement] = []
    state, kept = [""], [""]

    def show(progress: Progress) -> None:
        if progress.judgement is not None:
            judgements.append(progress.judgement)
        state[0] = f"{progress.stage}: {len(judgements)} results judged"

    def keep(report: Report) -> None:
        with contextlib.suppress(OutputError):  # the whole one is tried as well, and told of
            kept[0] = files.write_so_far(finish(report))

    def rows() -> Sequence[Sequence[str]]:
        return [cells(row) for row in table_rows(tuple(judgements))]

    X, Y, source = data
    try:
        with output.growing(COLUMNS, rows, lambda: state[0]):
            report = compare(
                *(tested, X, Y),
                reference=reference,
                settings=settings,
                source=source,
                progress=show,
                on_stage=None if files.json is None else keep,
            )
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):  # where the terminal is gone, nobody reads it
            if kept[0]:
                output.line(f"{kept[0]} (so far: stopped by Ctrl-C)")
        raise
    return finish(report)


def keep_report(output: Output, keeper: Keeper, files: ReportFiles, report: Report) -> None:
    """Write the files of a report; what cannot be written is kept for the end.

    Parameters
    ----------
    output : Output
        Where to say which there are.
    keeper : Keeper
        What tells of the others.
    files : ReportFiles
        The files.
    report : Report
        What to keep.
    """

    def say(write: Callable[[], Sequence[str]]) -> None:
        for line in write():
            output.line(line)

    for write in files.writers(report):
        keeper.attempt(partial(say, write))


def show_report(output: Output, report: Report, *, table: bool) -> None:
    """Show a report: the table, the free run, what to know beside, the verdict.

    Parameters
    ----------
    output : Output
        Where to.
    report : Report
        The comparison.
    table : bool
        Whether to show all operations, or only those that are wrong.
    """
    rows = [row for row in table_rows(report.judgements) if table or row.verdict == "wrong"]
    if rows and not output.quiet:
        output.table(COLUMNS, [cells(row) for row in rows])
    if table:
        output.detail(
            "worst: of the element nearest to its bound, or farthest beyond; ulp: unit in the last "
            "place; bound: what rounding explains there"
        )
    if report.free_run is not None:
        output.detail(f"free run {report.free_run.sentence}")
    for note in report.notes:
        output.detail(f"note     {note}")
    output.detail(f"took     {report.seconds:.1f} s")
    output.line(f"verdict  {report.headline}")
    if table or report.wrong:
        for sentence in meaning(report):
            output.detail(f"         {sentence}")


def show_summary(output: Output, reports: Sequence[Report], missing: Sequence[str]) -> None:
    """Show several comparisons as a table, and what was not compared.

    Parameters
    ----------
    output : Output
        Where to.
    reports : sequence of Report
        The comparisons.
    missing : sequence of str
        Why others could not be made, a sentence each.
    """
    output.table(
        ("device", "dtype", "verdict", "wrong", "judged", "seconds"),
        [
            (
                report.tested.device,
                str(report.setup.settings["dtype"]),
                report.outcome,
                str(len(report.wrong)),
                str(len(report.judgements)),
                f"{report.seconds:.1f}",
            )
            for report in reports
        ],
    )
    for sentence in missing:
        output.line(f"not compared: {sentence}")
