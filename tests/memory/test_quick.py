"""The memory that is foretold for a run, against what it takes; `nox -s memory` tries every way."""

import sys

import pytest

from portable_dnn.arrays.devices import choose_device
from tests.memory.harness import measure


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux sets a process's peak back")
def test_what_is_foretold_is_what_it_takes(default_device):
    device = choose_device(default_device)
    if device.name != "cpu":
        pytest.skip("a card's memory is not seen from the host")
    # Each in a process of its own: what one leaves in the heap is not the next one's.
    kinds = ("evaluate", "input", "wide layer", "predict", "sweep", "many layers, relu")
    found = [one for kind in kinds for one in measure(str(device), "float32", kind)]
    assert all(one.right for one in found), "\n".join(map(str, found))
