"""A warm process that forks the command: a start in milliseconds, so that many can be killed.

Reads a job a line from the standard input (JSON, see `processes.Job`); answers with the number of
the process, and with its status once it is dead. Each child runs `portable_dnn.cli.main` itself.
"""

import faulthandler
import json
import os
import sys
from typing import Any

from tests.durability.saboteur import prepare


def main() -> None:
    import portable_dnn.checkpoints.writer
    import portable_dnn.cli
    import portable_dnn.models.store  # noqa: F401 - so that a child finds it in memory

    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if not child:
            _be(job)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _be(job: dict[str, Any]) -> None:
    """Be the command."""
    code = 70
    try:
        os.chdir(job["folder"])
        os.environ.update(job["environment"])
        output = os.open(job["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        faulthandler.enable()
        prepare(job["harm"])
        from portable_dnn.cli import main as command

        sys.argv = ["portable-dnn", *job["arguments"]]
        try:
            command()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
