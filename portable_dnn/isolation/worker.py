"""The separate process that reads: `python -m portable_dnn.isolation.worker READER FOLDER`."""

import errno
import json
import sys
from pathlib import Path
from typing import Any

from portable_dnn.errors import DamagedError, OutputError, PortableDnnError
from portable_dnn.isolation.readers import READERS
from portable_dnn.isolation.runner import ERROR_FILE, NO_ROOM, REQUEST_FILE, RESULT_FILE
from portable_dnn.machine.process_limits import limit_this_process, limit_time

__all__ = ["main"]


def main() -> None:
    """Read what the request in the folder names, and leave a result or an error there.

    Raises
    ------
    SystemExit
        0 if there is a result, 2 if the file was refused, `NO_ROOM` if neither could be written.
    """
    reader, name = sys.argv[1:]
    folder = Path(name)
    asked = folder / REQUEST_FILE
    request: dict[str, Any] = json.loads(asked.read_text("utf-8"))
    limits = request.pop("limits")
    limit_this_process(**limits)

    def done() -> None:
        limit_time(limits["seconds"])
        asked.touch()  # the process that waits sees it, and this takes no room

    try:
        READERS[reader](folder / RESULT_FILE, done=done, **request)
    except MemoryError:
        _leave(folder, "", memory=True)
    except OutputError as error:
        cause = error.__cause__
        if not isinstance(cause, OSError):
            _leave(folder, str(error))
        elif cause.errno == errno.EFBIG:  # this process may write as much as it may hold
            _leave(folder, "", memory=True)
        raise SystemExit(NO_ROOM) from None
    except PortableDnnError as error:
        _leave(folder, str(error), damaged=isinstance(error, DamagedError))
    except BaseException as error:
        # What libraries written in Rust raise, such as safetensors' where Python has no memory
        # left for an object; it is no Exception, and cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        _leave(folder, "", memory=True)
    raise SystemExit(0)


def _leave(folder: Path, message: str, *, memory: bool = False, damaged: bool = False) -> None:
    """Leave an error, and end."""
    content = json.dumps({"message": message[:10_000], "memory": memory, "damaged": damaged})
    try:
        (folder / ERROR_FILE).write_text(content, encoding="utf-8")
    except OSError:
        raise SystemExit(NO_ROOM) from None
    raise SystemExit(2)


if __name__ == "__main__":
    main()
