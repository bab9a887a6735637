"""Every seeded fault is caught, and the right operation is named."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from equivalence_check import CATALOGUE, catch  # noqa: E402


def test_the_catalogue_is_large_and_its_names_differ():
    names = [fault.name for fault in CATALOGUE]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize("fault", CATALOGUE, ids=lambda fault: fault.name)
def test_a_fault_is_caught_and_named(fault):
    found = catch(fault)
    assert found.caught, f"not caught: {found.headline}"
    assert found.named, f"{found.headline} {' or '.join(fault.blamed)} is right"
