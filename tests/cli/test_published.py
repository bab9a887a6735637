"""The published run, through the command."""

import json
import re
from pathlib import Path

import pytest

PUBLISHED = Path(__file__).parents[1] / "training" / "published_costs.json"


@pytest.mark.parametrize("checkpoints", [(), ("--out", "m.h5", "--checkpoint-every", 100)])
def test_the_published_run(succeeds, real_data, checkpoints):
    published = json.loads(PUBLISHED.read_text("utf-8"))
    outcome = succeeds(
        *("train", real_data / "train_catvnoncat.h5"),
        *("--test", real_data / "test_catvnoncat.h5"),
        *("--layers", "20,7,5", "--hidden", "relu", "--init", "lecun", "--seed", 1),
        *("--learning-rate", 0.0075, "--iterations", 2500, "--dtype", "float64"),
        *("--device", "cpu"),
        *checkpoints,
    )
    printed = re.findall(r"^cost after iteration +(\d+): (.+)$", outcome.out, re.MULTILINE)
    assert len(printed) == 25
    assert printed == [
        (str(100 * place), f"{cost:.6f}") for place, cost in enumerate(published["cost_every_100"])
    ]
    assert re.search(r"^training +209 +3 +0\.9856 ", outcome.out, re.MULTILINE)
    assert re.search(r"^test +50 +10 +0\.8000 ", outcome.out, re.MULTILINE)
