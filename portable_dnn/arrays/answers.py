"""A stranger's plug-in whose answers are looked at as they come.

What is wrong is said with the names of the plug-in and of the member, not found far from it by
what went on with it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from portable_dnn.arrays.contract import Backend, Check
from portable_dnn.errors import BackendError
from portable_dnn.setting_checks import described

__all__ = ["CheckedAnswers"]


class CheckedAnswers:
    """A plug-in with every member as it has it, and every answer checked.

    Parameters
    ----------
    plug_in : Backend
        Somebody else's.

    Raises
    ------
    BackendError
        From a member whose answer is none that the contract knows.
    """

    def __init__(self, plug_in: Backend) -> None:
        self._plug_in = plug_in

    def __getattr__(self, member: str) -> Any:
        if member == "_plug_in":  # asked for before it is there, by a copy for one
            raise AttributeError(member)
        has = getattr(self._plug_in, member)
        return has if member not in _RIGHT else self._checked(member, has)

    def checks(self) -> Iterator[Check]:
        """Climb the plug-in's ladder, each rung checked."""
        rungs: object = self._plug_in.checks()
        if not isinstance(rungs, Iterable):
            raise self._wrong("checks", rungs, "an iterator of Check")
        for rung in rungs:
            right = isinstance(rung, Check) and rung.status in ("ok", "warning", "failed")
            if not right or not _texts((rung.name, rung.detail, rung.remedy)):
                raise self._wrong("checks", rung, "a Check with a status of ok, warning or failed")
            yield rung

    def _checked(self, member: str, has: Callable[..., Any]) -> Callable[..., Any]:
        """Return a member whose answers are checked."""
        is_right, right = _RIGHT[member]

        def ask(*arguments: Any, **named: Any) -> Any:
            answer = has(*arguments, **named)
            if not is_right(answer):
                raise self._wrong(member, answer, right)
            return answer

        return ask

    def _wrong(self, member: str, answer: object, right: str) -> BackendError:
        """Return the error for an answer."""
        return BackendError(
            f"{member} of the backend {self._plug_in.name!r} gave {described(answer)}; {right} "
            "would be right"
        )


def _texts(answer: object) -> bool:
    """Whether an answer is a tuple or list of texts."""
    return isinstance(answer, tuple | list) and all(isinstance(one, str) for one in answer)


def _bytes(answer: object) -> bool:
    """Whether an answer is a number of bytes, or None."""
    if answer is None:
        return True
    return isinstance(answer, int) and not isinstance(answer, bool) and answer >= 0


_RIGHT: dict[str, tuple[Callable[[Any], bool], str]] = {
    "devices": (lambda names: _texts(names) and all(names), "a tuple of the devices' names"),
    "free_memory": (_bytes, "a number of bytes, or None,"),
    "namespace": (lambda xp: hasattr(xp, "asarray"), "a namespace of the array API standard"),
    "device_of": (lambda name: isinstance(name, str) and bool(name), "a device's name"),
    "repeat": (callable, "a function"),
    "compile": (callable, "a function"),
    "versions": (lambda said: isinstance(said, Mapping), "a dict of versions by name"),
    "refuses": (lambda said: isinstance(said, str), "a text"),
    "undisturbed": (
        lambda context: hasattr(context, "__enter__") and hasattr(context, "__exit__"),
        "a context manager",
    ),
    "fragments": (lambda yes: isinstance(yes, bool), "True or False"),
}
"""By member, which answers are right, and how that is said. Of `owns` only its truth counts;
`to_host` and `accuracy` are looked at where they are used, for it depends on what was asked."""
