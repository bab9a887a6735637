"""Every input that fuzzing found once, and a short run of every fuzz target."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="memory is limited with it")

ROOT = Path(__file__).parents[1]
REPLAY = """
import sys, tempfile
from pathlib import Path
from fuzz.targets import TARGETS
from portable_dnn.errors import PortableDnnError
from portable_dnn.machine.process_limits import limit_this_process

limit_this_process(1_500_000_000, 100)
for path in map(Path, sys.argv[1:]):
    print(path.name)
    try:
        with tempfile.TemporaryDirectory() as folder:
            TARGETS[path.name.partition("-")[0]].read(path.read_bytes(), Path(folder))
    except PortableDnnError as error:
        assert str(error)
"""


def test_inputs_that_were_found():
    paths = sorted(path for path in (ROOT / "fuzz" / "regressions").iterdir())
    assert len(paths) >= 5
    run = subprocess.run(
        [sys.executable, "-c", REPLAY, *paths],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [path.name for path in paths]


@pytest.fixture
def fuzz(tmp_path):
    """Return a function that fuzzes a target shortly, and gives what it says."""

    def run(*arguments, cwd=ROOT, code=0):
        command = [sys.executable, "-m", "fuzz", "--keep", tmp_path / "found", *arguments]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


def test_a_short_run_of_every_target(fuzz):
    said = fuzz("--engine", "hypothesis", "--examples", "60")
    lines = said.splitlines()
    assert len(lines) >= 12
    for line in lines:
        assert " 0 findings" in line
        assert int(line.split()[4]) >= 60
