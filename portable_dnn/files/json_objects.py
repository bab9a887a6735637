"""JSON from outside: bounded, and every failure one sentence."""

import json
from typing import Any

from portable_dnn.errors import DataError
from portable_dnn.machine.limits import MOST_HEADER_BYTES
from portable_dnn.machine.memory import show_bytes

__all__ = ["read_object"]


def read_object(text: str, what: str) -> dict[str, Any]:
    """Read one JSON object.

    Parameters
    ----------
    text : str
        From a file of a stranger.
    what : str
        What it is, for the message: "model.h5: provenance".

    Returns
    -------
    dict of str to object

    Raises
    ------
    DataError
        If it is larger than is read, is not JSON, or is something else than an object.
    """
    if len(text) > MOST_HEADER_BYTES:
        raise DataError(
            f"{what} has {show_bytes(len(text))} of JSON; at most {show_bytes(MOST_HEADER_BYTES)} "
            "are read"
        )
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{what} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{what} is not a JSON object")
    return found
