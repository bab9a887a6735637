"""One target, one engine, one process: `python -m fuzz.worker` is run by `python -m fuzz`.

Each input is on the disk before it is read, so that one which ends this process is not lost.
"""

import argparse
import faulthandler
import hashlib
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

CURRENT = "current"
COUNT = "count.json"
# An input that takes longer is a finding: the process ends, and the input is kept.
_LONGEST = 20
# More than any limit of the library lets an input of this size have.
_MEMORY = 1_500_000_000
_MOST_BYTES = 1 << 16


class Judge:
    """Reads inputs, and keeps those with an outcome that must not be.

    Parameters
    ----------
    target : str
        A name of `TARGETS`.
    keep : Path
        The folder for inputs.
    """

    def __init__(self, target: str, keep: Path) -> None:
        from fuzz.targets import TARGETS
        from portable_dnn.errors import PortableDnnError

        self.target = TARGETS[target]
        self.name = target
        self.keep = keep
        self.runs = self.loaded = 0
        self.slowest = 0.0
        self.found: dict[str, str] = {}
        self._ours = PortableDnnError
        self._folder = keep / "input"
        self._folder.mkdir()

    def __call__(self, content: bytes) -> None:
        """Read one input."""
        (self.keep / CURRENT).write_bytes(content)
        began = time.monotonic()
        faulthandler.dump_traceback_later(_LONGEST, exit=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.target.read(content, self._folder)
            self.loaded += 1
        except self._ours as error:
            if not str(error):
                self._report(content, "an error without a message")
        except Exception as error:
            *_, place = traceback.extract_tb(error.__traceback__)
            what = f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"[:300]
            self._report(content, what, f"{type(error).__name__} {place.filename}:{place.lineno}")
        finally:
            faulthandler.cancel_dump_traceback_later()
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.runs += 1
        if self.runs % 50 == 0:
            self.count()

    def _report(self, content: bytes, what: str, key: str = "") -> None:
        """Keep an input, once for each place in the code."""
        if (key or what) in self.found:
            return
        path = self.keep / f"{self.name}-{hashlib.sha256(content).hexdigest()[:16]}"
        path.write_bytes(content)
        self.found[key or what] = f"{path}: {what}"

    def count(self) -> None:
        """Write down how far it is, for the process that waits."""
        numbers = {
            "runs": self.runs,
            "loaded": self.loaded,
            "slowest": self.slowest,
            "found": list(self.found.values()),
        }
        temporary = self.keep / f"{COUNT}.new"
        temporary.write_text(json.dumps(numbers))
        temporary.replace(self.keep / COUNT)


def with_hypothesis(judge: Judge, going_on: Callable[[], bool], examples: int, seed: int) -> None:
    """Read changed seeds, a thousand at a time."""
    from hypothesis import HealthCheck, given, settings
    from hypothesis import seed as seeded

    from fuzz.mutations import changed

    seeds = judge.target.seeds()
    for content in seeds:
        judge(content)
    while going_on():

        @seeded(seed)
        @settings(
            max_examples=examples or 1000,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(changed(seeds))
        def one(content: bytes) -> None:
            if going_on():
                judge(content)

        one()
        if examples:
            return
        seed += 1


def with_atheris(judge: Judge, seconds: float, seed: int) -> None:
    """Read what libFuzzer makes of the seeds, led by the coverage of the library's own lines."""
    import atheris

    corpus = judge.keep / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, content in enumerate(judge.target.seeds()):
        (corpus / f"{number:02}").write_bytes(content)
    options = [
        f"-max_total_time={max(1, int(seconds))}",
        f"-seed={seed}",
        f"-max_len={_MOST_BYTES}",
        "-rss_limit_mb=0",  # the operating system's limit is set already
        "-timeout=0",
        "-verbosity=0",
        f"-artifact_prefix={judge.keep}/",
        "-print_final_stats=0",
    ]
    # It ends the process without what Python does at an end.
    atheris.Setup([sys.argv[0], *options, str(corpus)], judge)
    atheris.Fuzz()


def main() -> None:
    """Run one target."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("--engine", choices=["hypothesis", "atheris"], required=True)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--examples", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--input", type=Path, help="read this file alone")
    arguments = parser.parse_args()

    deadline = time.monotonic() + arguments.seconds
    if arguments.engine == "atheris":
        import atheris

        with atheris.instrument_imports(include=["portable_dnn", "PIL"]):
            judge = Judge(arguments.target, arguments.keep)
            import PIL.Image
            import PIL.ImageOps

            PIL.Image.preinit()
    else:
        judge = Judge(arguments.target, arguments.keep)

    from portable_dnn.machine.process_limits import limit_this_process

    limit_this_process(_MEMORY, 1e6)
    if arguments.input:
        judge(arguments.input.read_bytes())
    elif arguments.engine == "atheris":
        with_atheris(judge, deadline - time.monotonic(), arguments.seed)
    else:
        with_hypothesis(
            judge, lambda: time.monotonic() < deadline, arguments.examples, arguments.seed
        )
    judge.count()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
