"""Whether two backends compute the same numbers, and if not, which operation does not."""

from portable_dnn.equivalence.assertion import Roundings, assert_equivalent
from portable_dnn.equivalence.comparison import DEFAULTS, Progress, compare
from portable_dnn.equivalence.programs.assertion import assert_function_equivalent
from portable_dnn.equivalence.programs.compare_function import compare_function
from portable_dnn.equivalence.programs.function_report import FunctionReport, JudgedOperation
from portable_dnn.equivalence.programs.whole import JudgedResult
from portable_dnn.equivalence.report.file import as_dict, from_dict, read_report, write_report
from portable_dnn.equivalence.report.report import (
    Element,
    Errors,
    Failure,
    FreeRun,
    Judgement,
    Report,
    Setup,
    Side,
)
from portable_dnn.equivalence.report.verdict import in_order, worst_rows

__all__ = [
    "DEFAULTS",
    "Element",
    "Errors",
    "Failure",
    "FreeRun",
    "FunctionReport",
    "JudgedOperation",
    "JudgedResult",
    "Judgement",
    "Progress",
    "Report",
    "Roundings",
    "Setup",
    "Side",
    "as_dict",
    "assert_equivalent",
    "assert_function_equivalent",
    "compare",
    "compare_function",
    "from_dict",
    "in_order",
    "read_report",
    "worst_rows",
    "write_report",
]
