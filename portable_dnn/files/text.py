"""Turning what libraries and files say about themselves into one line that can be shown."""

from collections.abc import Callable, Mapping

__all__ = ["answers", "one_line", "printable", "shortened", "words"]

_MOST_SHOWN = 2_000  # characters of a line
_MOST_OF_A_VALUE = 200


def printable(text: str) -> str:
    r"""Escape whatever steers a terminal or is no text: a name may hold anything.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
        With line breaks, control characters, marks that turn the direction of writing and bytes
        that are no text as escapes.

    Examples
    --------
    >>> print(printable("cat\n\x1b[31m.png"))
    cat\n\x1b[31m.png
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str) -> str:
    """Fold a text to a line; what a file says of itself must not steer the terminal.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
        Without line breaks; characters that cannot be shown are escaped, and what is too long to
        be read is cut.
    """
    folded = " ".join(text.split())
    if len(folded) > _MOST_SHOWN:
        folded = f"{folded[:_MOST_SHOWN]} …"
    return printable(folded)


def shortened(value: object) -> str:
    """Write a value from a file for people; it may be long.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    str
        At most 200 characters of it, and a sign where something is left out.
    """
    try:
        text = str(value)
    except ValueError:  # Python writes no whole number of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= _MOST_OF_A_VALUE else f"{text[:_MOST_OF_A_VALUE]}…"


def words(error: BaseException) -> str:
    """Return the first line of an error's own words, those of its first cause if it has one.

    Parameters
    ----------
    error : BaseException
        Of any library.

    Returns
    -------
    str
        At most 300 characters, without a full stop; the name of the error if it has no words.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300].rstrip(".:;, ")


def answers(questions: Mapping[str, Callable[[], object]]) -> dict[str, str]:
    """Ask a library about itself; an error becomes the answer.

    Parameters
    ----------
    questions : mapping of str to callable
        By the name of what is asked for, such as "CUDA driver".

    Returns
    -------
    dict of str to str
    """
    return {name: _answer(question) for name, question in questions.items()}


def _answer(question: Callable[[], object]) -> str:
    """Answer one question, or say why it has no answer."""
    try:
        return str(question())
    except Exception as error:  # a version is for the record: whatever fails is recorded
        return f"unknown: {words(error)}"
