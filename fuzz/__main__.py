"""Fuzz every reader for a stated time: `python -m fuzz [--seconds 600] [TARGET ...]`.

Half of a target's time goes to hypothesis and half to atheris, which knows what lines an input
reached; without atheris (it is made for Linux and macOS), all of it to hypothesis. A process that
crashes or hangs is a finding, its input is kept, and another takes its place. Exit code 1 if
anything was found.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz.targets import TARGETS
from fuzz.worker import COUNT, CURRENT

# Where there is one, in memory: two files are written for every input.
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
FOUND = Path("fuzz") / "found"
_THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def fuzz(target: str, engine: str, seconds: float, examples: int, keep: Path) -> dict[str, object]:
    """Fuzz one target with one engine.

    Parameters
    ----------
    target, engine : str
        Names.
    seconds : float
        How long.
    examples : int
        With hypothesis, how many instead; 0 for no limit.
    keep : Path
        Where inputs go that have an outcome which must not be.

    Returns
    -------
    dict of str to object
        `runs`, `loaded` (how many inputs were good), `slowest` (seconds of one), `seconds` and
        `found`, a list of sentences.
    """
    began = time.monotonic()
    total: dict[str, object] = {"runs": 0, "loaded": 0, "slowest": 0.0}
    found: list[str] = []
    seed = 1 if examples else time.time_ns() % 2**31
    while (left := seconds - (time.monotonic() - began)) > 0:
        with tempfile.TemporaryDirectory(dir=_MEMORY) as name:
            work = Path(name)
            options = (f"--seconds={left}", f"--examples={examples}", f"--seed={seed}")
            done = _worker(target, engine, work, *options)
            count = _count(work)
            for key in ("runs", "loaded"):
                total[key] += count.get(key, 0)
            total["slowest"] = max(total["slowest"], count.get("slowest", 0.0))
            for path in work.glob(f"{target}-*"):
                keep.mkdir(parents=True, exist_ok=True)
                (keep / path.name).write_bytes(path.read_bytes())
            found += [text.replace(f"{work}", str(keep)) for text in count.get("found", [])]
            if done.returncode == 0:
                if examples:
                    break
            elif (work / CURRENT).exists():
                found += _ended(work / CURRENT, keep, target, done)
            else:
                sys.stderr.write(done.stderr.decode(errors="replace"))
                raise SystemExit(f"{target} did not start with {engine}")
        seed += 1
    return {**total, "found": found, "seconds": round(time.monotonic() - began)}


def _worker(
    target: str, engine: str, work: Path, *options: str
) -> subprocess.CompletedProcess[bytes]:
    """Run one process to its end."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "fuzz.worker", target, f"--engine={engine}"),
            *(f"--keep={work}", *options),
        ],
        env={**os.environ, **_THREADS},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        check=False,
    )


def _count(work: Path) -> dict[str, object]:
    """Read what a process wrote down; nothing, if it ended early."""
    return json.loads((work / COUNT).read_text()) if (work / COUNT).exists() else {}


def _ended(
    current: Path, keep: Path, target: str, done: subprocess.CompletedProcess[bytes]
) -> list[str]:
    """Keep the input at which a process ended; a finding, if it ends another process too."""
    content = current.read_bytes()
    keep.mkdir(parents=True, exist_ok=True)
    path = keep / f"{target}-{hashlib.sha256(content).hexdigest()[:16]}"
    path.write_bytes(content)
    log = path.with_suffix(".log")
    log.write_bytes(done.stderr)
    how = "took too long" if b"Timeout (" in done.stderr else f"ended ({done.returncode})"
    with tempfile.TemporaryDirectory() as name:
        again = _worker(target, "hypothesis", Path(name), f"--input={path}")
        if again.returncode == 0 and not _count(Path(name)).get("found"):
            # Such as after a stop (SIGSTOP) from outside, which libFuzzer does not survive.
            print(f"    {path}: the process {how}, but not again: no finding, see {log}")
            return []
    return [f"{path}: the process {how}, see {log}"]


def main() -> None:
    """Fuzz what was asked for, and say what was found."""
    parser = argparse.ArgumentParser(description="Fuzz every reader for a stated time.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=600.0, help="time for each target")
    parser.add_argument("--examples", type=int, default=0, help="this many instead of a time")
    parser.add_argument("--engine", choices=["both", "hypothesis", "atheris"], default="both")
    parser.add_argument("--keep", type=Path, default=FOUND, help="folder for what is found")
    arguments = parser.parse_args()

    engines = [arguments.engine] if arguments.engine != "both" else ["hypothesis", "atheris"]
    if arguments.engine == "both" and importlib.util.find_spec("atheris") is None:
        engines.remove("atheris")
        print("atheris is not installed: hypothesis alone")
    found = 0
    for target in arguments.targets or TARGETS:
        if target not in TARGETS:
            raise SystemExit(f"unknown target {target}; known are {', '.join(TARGETS)}")
        for engine in engines:
            share = arguments.seconds / len(engines)
            result = fuzz(target, engine, share, arguments.examples, arguments.keep)
            found += len(result["found"])
            print(
                f"{target:12} {engine:10} {result['seconds']:5} s  {result['runs']:8} inputs, "
                f"{result['loaded']} of them good, the slowest {result['slowest']:.1f} s, "
                f"{len(result['found'])} findings",
                flush=True,
            )
            for text in result["found"]:
                print(f"    {text}", flush=True)
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
