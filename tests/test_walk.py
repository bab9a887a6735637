"""scripts/walk.py: what it counts, of a checkout whose counts are known and of the library."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

# A data file's path goes down to `low`, to `same` on the same floor, and back up to `high`.
FILES = {
    "portable_dnn/__init__.py": "from portable_dnn.high import train",
    "portable_dnn/low.py": "def check(path): return True\ndef read(path): return path",
    "portable_dnn/same.py": "def check_size(path): return True",
    "portable_dnn/high.py": """
from portable_dnn.low import check, read
from portable_dnn.same import check_size

class TrainingStep:
    def take(self, path):
        return read(path)

def train(path):
    check(path)
    check_size(path)
    again(path)
    for _ in range(5):
        TrainingStep().take(path)

def again(path):
    check(path)
""",
    "portable_dnn/cli.py": """
import sys
from pathlib import Path
from portable_dnn.high import train

def main():
    train(Path(sys.argv[2]))
""",
    "backends/portable_dnn_numpy.py": "",
}


def walk(tree):
    command = [sys.executable, str(ROOT / "scripts" / "walk.py"), "--tree", str(tree), "--moves"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_counts_of_a_known_checkout(tmp_path):
    for name, source in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8")
    high, low, same = (f"portable_dnn/{name}.py" for name in ("high", "low", "same"))
    *lines, counts, checks = walk(tmp_path)
    assert lines[:-1] == [
        f"       {high} -> {low}",
        f"climb  {low} -> {same}",
        f"climb  {same} -> {high}",
        f"       {high} -> {low}",
        f"climb  {low} -> {high}",
        f"       {high} -> {low}",
    ]
    assert lines[-1] == f"again  {low} check: the path"
    assert counts == "files 3, moves 6, climbs 3: 2 up to the first step and 1 from there on"
    assert checks == "checks 5, made again 1"


def test_the_walk_of_the_library_goes_from_the_file_to_the_backend():
    lines = walk(ROOT)
    for file in ("portable_dnn/data/hdf5.py", "backends/portable_dnn_numpy.py"):
        assert any(line.endswith(f" -> {file}") for line in lines)
    assert lines[-2].startswith("files ")
