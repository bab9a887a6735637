"""The quick form of the proof: a run that is killed, cut, starved or damaged is not lost.

The long form is `nox -s durability`; what it found stands in docs/durability.md.
"""

import os

import pytest

from portable_dnn.checkpoints.folder import list_checkpoints
from tests.durability.harness import CASES, Ledger, Ordeal, damage_files
from tests.durability.processes import Nursery

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.fixture(scope="module")
def nursery():
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def total():
    return Ledger()


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def ordeal(request, nursery, total, tmp_path):
    ordeal = Ordeal(request.param, nursery, tmp_path, Ledger(), iterations=800)
    yield ordeal
    total.add(ordeal.ledger)


def clean(ledger):
    assert ledger.clean, "\n".join(ledger.notes)


def test_killed_at_random(ordeal):
    ordeal.kill_at_random(10)
    clean(ordeal.ledger)


def test_killed_at_each_step_of_a_write(ordeal):
    if ordeal.case.name == "float32":
        pytest.skip("it writes as often as the others do")
    ordeal.kill_at_every_step()
    clean(ordeal.ledger)


def test_interrupted(ordeal):
    ordeal.interrupt(3)
    clean(ordeal.ledger)


def test_the_disk_is_full_and_the_folder_goes(ordeal):
    ordeal.fill_the_disk()
    ordeal.remove_the_folder()
    clean(ordeal.ledger)


def test_a_damaged_checkpoint_is_passed_over(ordeal):
    if ordeal.case.name == "seconds":
        pytest.skip("it has no fourth checkpoint for sure")
    ordeal.damage_and_go_on(3)
    clean(ordeal.ledger)


def test_damaged_files(ordeal, tmp_path):
    ordeal.complete("undisturbed")
    sources = [path for _, path in list_checkpoints(ordeal.out)]
    damage_files(sources, 500, tmp_path, ordeal.ledger, seed=1)
    clean(ordeal.ledger)


def test_enough_was_done(total):
    if total.damaged_files == 0:
        pytest.skip("the tests above were not run")
    assert total.kills >= 50
    assert total.kills_while_writing >= 10
    assert total.chosen_kills >= 20
    assert total.damaged_files == 2000
