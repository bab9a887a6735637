"""Results as tables: for a terminal, and in Markdown for the documentation."""

from collections.abc import Mapping, Sequence
from math import log2
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

__all__ = [
    "Grid",
    "against_tables",
    "assertion_tables",
    "checkpoint_tables",
    "crossing_tables",
    "floor_tables",
    "gpu_tables",
    "growth_tables",
    "markdown",
    "print_table",
    "published_tables",
    "queue_tables",
    "startup_tables",
    "terminal",
]

Result = Mapping[str, Any]
WIDTH = 160


class Grid(NamedTuple):
    """A table of texts.

    Attributes
    ----------
    head : tuple of str
        Names of the columns; the first is of words, the others are of numbers.
    rows : list of tuple of str
    """

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def terminal() -> Console:
    """Return a console, wide enough for a table where its output goes to a file."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def print_table(console: Console, title: str, grid: Grid) -> None:
    """Show a table in a terminal."""
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(grid.head):
        table.add_column(name, justify="right" if number else "left")
    for row in grid.rows:
        table.add_row(*map(escape, row))
    console.print(table)


def markdown(grid: Grid) -> str:
    """Write a table in Markdown."""
    rule = ["---"] + ["---:"] * (len(grid.head) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in (grid.head, rule, *grid.rows))


def published_tables(result: Result) -> list[tuple[str, Grid]]:
    """Tabulate the published run: a table for each dtype and number of threads."""
    rows = result["rows"]
    keys = list(dict.fromkeys((row["dtype"], row["threads"]) for row in rows))
    tables = []
    for dtype, threads in keys:
        there = [r for r in rows if (r["dtype"], r["threads"]) == (dtype, threads)]
        kernels = list(dict.fromkeys(k for r in there for k in r["ratios"]))
        head = ("program", *(f"times ours ({k})" for k in kernels))
        head += ("seconds", "µs a step", "whole process, s", "peak / X", "weights differ")
        tables.append((f"{dtype}, {_threads(threads)}", Grid(head, _published(there, kernels))))
    return tables


def _published(rows: Sequence[Result], kernels: Sequence[str]) -> list[tuple[str, ...]]:
    """Write the rows of a table, the given input first."""
    return [
        (
            _name(row),
            *(_ratio(row["ratios"].get(kernel)) for kernel in kernels),
            _spread(row["seconds"], 1.0),
            f"{row['step_seconds']['median'] * 1e6:,.0f}" if row["step_seconds"] else "",
            f"{row['whole_process_seconds']['median']:.2f}",
            f"{row['peak_bytes']['median'] / row['x_bytes']:.1f}",
            f"{row['weights_error']:.0e}",
        )
        for row in rows
    ]


def _name(row: Result) -> str:
    """Name a program with its input and kernels."""
    given = ", given compressed input" if row["input"] == "compressed" else ""
    kernels = "" if row["core_type"] == "any" else f" [{row['core_type']}]"
    return f"{row['title']}{given}{kernels}"


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _ratio(ratio: Mapping[str, float] | None) -> str:
    """Write a ratio with its spread; a run of ours against itself is 1."""
    if ratio is None:
        return ""
    return f"{_number(ratio['median'])} ({_number(ratio['min'])}–{_number(ratio['max'])})"


def _spread(values: Mapping[str, float], scale: float) -> str:
    """Write a median with its spread."""
    low, middle, high = (_number(values[key] * scale) for key in ("min", "median", "max"))
    return f"{middle} ({low}–{high})"


def _number(value: float) -> str:
    """Write three figures, no more."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def floor_tables(result: Result) -> list[tuple[str, Grid]]:
    """Tabulate the machine's floor."""
    head = ("what", "OpenBLAS", "dtype", "µs", "GFLOP/s or GB/s", "times the floor")
    rows = [
        (
            row["what"],
            row["core_type"],
            row["dtype"],
            _spread(row["seconds"], 1e6),
            _number(row["rate"] / 1e9) if row["rate"] else "",
            _number(row["times_floor"]) if row["times_floor"] else "",
        )
        for row in result["rows"]
    ]
    return [("the machine's floor and our step", Grid(head, rows))]


def growth_tables(result: Result) -> list[tuple[str, Grid]]:
    """Tabulate growth: a table for each network and dtype."""
    rows = result["rows"]
    tables = []
    for layers, dtype in dict.fromkeys((row["layers"], row["dtype"]) for row in rows):
        there = [r for r in rows if (r["layers"], r["dtype"]) == (layers, dtype)]
        sizes = list(dict.fromkeys(row["m"] for row in there))
        head = ("program", *(f"m = {m:,}" for m in sizes))
        for quantity, title in (
            ("step_seconds", "ms a step"),
            ("run_seconds", f"seconds of {result['settings']['run']} steps with set-up"),
            ("peak_bytes", "peak memory above the imports, MB"),
        ):
            scale = {"step_seconds": 1e3, "run_seconds": 1.0, "peak_bytes": 1e-6}[quantity]
            grid = [
                (title_of, *(_cell(there, title_of, m, quantity, scale) for m in sizes))
                for title_of in dict.fromkeys(row["title"] for row in there)
            ]
            if quantity == "run_seconds":
                grid += _verdicts(there, sizes)
            tables.append((f"12288-{layers}-1, {dtype}: {title}", Grid(head, grid)))
    return tables


def _verdicts(rows: Sequence[Result], sizes: Sequence[int]) -> list[tuple[str, ...]]:
    """Say for each size whether compression pays, and what the library chooses."""
    measured, chosen = [], []
    for m in sizes:
        here = {row["peer"]: row for row in rows if row["m"] == m}
        span, plain = here.get("ours-numpy-on"), here.get("ours-numpy-off")
        both = span and plain
        pays = both and span["run_seconds"] < plain["run_seconds"]
        measured.append(("yes" if pays else "no") if both else "")
        known = (row["would_compress"] for row in here.values() if "would_compress" in row)
        choice = next(known, None)
        chosen.append("" if choice is None else ("on" if choice else "off"))
    return [("compression pays (NumPy)", *measured), ('`compress="auto"` takes it', *chosen)]


def _cell(rows: Sequence[Result], title: str, m: int, quantity: str, scale: float) -> str:
    found = [row[quantity] for row in rows if row["title"] == title and row["m"] == m]
    return _number(found[0] * scale) if found else ""


def startup_tables(result: Result) -> list[tuple[str, Grid]]:
    """Tabulate what a start costs."""
    head = ("command", "ms", "ms beyond Python and NumPy")
    rows = [
        (row["title"], _spread(row["seconds"], 1e3), _spread(row["beyond"], 1e3))
        for row in result["rows"]
    ]
    return [("start-up", Grid(head, rows))]


def checkpoint_tables(result: Result) -> list[tuple[str, Grid]]:
    """Tabulate what checkpoints cost."""
    head = (
        *("checkpoints", "times the time", "times the CPU time", "ms the whole run", "ms waited"),
        *("files written", "ms a safe write"),
    )
    titles = {"without": "none", "disk": "on the disk", "memory": "in a file system in memory"}
    rows = [
        (
            titles[row["place"]],
            _ratio(row["ratio"]),
            _ratio(row["cpu_ratio"]),
            _spread(row["seconds"], 1e3),
            _spread(row["waited"], 1e3),
            f"{row['written']['median']:.0f}",
            "" if row["write_seconds"] is None else f"{row['write_seconds'] * 1e3:.1f}",
        )
        for row in result["rows"]
    ]
    every = result["settings"]["every"]
    return [(f"a checkpoint every {every} iterations of the published run", Grid(head, rows))]


def against_tables(result: Result) -> list[tuple[str, Grid]]:
    """Tabulate this version against an older one: a table for each number of threads."""
    head = (
        *("run", "dtype", "times the CPU time", "95 % interval", "medians of the processes"),
        *("least CPU time", "times the time", "ms before", "ms after"),
    )
    tables = []
    for threads in dict.fromkeys(row["threads"] for row in result["rows"]):
        rows = [
            (
                row["backend"] + (", compressed" if row["compress"] == "on" else ""),
                row["dtype"],
                _to_thousandths(row["cpu_ratio"]["median"]),
                _range(row["cpu_ratio"]["interval"]),
                _range([min(row["cpu_ratio"]["by_round"]), max(row["cpu_ratio"]["by_round"])]),
                _to_thousandths(row["cpu_ratio"]["of_least"]),
                _to_thousandths(row["ratio"]["median"]),
                f"{row['before']['seconds']['median'] * 1e3:,.0f}",
                f"{row['after']['seconds']['median'] * 1e3:,.0f}",
            )
            for row in result["rows"]
            if row["threads"] == threads
        ]
        tables.append((f"after / before, {_threads(threads)}", Grid(head, rows)))
    return tables


def _to_thousandths(ratio: float) -> str:
    """Write a ratio near 1."""
    return f"{ratio:.3f}"


def _range(ends: Sequence[float]) -> str:
    """Write two ratios near 1."""
    return "–".join(map(_to_thousandths, ends))


def gpu_tables(result: Result) -> list[tuple[str, Grid]]:
    """Tabulate the runs on a GPU."""
    head = ("program", "dtype", "times ours", "µs a step", "ms the whole run", "final cost")
    rows = [
        (
            row["title"],
            row["dtype"],
            _ratio(row["ratio"]),
            _spread(row["step_seconds"], 1e6),
            _spread(row["seconds"], 1e3),
            f"{row['final_cost']:.6f}",
        )
        for row in result["rows"]
    ]
    card = result["settings"]["card"]
    return [(f"the published run on {card}", Grid(head, rows))]


def crossing_tables(result: Result) -> list[tuple[str, Grid]]:
    """Tabulate the step of one launch beside the operations one by one."""
    head = ("held in the span", "samples", "dtype", "2^n multiply-adds", "kernel", "operations")
    rows = [
        (
            "-".join(map(str, row["units"])),
            str(row["samples"]),
            row["dtype"],
            f"{log2(row['multiply_adds']):.1f}",
            f"{row['kernel_us']:.0f} µs",
            f"{row['operations_us']:.0f} µs",
        )
        for row in result["rows"]
    ]
    card = result["settings"]["card"]
    return [(f"a step by the kernel and by operations on {card}", Grid(head, rows))]


def assertion_tables(result: Result) -> list[tuple[str, Grid]]:
    """Tabulate how often each assertion fails, of honest libraries and of faulty ones."""
    names = list(result["rows"][0]["failed"])
    draws = result["settings"]["draws"]
    grids = []
    for honest, title in (
        (True, "honest, which should pass"),
        (False, "faulty, which should fail"),
    ):
        rows = [
            (row["program"], row["change"], *(f"{row['failed'][n]} of {draws}" for n in names))
            for row in result["rows"]
            if row["honest"] == honest
        ]
        grids.append((title, Grid(("program", "change", *(f"{n} fails" for n in names)), rows)))
    return grids


def queue_tables(result: Result) -> list[tuple[str, Grid]]:
    """Tabulate a step on a queue beside NumPy's."""
    columns = ("step", "products", "rest")
    head = ("network", "dtype", "library", *(f"{column}, ms" for column in columns))
    rows = [
        (
            row["network"],
            row["dtype"],
            row["library"],
            *(_spread(row[f"{column}_ms"], 1.0) for column in columns),
        )
        for row in result["rows"]
    ]
    steps = Grid(head, rows)
    head = ("shape", "dtype", "library", "new, ms", "page faults", "there, ms", "page faults")
    memory = [
        (
            " × ".join(map(str, row["shape"])),
            row["dtype"],
            row["library"],
            *(
                cell
                for what in ("new", "there")
                for cell in (
                    _spread(row[f"{what}_ms"], 1.0),
                    f"{row[f'{what}_page_faults']:.0f}",
                )
            ),
        )
        for row in result["memory"]
    ]
    return [
        ("a step beside its products", steps),
        (
            "a product of elements into new memory, and into what is there",
            Grid(head, memory),
        ),
    ]
