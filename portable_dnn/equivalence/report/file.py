"""Reports as JSON: written whole, read with every field checked."""

import json
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from portable_dnn.equivalence.report.report import SCHEMA, Errors, Judgement, Report
from portable_dnn.errors import DataError
from portable_dnn.files.atomic import write_text
from portable_dnn.files.paths import existing_file
from portable_dnn.files.signatures import kind_of, what_it_is
from portable_dnn.files.text import one_line
from portable_dnn.machine.limits import MOST_REPORT_BYTES
from portable_dnn.machine.memory import show_bytes

__all__ = ["as_dict", "from_dict", "read_report", "write_report"]

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def as_dict(report: Report) -> dict[str, Any]:
    """Turn a report into dicts, lists, numbers and strings, ready for JSON.

    Parameters
    ----------
    report : Report
        What `compare` returned.

    Returns
    -------
    dict of str to object
        The attributes by name. JSON has no NaN and no infinity: they become the strings "NaN",
        "Infinity" and "-Infinity".

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import as_dict, compare
    >>> from portable_dnn.training.settings import Settings
    >>> small = Settings(layers=(3,), iterations=2, dtype="float32")
    >>> report = compare("numpy", np.eye(2), np.array([[0, 1]]), settings=small, many=0)
    >>> as_dict(report)["setup"]["layer_dims"]
    [2, 3, 1]
    """
    plain: dict[str, Any] = _plain(report)
    return plain


def _plain(value: Any) -> Any:
    """Turn one value into what JSON has."""
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def from_dict(content: object, source: str = "the report") -> Report:
    """Turn what `as_dict` gave back into a report.

    Parameters
    ----------
    content : object
        Of JSON.
    source : str
        What to call it in an error.

    Returns
    -------
    Report

    Raises
    ------
    DataError
        If it is not a report, or one of another version of the layout.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import as_dict, compare, from_dict
    >>> from portable_dnn.training.settings import Settings
    >>> small = Settings(layers=(3,), iterations=2, dtype="float32")
    >>> report = compare("numpy", np.eye(2), np.array([[0, 1]]), settings=small, many=0)
    >>> from_dict(as_dict(report)) == report
    True
    """
    if not isinstance(content, dict) or "schema" not in content or "judgements" not in content:
        raise DataError(f"{source} is not a report of 'portable-dnn compare --json'")
    schema = content["schema"]
    if type(schema) is not int or schema != SCHEMA:
        raise DataError(
            f"{source} has layout version {_short(schema)}; this portable-dnn reads version "
            f"{SCHEMA}: make the report again with the same version on both machines"
        )
    report = _read(Report, content, source)
    assert isinstance(report, Report)
    _check_judgements(report.judgements, source)
    run = report.free_run
    if run is not None:
        curves = (run.costs_tested, run.costs_reference, run.differences, run.explained)
        if not run.iterations or any(len(curve) != len(run.iterations) for curve in curves):
            raise DataError(f"{source}.free_run has curves of different lengths, or none")
    return report


def _check_judgements(judgements: Sequence[Judgement], source: str) -> None:
    """Refuse results that are there twice, or have numbers that their verdict denies."""
    if len({judgement.key for judgement in judgements}) < len(judgements):
        raise DataError(f"{source} has the same result twice")
    for j in judgements:
        if j.verdict == "identical":
            agrees = bool(j.tested and j.reference and j.tested.digest == j.reference.digest)
        elif j.verdict == "rounding":
            agrees = j.tested is not None and _within(j.tested, j.spread_limit)
        else:
            agrees = True
        if not agrees:
            raise DataError(
                f"{source} calls {j.name} {j.verdict!r}, which its errors are not; make the "
                "report again"
            )


def _within(errors: Errors, spread_limit: float | None) -> bool:
    """Whether errors are those of rounding."""
    spread = errors.spread
    return errors.max_bounds <= 1 and (
        spread is None or spread_limit is None or spread <= spread_limit
    )


def _short(value: object) -> str:
    """Write what a file has in some place, if that is something short."""
    return repr(value)[:40] if isinstance(value, str | int | float) else type(value).__name__


def _read(kind: Any, value: Any, where: str) -> Any:
    """Check a value against a type and turn it into that type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _read_record(kind, value, where)
    if origin is types.UnionType:
        if value is None and type(None) in arguments:
            return None
        return _read(next(a for a in arguments if a is not type(None)), value, where)
    if origin is Literal:
        if value in arguments:
            return value
    elif origin is tuple:
        if isinstance(value, list):
            return tuple(_read(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    elif origin is not None:  # a mapping of str to something
        if isinstance(value, dict):
            return {
                one_line(key): _read(arguments[1], item, f"{where}.{key[:40]}")
                for key, item in value.items()
            }
    elif kind is float:
        if isinstance(value, str) and value in _NOT_FINITE:
            return _NOT_FINITE[value]
        if isinstance(value, float) or (type(value) is int and abs(value) < 2**1023):
            return float(value)
    elif type(value) is kind:
        return one_line(value) if isinstance(value, str) else value
    raise DataError(f"{where} is {_short(value)}, which no report has there")


def _read_record(kind: Any, value: Any, where: str) -> Any:
    """Read a dataclass."""
    names = [f.name for f in fields(kind)]
    if not isinstance(value, dict) or sorted(value) != sorted(names):
        raise DataError(f"{where} is not a whole report: {', '.join(names)} should be there")
    hints = get_type_hints(kind)
    return kind(**{name: _read(hints[name], value[name], f"{where}.{name}") for name in names})


def write_report(report: Report, path: str | Path) -> None:
    """Write a report as JSON.

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

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import compare, write_report
    >>> from portable_dnn.training.settings import Settings
    >>> small = Settings(layers=(3,), iterations=2, dtype="float32")
    >>> report = compare("numpy", np.eye(2), np.array([[0, 1]]), settings=small, many=0)
    >>> write_report(report, "report.json")
    """
    text = json.dumps(as_dict(report), indent=1, allow_nan=False, ensure_ascii=False)
    write_text(path, text + "\n")


def read_report(path: str | Path) -> Report:
    """Read a report that `write_report` wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Report

    Raises
    ------
    DataError
        If it is no plain file, cannot be read, is larger than `MOST_REPORT_BYTES`, is not a
        report, or is one of another version of the layout.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import compare, read_report, write_report
    >>> from portable_dnn.training.settings import Settings
    >>> small = Settings(layers=(3,), iterations=2, dtype="float32")
    >>> report = compare("numpy", np.eye(2), np.array([[0, 1]]), settings=small, many=0)
    >>> write_report(report, "report.json")
    >>> read_report("report.json") == report
    True
    """
    path = existing_file(path, "a report of 'portable-dnn compare --json'")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_REPORT_BYTES + 1)  # it may grow while it is read
        if len(content) > MOST_REPORT_BYTES:
            raise DataError(f"{path} has more than the {show_bytes(MOST_REPORT_BYTES)} of a report")
        plain = json.loads(content.decode())
    except OSError as error:
        raise DataError(f"cannot read the report {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        other = kind_of(path) not in (None, "JSON")
        what = what_it_is(path) if other else f": it is not JSON ({error})"
        raise DataError(f"{path} is not a report{what}") from error
    return from_dict(plain, str(path))
