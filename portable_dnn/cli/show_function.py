"""The judgement of a function that the command line names, and what is shown of it."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from functools import partial, wraps
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np

from portable_dnn.arrays.devices import choose_device
from portable_dnn.arrays.versions import backend_versions
from portable_dnn.cli.console import Output
from portable_dnn.cli.messages import fail_to_write
from portable_dnn.cli.saving import Keeper
from portable_dnn.equivalence import compare_function
from portable_dnn.equivalence.programs.function_report import COLUMNS, JudgingStopped
from portable_dnn.equivalence.programs.page import function_page
from portable_dnn.errors import DataError, SettingError
from portable_dnn.files.atomic import check_distinct, write_somewhere, write_text
from portable_dnn.files.paths import existing_file
from portable_dnn.files.signatures import what_it_is
from portable_dnn.files.text import words

__all__ = ["judge_function"]

_CODES = {"right": 0, "right in part": 0, "wrong": 1, "nothing judged": 2}


def judge_function(
    output: Output,
    named: str,
    inputs: Path,
    device: str,
    dtype: str | None,
    files: tuple[Path | None, Path | None],
    compiled: str | None = None,
) -> int:
    """Judge a function, show what was found, and save it.

    Parameters
    ----------
    output : Output
        Where to show it.
    named : str
        "package.module:function"; the module is looked for in the current folder too.
    inputs : Path
        A file of NumPy's, .npz; its arrays go by the names of the parameters, or in their order.
    device : str
        Where to run it.
    dtype : str or None
        To which floating inputs are cast.
    files : (Path or None, Path or None)
        Where to save the report, as JSON and as a web page.
    compiled : str or None
        The same function as a compiler made it, named as `named` is.

    Returns
    -------
    int
        The exit code: 0, 1 if an operation or a result is wrong, 2 if nothing was judged, 130 if
        Ctrl-C came; then what was judged until then is shown and saved.

    Raises
    ------
    SettingError, DataError, OutputError
        If there is no such function, if it fails, if the file cannot be used, or a report would
        take the place of the function's module.
    """
    function = _named_by(named, _function(named, "--function"))
    made = None if compiled is None else _named_by(compiled, _function(compiled, "--compiled"))
    modules = {
        "the module of --compiled": None if compiled is None else _file_of(compiled),
        "the module of --function": _file_of(named),
    }
    check_distinct(dict(zip(("--json", "--html"), files, strict=True)), modules)
    positional, by_name = _arguments(inputs)
    try:
        with output.working(lambda: f"judging {named}"):
            report = compare_function(
                function, *positional, backend=device, dtype=dtype, compiled=made, **by_name
            )
    except JudgingStopped as stop:
        report = stop.report
    if not output.quiet:
        output.table(COLUMNS, report.rows())
    output.line(report.headline)
    keeper, code = Keeper(), 130 if report.stopped else _CODES[report.outcome]
    written = (
        ("report", lambda: json.dumps(report.as_dict(), indent=1, ensure_ascii=False) + "\n"),
        ("page", lambda: function_page(report, backend_versions(choose_device(device).backend))),
    )
    for path, (kind, text) in zip(files, written, strict=True):
        keeper.save(output, path, partial(_write, kind, text))
    try:
        keeper.check()
    except OSError as error:  # the operations are judged all the same: 1 means that one is wrong
        fail_to_write(error, code or 2)
    return code


def _write(kind: str, text: Callable[[], str], path: Path) -> Iterator[str]:
    """Write one file, here or elsewhere, and say where it is."""
    write_somewhere(path, lambda place: write_text(place, text()), f"the {kind}")
    yield f"{kind:8} {path}"


def _function(named: str, option: str) -> Callable[..., Any]:
    """Import a function."""
    module_name, colon, name = named.partition(":")
    if not module_name or not colon or not name:
        raise SettingError(f"{option} is {named!r}; package.module:name would be right")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = resolve_name(named)
    except AttributeError as error:
        raise SettingError(f"{option}: {module_name} has no {name}") from error
    # A module of somebody else's may raise anything.
    except (Exception, SystemExit) as error:
        raise SettingError(f"{option}: {module_name} cannot be imported: {words(error)}") from error
    if not callable(found):
        raise SettingError(f"{option}: {named} is a {type(found).__name__}, not a function")
    function: Callable[..., Any] = found
    return function


def _file_of(named: str) -> Path | None:
    """Return the file of a function's module, if it has one."""
    file = getattr(sys.modules.get(named.partition(":")[0]), "__file__", None)
    return None if file is None else Path(file)


def _named_by(named: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Say of an error that it is the function's."""

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            with chdir("."):  # back to where the report is to be, wherever the function goes
                return function(*arguments, **options)
        except SystemExit as error:
            raise SettingError(f"{named} ends the program: exit code {error.code}") from error
        except Exception as error:  # a function of somebody else's may raise anything
            raise SettingError(f"{named} fails with these inputs: {words(error)}") from error

    return call


def _arguments(path: Path) -> tuple[list[Any], dict[str, Any]]:
    """Read arrays: those that `numpy.savez` named itself, in their order, and the others."""
    path = existing_file(path, "a file of arrays, as numpy.savez writes it")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except OSError as error:
        raise DataError(f"{path} cannot be read: {words(error)}") from error
    except Exception as error:  # whatever a damaged archive makes NumPy raise
        kind = what_it_is(path) or f": {words(error)}"
        if "pickle" in kind:
            kind = ", or holds objects"
        raise DataError(f"{path} is no file of arrays{kind}; numpy.savez makes one") from error
    if not arrays:
        raise DataError(f"{path} holds no arrays; numpy.savez writes some")
    numbered = [f"arr_{i}" for i in range(len(arrays)) if f"arr_{i}" in arrays]
    return [arrays[name] for name in numbered], {
        name: array for name, array in arrays.items() if name not in numbered
    }
