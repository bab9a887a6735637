"""Libraries of other people: scikit-learn under array_api_dispatch, SciPy under SCIPY_ARRAY_API."""

import json
import os
import subprocess
import sys

import pytest

from tests.durability.processes import ROOT


def test_functions_of_scikit_learn_and_scipy_are_right(default_device):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "tests.equivalence.programs.others", default_device],
        cwd=ROOT,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 20
    wrong = [
        headline for _, _, outcome, share, headline in found if outcome != "right" or share > 1
    ]
    assert not wrong, "\n".join(wrong)
