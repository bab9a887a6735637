"""Names of classes, which come from files and folders and are shown to people."""

from collections.abc import Sequence

from portable_dnn.errors import DataError
from portable_dnn.files.text import shortened
from portable_dnn.machine.limits import MOST_CLASS_NAME_LENGTH

__all__ = ["check_class_names"]


def check_class_names(names: Sequence[str]) -> tuple[str, ...]:
    """Check the names of the two classes.

    Parameters
    ----------
    names : sequence of str
        Of class 0 and class 1.

    Returns
    -------
    tuple of str
        The same.

    Raises
    ------
    DataError
        If they are not two, are the same, or one is empty, too long for tables and model files,
        or has characters that cannot be shown.
    """
    for name in names:
        if len(name) > MOST_CLASS_NAME_LENGTH:
            raise DataError(
                f"the class name {shortened(name)!r} has {len(name)} characters; at most "
                f"{MOST_CLASS_NAME_LENGTH} would be right"
            )
        if not name or not name.isprintable():
            raise DataError(
                f"the class name {name!r} is empty or has characters that cannot be shown; "
                "letters, digits and spaces would be right"
            )
    if len(names) != 2 or names[0] == names[1]:
        found = shortened(", ".join(map(repr, names))) or "missing"
        raise DataError(
            f"the class names are {found}; two different ones would be right, of class 0 "
            "and class 1"
        )
    return tuple(names)
