"""Every seeded fault is caught, and the right operation is named."""

import pytest

from equivalence_check import CATALOGUE, catch
from portable_dnn.equivalence.stages import compiled_steps as step_runs
from portable_dnn.equivalence.stages import whole_step


def test_the_catalogue_is_large_and_its_names_differ():
    names = [fault.name for fault in CATALOGUE]
    assert len(names) == len(set(names)) >= 40


@pytest.fixture(autouse=True)
def _short_stretches(monkeypatch):
    """A hundred steps in one call have a test of their own, and the script takes them."""
    for module in (step_runs, whole_step):
        monkeypatch.setattr(module, "LENGTHS", (13, 10))


@pytest.mark.parametrize("fault", CATALOGUE, ids=lambda fault: fault.name)
def test_a_fault_is_caught_and_named(fault):
    found = catch(fault)
    assert found.caught, f"not caught: {found.headline}"
    assert found.named, f"{found.headline} {' or '.join(fault.blamed)} is right"
