"""What a person sees: live bars and drawn tables in a terminal, plain lines anywhere else."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import typer
from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from portable_dnn.cli.heartbeat import heartbeat
from portable_dnn.files.text import one_line, printable

__all__ = ["LOOK_SECONDS", "Bar", "Output"]

LOOK_SECONDS = 0.1
"""How often a live bar is moved."""
_NARROW = 60  # below that many cells a whole bar does not fit into a line


class _Console(Console):
    """A console whose closed pipe is an error like any other: a run is kept before it ends."""

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError."""
        raise  # it is called where that is handled


class Output:
    """The standard output, as a terminal or as plain lines.

    Whatever is printed goes through here, and is text: names of files and what libraries say cannot
    steer the terminal or begin a line of their own.

    Parameters
    ----------
    quiet : bool
        Results only, as plain lines, even in a terminal.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = _Console(highlight=False, soft_wrap=True)
        if self._console.width < 1:
            self._console.width = 1  # into 0 columns nothing is printed
        self.quiet = quiet
        self.live = self._console.is_terminal and not quiet

    def line(self, text: str = "") -> None:
        """Print a line of the result.

        Parameters
        ----------
        text : str
            As it is; nothing in it is markup. What cannot be shown is escaped, line breaks too.
        """
        self._console.print(Text(self._shown(text)))

    def json(self, content: object) -> None:
        """Print a result as JSON.

        Parameters
        ----------
        content : object
            Plain data. In JSON, whatever is not ASCII is escaped.
        """
        self._console.print(Text(json.dumps(content, indent=1)))

    def detail(self, text: str) -> None:
        """Print a line about the way to the result, unless quiet.

        Parameters
        ----------
        text : str
            As it is; nothing in it is markup.
        """
        if not self.quiet:
            self.line(text)

    def aside(self, text: str) -> None:
        """Print a remark on the standard error, so that it does not mix with the result.

        Parameters
        ----------
        text : str
            A sentence.
        """
        self._say(f"note: {text}")

    def _say(self, text: str) -> None:
        """Print a line on the standard error."""
        typer.echo(f"portable-dnn: {one_line(text)}", err=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table; columns are right-aligned but the first.

        A terminal that is too narrow for it gets lines, so that nothing of a result is cut off.

        Parameters
        ----------
        columns : sequence of str
            Headings.
        rows : sequence of sequence of str
            As many cells as columns.
        """
        heading, *shown = ([self._shown(cell) for cell in row] for row in (columns, *rows))
        drawn = self._drawn(heading, shown) if self.live else None
        if drawn is not None:
            self._console.print(drawn)
            return
        widths = _widths([heading, *shown])
        for row in (heading, *shown):
            cells = []
            for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
                space = " " * (width - cell_len(cell))
                cells.append(space + cell if i else cell + space)
            self._console.print(Text("  ".join(cells).rstrip()))

    def _shown(self, text: str) -> str:
        """Escape what must not be printed, and what the terminal's encoding does not have."""
        encoding = self._console.encoding
        return printable(text).encode(encoding, "backslashreplace").decode(encoding)

    def _drawn(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table | None:
        """Draw a table, if the terminal is as wide; its headings may take several lines."""
        for heading in (columns, [column.replace(" ", "\n") for column in columns]):
            if sum(width + 3 for width in _widths([heading, *rows])) < self._console.width:
                return _drawn(heading, rows)
        return None

    @contextmanager
    def growing(
        self,
        columns: Sequence[str],
        rows: Callable[[], Sequence[Sequence[str]]],
        state: Callable[[], str],
    ) -> Iterator[None]:
        """Show the last rows of a table that grows while something runs; elsewhere, the state.

        Parameters
        ----------
        columns : sequence of str
            Headings.
        rows : callable
            Gives the rows so far.
        state : callable
            Gives a line about what is being done, shown below.

        Yields
        ------
        None
        """
        if not self.live:
            with self.working(state):
                yield
            return

        def draw() -> Group:
            last = list(rows())[-max(self._console.height - 7, 1) :]
            shown = [[self._shown(cell) for cell in row] for row in last]
            drawn, below = self._drawn(columns, shown), Text(self._shown(state()))
            return Group(below) if drawn is None else Group(drawn, below)

        with Live(get_renderable=draw, console=self._console, transient=True):
            yield

    @contextmanager
    def working(self, state: Callable[[], str]) -> Iterator[None]:
        """Show that something is going on; without a terminal a line now and then, unless quiet.

        Parameters
        ----------
        state : callable
            Gives what is being done.

        Yields
        ------
        None
        """
        if self.live:
            shown: AbstractContextManager[object] = self._console.status(self._shown(state()))
        elif self.quiet:
            shown = nullcontext()
        else:
            shown = heartbeat(self._say, state)
        with shown:
            yield

    @contextmanager
    def reading(self) -> Iterator[Callable[[int, int], None]]:
        """Show a bar while pictures are read; without a terminal, a line now and then.

        Yields
        ------
        callable
            To be told how many are read, of how many.
        """
        if not self.live:
            state = ["reading pictures"]

            def tell(done: int, total: int) -> None:
                state[0] = f"reading pictures: {done} of {total}"

            with self.working(lambda: state[0]):
                yield tell
            return
        with self._bar("picture") as progress:
            task = progress.add_task("", total=None)
            yield lambda done, total: progress.update(task, completed=done, total=total)

    @contextmanager
    def progress(self, total: int, unit: str = "iteration") -> Iterator["Bar"]:
        """Show a bar with iteration, cost and time left while something runs.

        Without a terminal, a line now and then.

        Parameters
        ----------
        total : int
            How far it goes.
        unit : str
            What is counted.

        Yields
        ------
        Bar
            To be moved.
        """
        if not self.live:
            bar = Bar()
            with self.working(lambda: f"{unit} {bar.done} of {total}"):
                yield bar
            return
        with self._bar(unit, TextColumn("{task.fields[cost]}")) as progress:
            yield Bar(progress, progress.add_task("", total=total, cost="cost -"))

    def _bar(self, unit: str, *columns: ProgressColumn) -> Progress:
        """Make a bar that counts something, with columns of its own; numbers alone if narrow."""
        count = MofNCompleteColumn()
        if self._console.width < _NARROW:
            return Progress(count, *columns, console=self._console, transient=True)
        return Progress(
            TextColumn(unit),
            count,
            BarColumn(),
            *columns,
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Measure the columns of a table, in a terminal's cells: some letters take two."""
    return [
        max(cell_len(line) for cell in column for line in cell.split("\n"))
        for column in zip(*rows, strict=True)
    ]


def _drawn(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Draw a table for a terminal."""
    table = Table()
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


class Bar:
    """A progress bar, drawn or not.

    Parameters
    ----------
    progress : rich.progress.Progress, optional
        Where the bar is drawn.
    task : rich.progress.TaskID, optional
        Which of its bars.

    Attributes
    ----------
    done : int
        How far it has come.
    """

    def __init__(self, progress: Progress | None = None, task: TaskID | None = None) -> None:
        self.done = 0
        self._progress = progress
        self._task = task

    def move(self, done: int, cost: float | None = None) -> None:
        """Show how far it is.

        Parameters
        ----------
        done : int
            How far it has come.
        cost : float, optional
            The last cost, if there is a new one.
        """
        self.done = done
        if self._progress is None or self._task is None:
            return
        self._progress.update(self._task, completed=done)
        if cost is not None:
            self._progress.update(self._task, cost=f"cost {cost:.6f}")
