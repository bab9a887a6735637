"""Whether two backends compute the same numbers, and if not, which operation does not."""

from portable_dnn.equivalence.assertion import Roundings, assert_equivalent
from portable_dnn.equivalence.report import (
    Element,
    Errors,
    Failure,
    FreeRun,
    Judgement,
    Report,
    Setup,
    Side,
)
from portable_dnn.equivalence.report_file import as_dict, from_dict, read_report, write_report

__all__ = [
    "Element",
    "Errors",
    "Failure",
    "FreeRun",
    "Judgement",
    "Report",
    "Roundings",
    "Setup",
    "Side",
    "as_dict",
    "assert_equivalent",
    "from_dict",
    "read_report",
    "write_report",
]
