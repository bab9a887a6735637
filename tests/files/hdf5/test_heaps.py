"""Lists of free space without an end, in the heaps that hold a group's names."""

import h5py
import numpy as np
import pytest

from portable_dnn.data import read_dataset
from portable_dnn.machine.limits import MOST_FREE_BLOCKS


def number(content, place):
    return int.from_bytes(content[place : place + 8], "little")


def heaps(content):
    """Where the heaps begin."""
    found, place = [], content.find(b"HEAP\0")
    while place >= 0:
        found.append(place)
        place = content.find(b"HEAP\0", place + 1)
    return found


@pytest.mark.parametrize("kind", ["data", "model"])
@pytest.mark.parametrize("block", [0, 512, 4096])
def test_a_list_that_leads_back_into_itself(changed, refused, kind, block):
    path = changed(kind, lambda file: None)
    if block:
        # As `h5py.File(…, userblock_size=…)` would: all addresses are from the superblock on.
        path.write_bytes(bytes(block) + path.read_bytes())
    content = bytearray(path.read_bytes())
    assert heaps(content)
    for heap in heaps(content):
        head, segment = number(content, heap + 16), block + number(content, heap + 24)
        assert head != 1, "no free space"
        content[segment + head : segment + head + 8] = head.to_bytes(8, "little")
    path.write_bytes(content)
    assert "lead back into themselves" in refused(path)


def test_very_many_heaps(changed, refused):
    path = changed("data", lambda file: None)
    path.write_bytes(path.read_bytes() + b"HEAP\0" * (MOST_FREE_BLOCKS + 1))
    assert "lists of free space" in refused(path)


def test_pixels_that_look_like_a_heap(changed, accepted):
    def change(file):
        pixels = file["train_set_x"][()]
        pixels.reshape(-1)[:32] = np.frombuffer(b"HEAP\0\0\0\0" + bytes(range(24)), np.uint8)
        file["train_set_x"][...] = pixels

    path = changed("data", change)
    assert len(heaps(path.read_bytes())) == 2
    np.testing.assert_array_equal(accepted(path).train.labels, [0, 1, 0])


def test_addresses_of_another_size(tmp_path, refused):
    made = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    made.set_sizes(4, 4)
    name = bytes(tmp_path / "data.h5")
    with h5py.File(h5py.h5f.create(name, h5py.h5f.ACC_TRUNC, made)) as file:
        file["train_set_y"] = [0, 1]
    assert "not of 8 bytes" in refused(tmp_path / "data.h5")


def test_the_newest_format_has_no_such_heaps(changed):
    path = changed("data", lambda file: None, libver="latest")
    assert not heaps(path.read_bytes())
    assert len(read_dataset(path).train.labels) == 3
