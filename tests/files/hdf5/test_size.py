"""HDF5 files that ask for more than they hold: of memory, of names, of filters."""

import os
import shutil
import subprocess
import sys
import zlib

import h5py
import numpy as np
import pytest

from portable_dnn.files.hdf5.file import opened
from portable_dnn.machine import memory
from portable_dnn.machine.limits import (
    MOST_ATTRIBUTE_BYTES,
    MOST_NAME_LENGTH,
    MOST_NAMES,
    MOST_PICTURES_UNSEEN,
    MOST_RATIO,
    MOST_UNSTORED_BYTES,
)
from portable_dnn.models import hdf5 as store_hdf5

SHAPE = (3, 4, 4, 3)
SIZE = 3 * 4 * 4 * 3


def pictures(**options):
    """Return a change of a data file: pictures made with these options, not written."""

    def change(file):
        del file["train_set_x"]
        file.create_dataset("train_set_x", options.pop("shape", SHAPE), "u1", **options)

    return change


# ---- declared, but not there --------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"chunks": (1000, 8, 8, 3)}])
def test_more_than_the_file_holds(changed, refused, options):
    # Far less than the free memory of any machine that runs this: it is the file that is too small.
    shape = (MOST_UNSTORED_BYTES // 192 + 1, 8, 8, 3)
    path = changed("data", pictures(shape=shape, **options))
    with h5py.File(path, "r+") as file:
        del file["train_set_y"]
        file.create_dataset(
            "train_set_y", shape[:1], "u1", **({"chunks": (1000,)} if options else {})
        )
    assert path.stat().st_size < 100_000
    said = refused(path)
    assert "train_set_x declares 256.0 MB, but only 0.0 MB are in the file" in said


def unwritten_model(layers):
    """Return a change of a model file: layers that are declared and were never written."""

    def change(file):
        del file["parameters"]
        for layer in range(1, layers + 1):
            shape = (5000, 48 if layer == 1 else 5000)
            file.create_dataset(f"parameters/W{layer}", shape, "f8", chunks=(500, 48))
            file.create_dataset(f"parameters/b{layer}", (5000, 1), "f8", chunks=(5000, 1))
        last = layers + 1
        file.create_dataset(f"parameters/W{last}", (1, 5000), "f8", chunks=(1, 5000))
        file.create_dataset(f"parameters/b{last}", data=np.zeros((1, 1)))

    return change


def test_many_arrays_that_are_not_there(changed, refused, monkeypatch):
    monkeypatch.setattr(store_hdf5, "check_described", lambda *_: None)
    path = changed("model", unwritten_model(4))
    assert path.stat().st_size < 100_000
    assert "its arrays together declare 602." in refused(path)


def test_a_wrong_description_is_found_before_the_arrays_are_read(changed, refused, monkeypatch):
    monkeypatch.setattr(store_hdf5, "read_array", pytest.fail)
    assert "layer_dims is [48, 3, 1], but" in refused(changed("model", unwritten_model(2)))


def test_many_pictures_of_nothing(changed, refused):
    def change(file):
        pictures(shape=(MOST_PICTURES_UNSEEN + 1, 1, 1, 3), chunks=(10**6, 1, 1, 3))(file)
        del file["train_set_y"]
        file.create_dataset("train_set_y", (MOST_PICTURES_UNSEEN + 1,), "u1", chunks=(10**6,))

    path = changed("data", change)
    assert path.stat().st_size < 10_000
    assert "declares 1000001 pictures, and the file has no room for them" in refused(path)


def test_ten_to_the_twelve_elements(changed, refused, monkeypatch):
    # Whatever the machine's memory.
    monkeypatch.setattr(memory, "free_host_memory", lambda: 10**18)

    def change(file):
        del file["train_set_y"]
        pictures(shape=(10**12, 1, 1, 3), chunks=(10**6, 1, 1, 3))(file)
        file.create_dataset("train_set_y", (10**12,), "u1", chunks=(10**6,))

    path = changed("data", change)
    assert path.stat().st_size < 10_000
    assert "are in the file" in refused(path)


def test_compressed_pictures_of_nothing_are_read(changed, accepted):
    def change(file):
        del file["train_set_x"]
        blank = np.zeros((3, 512, 512, 3), np.uint8)
        file.create_dataset("train_set_x", data=blank, compression="gzip", shuffle=True)

    path = changed("data", change)
    assert path.stat().st_size * MOST_RATIO < 3 * 512 * 512 * 3
    accepted(path)


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}])
def test_a_chunk_larger_than_all(changed, refused, options):
    # A chunk is read as a whole, however small the array.
    chunk = (2**20, 32, 32, 3)
    path = changed("data", pictures(chunks=chunk, maxshape=(None,) * 4, **options))
    assert "train_set_x declares 3.2 GB" in refused(path)


def test_more_chunks_than_bytes(changed, refused):
    shape = (100_000, 1, 1, 3)
    path = changed("data", pictures(shape=shape, chunks=(1, 1, 1, 3), compression="gzip"))
    with h5py.File(path, "r+") as file:
        del file["train_set_y"]
        file.create_dataset("train_set_y", shape[:1], "u1", chunks=(100_000,))
    assert "declares 100000 chunks" in refused(path)


# ---- compression bombs --------------------------------------------------------------------------


def chunk(content, shuffle=False, mask=0, checksum=False):
    """Return a change of a data file: pictures in one gzip chunk with this content."""

    def change(file):
        pictures(chunks=SHAPE, compression="gzip", shuffle=shuffle, fletcher32=checksum)(file)
        file["train_set_x"].id.write_direct_chunk((0, 0, 0, 0), content, mask)

    return change


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_honest_chunk(changed, accepted, shuffle):
    accepted(changed("data", chunk(zlib.compress(bytes(SIZE)), shuffle)))


@pytest.mark.parametrize("count", [SIZE - 1, SIZE + 1, 0, 10 * SIZE])
def test_a_chunk_that_unpacks_to_anything_else(changed, refused, count):
    assert "does not unpack to the 144 bytes" in refused(
        changed("data", chunk(zlib.compress(bytes(count))))
    )


def test_a_chunk_that_unpacks_to_a_gigabyte(changed, tmp_path):
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(10**6)) for _ in range(1000)) + packer.flush()
    path = changed("data", chunk(bomb))
    # HDF5 alone would unpack all of it: see the peak of a process that may not have so much.
    code = (
        "import sys; from portable_dnn.data import read_dataset\n"
        "from portable_dnn.errors import DataError\n"
        "from portable_dnn.machine.process_limits import limit_this_process\n"
        "limit_this_process(200_000_000, 20)\n"
        "try: read_dataset(sys.argv[1])\n"
        "except DataError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stderr == ""
    assert "is damaged: it does not unpack to the 144 bytes of a chunk" in run.stdout


def test_a_small_stored_chunk_of_a_gigabyte(changed, refused):
    def change(file):
        chunk(zlib.compress(bytes(50_000_000), 9))(file)

    path = changed("data", change)
    assert path.stat().st_size < 100_000
    assert "does not unpack" in refused(path)


@pytest.mark.parametrize("content", [b"x", b"no zlib stream", zlib.compress(bytes(SIZE))[:-1]])
def test_a_broken_stream(changed, refused, content):
    assert "does not unpack" in refused(changed("data", chunk(content)))


def test_something_after_the_stream(changed, refused):
    assert "does not unpack" in refused(changed("data", chunk(zlib.compress(bytes(SIZE)) + b"x")))


@pytest.mark.parametrize("count", [SIZE, SIZE - 1, SIZE + 1, 10 * SIZE])
def test_a_chunk_whose_filter_was_left_out(changed, refused, accepted, count):
    path = changed("data", chunk(bytes(count), mask=1))
    if count == SIZE:
        accepted(path)
    else:
        assert "does not unpack" in refused(path)


def test_a_chunk_of_the_wrong_size_with_a_checksum(changed, refused):
    def change(file):
        pictures(chunks=SHAPE, fletcher32=True)(file)
        file["train_set_x"].id.write_direct_chunk((0, 0, 0, 0), bytes(SIZE))

    assert "does not unpack" in refused(changed("data", change))


# ---- filters ------------------------------------------------------------------------------------


def filtered(*filters):
    """Return a change of a data file: pictures through these filters, given as functions."""

    def change(file):
        del file["train_set_x"]
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk(SHAPE)
        for add in filters:
            add(made)
        space = h5py.h5s.create_simple(SHAPE)
        h5py.h5d.create(file.id, b"train_set_x", h5py.h5t.STD_U8LE, space, made)

    return change


def gzip(made):
    made.set_deflate(4)


def shuffle(made):
    made.set_shuffle()


def numbered(number):
    return lambda made: made.set_filter(number, h5py.h5z.FLAG_OPTIONAL, ())


@pytest.mark.parametrize(
    "filters",
    [
        (numbered(h5py.h5z.FILTER_LZF),),
        (numbered(32015),),  # Zstandard, as a plug-in
        (numbered(65535),),
        (numbered(300),),  # for tests, says the HDF Group
        (lambda made: made.set_scaleoffset(h5py.h5z.SO_INT, 0),),
        (numbered(h5py.h5z.FILTER_NBIT),),
        (gzip, gzip),
        (gzip, gzip, gzip),
        (gzip, shuffle),
        (shuffle, shuffle),
        (shuffle, gzip, numbered(32015)),
    ],
)
def test_filters_that_are_not_read(changed, refused, filters):
    assert "only shuffle, gzip and fletcher32 are read" in refused(
        changed("data", filtered(*filters))
    )


def test_a_user_registered_filter_that_this_process_has(changed, refused):
    # h5py brings one, LZF, which is C code of its own.
    assert h5py.h5z.filter_avail(h5py.h5z.FILTER_LZF)
    assert "lzf" in refused(changed("data", pictures(chunks=SHAPE, compression="lzf")))


def test_no_place_to_load_plugins_from_while_a_file_is_open(changed):
    path = changed("data", lambda file: None)
    before = [h5py.h5pl.get(i) for i in range(h5py.h5pl.size())]
    assert before
    with opened(path, "a file"):
        assert h5py.h5pl.size() == 0
    assert [h5py.h5pl.get(i) for i in range(h5py.h5pl.size())] == before


PLUGIN = """
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void loaded(void) {
    FILE *marker = fopen(getenv("MARKER"), "w");
    if (marker) fclose(marker);
}
"""
READ = {
    "h5py": (
        "import h5py, sys\ntry: h5py.File(sys.argv[1])['train_set_x'][()]\nexcept OSError: pass"
    ),
    "us": (
        "import sys; from portable_dnn.data import read_dataset\n"
        "from portable_dnn.errors import DataError\n"
        "try: read_dataset(sys.argv[1])\nexcept DataError: pass"
    ),
}


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to make a plug-in with")
@pytest.mark.parametrize(("reader", "loads"), [("h5py", True), ("us", False)])
def test_a_filter_plugin_is_never_loaded(changed, tmp_path, reader, loads):
    def change(file):
        filtered(numbered(32015))(file)
        file["train_set_x"].id.write_direct_chunk((0, 0, 0, 0), bytes(SIZE))

    path = changed("data", change)
    (tmp_path / "plugin.c").write_text(PLUGIN)
    (tmp_path / "plugins").mkdir()
    library = tmp_path / "plugins" / ("libevil.dylib" if sys.platform == "darwin" else "libevil.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "plugin.c"], check=True)
    marker = tmp_path / "marker"
    environment = {"HDF5_PLUGIN_PATH": str(tmp_path / "plugins"), "MARKER": str(marker)}
    subprocess.run(
        [sys.executable, "-c", READ[reader], path], env={**os.environ, **environment}, check=True
    )
    assert marker.exists() == loads


# ---- names and attributes -----------------------------------------------------------------------


def test_a_million_names(changed, refused):
    def change(file):
        target = file["train_set_y"]
        for i in range(MOST_NAMES):
            file[f"{i}"] = target

    said = refused(changed("data", change, libver="latest"))
    assert f"/ has {MOST_NAMES + 3} entries; at most {MOST_NAMES} are read" in said


@pytest.mark.parametrize("holder", ["/", "train_set_x"])
def test_a_million_attributes(changed, refused, holder):
    def change(file):
        for i in range(MOST_NAMES + 1):
            h5py.h5a.create(
                file[holder].id, b"%d" % i, h5py.h5t.NATIVE_INT8, h5py.h5s.create(h5py.h5s.SCALAR)
            )

    assert f"attributes; at most {MOST_NAMES} are read" in refused(
        changed("data", change, libver="latest")
    )


def test_a_long_name(changed, refused):
    said = refused(changed("data", lambda file: file.create_group("x" * (MOST_NAME_LENGTH + 1))))
    assert f"a name in / has {MOST_NAME_LENGTH + 1} characters" in said
    assert len(said) < 500


def test_a_large_attribute(tmp_path, refused):
    path = tmp_path / "model.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["format"] = np.bytes_(b"portable_dnn model")
        file.attrs["format_version"] = np.zeros(MOST_ATTRIBUTE_BYTES + 1, np.uint8)
    said = refused(path)
    assert "the attribute format_version declares 1.0 MB; at most 1.0 MB are read" in said


def test_compressed_names(changed, refused):
    # HDF5 lets a group's names be compressed, and unpacks them when they are listed.
    def change(file):
        made = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
        filters = h5py.h5p.PropDCID(made.id)
        filters.locked = True
        filters.set_deflate(9)
        del file["parameters"]
        h5py.h5g.create(file.id, b"parameters", gcpl=made)

    assert "the names in /parameters are compressed" in refused(changed("model", change))
