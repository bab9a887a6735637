"""Pictures and folders of pictures that a stranger could send."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from portable_dnn.data import import_folder, other_files, picture_files, pictures, read_picture
from portable_dnn.data.pictures import read_pictures
from portable_dnn.errors import DataError

COLOURS = np.random.RandomState(0).randint(0, 256, (8, 8, 3)).astype(np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "picture.png"


def chunk(kind, content, length=None):
    size = len(content) if length is None else length
    return struct.pack(">I", size) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*between, width=8, height=8):
    """Write a good PNG with more chunks in it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in COLOURS)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *between,
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        ]
    )


def test_the_good_one(path):
    path.write_bytes(png())
    assert np.array_equal(read_picture(path, 8), COLOURS)


PEAK = """
import sys
from portable_dnn.data import read_picture
from portable_dnn.errors import DataError
from portable_dnn.machine.process_limits import limit_this_process

read_picture(sys.argv[1], 4)
limit_this_process(150_000_000, 60)
try:
    read_picture(sys.argv[2], 4)
    print("read")
except DataError as error:
    print(error)
"""


@pytest.fixture
def read_in_150_mb(tmp_path):
    """Return a function that reads a picture in a process which may allocate 150 MB."""
    pytest.importorskip("resource", reason="memory is limited with it")
    good = tmp_path / "good.png"
    good.write_bytes(png())

    def read(path):
        run = subprocess.run(
            [sys.executable, "-c", PEAK, good, path], capture_output=True, text=True, check=False
        )
        assert run.stderr == ""
        return run.stdout.strip()

    return read


BOMB = zlib.compress(bytes(400_000_000), 9)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"Comment\0\0" + BOMB),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + BOMB),
        chunk(b"iCCP", b"profile\0\0" + BOMB),
        chunk(b"eXIf", bytes(100)),
        chunk(b"IDAT", b"", 2**32 - 1),
        chunk(b"tEXt", b"", 2**31 - 1),
    ],
    ids=["zTXt", "iTXt", "iCCP", "eXIf", "IDAT", "tEXt"],
)
def test_chunks_that_ask_for_much(path, read_in_150_mb, extra):
    path.write_bytes(png(extra))
    said = read_in_150_mb(path)
    assert said == "read" or str(path) in said


def test_a_large_picture_of_nothing(path, read_in_150_mb):
    # 49 million pixels in 50 kB: within the limit, so it is decoded, and takes a byte for each.
    side = 7000
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side * (side + 1)), 9)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    assert path.stat().st_size < 60_000
    assert read_picture(path, 4).max() == 0


def test_more_data_than_the_header_declares(path, read_in_150_mb):
    path.write_bytes(png().replace(b"IDAT", b"IDAT", 1)[:-12] + chunk(b"IDAT", BOMB))
    assert read_in_150_mb(path)


def test_damaged_exif(path):
    Image.fromarray(COLOURS).save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08" + bytes(range(256)) * 3)
    try:
        assert read_picture(path, 4).shape == (4, 4, 3)
    except DataError as error:
        message = str(error)
        assert str(path) in message


def test_a_file_larger_than_is_read(path, monkeypatch):
    path.write_bytes(png())
    monkeypatch.setattr(pictures, "MOST_PICTURE_BYTES", 100)
    with pytest.raises(DataError, match=r"picture\.png has 0\.0 MB; picture files of at most"):
        read_picture(path, 4)


def test_more_pictures_than_memory(path):
    path.write_bytes(png())
    with pytest.raises(DataError, match=r"1000 pictures of 7000 x 7000 make 147\.0 GB"):
        read_pictures([path] * 1000, 7000)


# ---- links --------------------------------------------------------------------------------------


@pytest.fixture
def linked(tmp_path):
    """A folder with links: to a picture beside it, to a subfolder, to nothing and in a circle."""
    outside = tmp_path / "outside"
    for part in ("cat", "secret"):
        (outside / part).mkdir(parents=True)
        (outside / part / "x.png").write_bytes(png())
    folder = tmp_path / "in"
    for part in ("cat", "non-cat"):
        (folder / part).mkdir(parents=True)
        (folder / part / "own.png").write_bytes(png())
    (folder / "cat" / "up.png").symlink_to(outside / "secret" / "x.png")
    (folder / "cat" / "sideways.png").symlink_to(folder / "non-cat" / "own.png")
    (folder / "cat" / "broken.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "cat" / "circle.png").symlink_to(folder / "cat" / "circle.png")
    (folder / "cat" / "inside.png").symlink_to("own.png")
    return folder


def names(paths):
    return [path.name for path in paths]


def test_links_that_lead_out_are_passed_over(linked):
    assert names(picture_files(linked / "cat")) == ["inside.png", "own.png"]
    assert names(other_files(linked / "cat")) == [
        *("broken.png", "circle.png", "sideways.png", "up.png")
    ]
    assert len(import_folder(linked, 4, 0).train.labels) == 3


def test_links_are_followed_when_asked(linked):
    found = names(picture_files(linked / "cat", follow_links=True))
    assert found == ["inside.png", "own.png", "sideways.png", "up.png"]
    assert names(other_files(linked / "cat", follow_links=True)) == ["broken.png", "circle.png"]
    assert len(import_folder(linked, 4, 0, follow_links=True).train.labels) == 5


def test_a_class_that_is_a_link(linked, tmp_path):
    (linked / "cat").rename(tmp_path / "cat")
    (linked / "cat").symlink_to(tmp_path / "cat")
    with pytest.raises(DataError, match="found 1: non-cat"):
        import_folder(linked, 4, 0)
    assert import_folder(linked, 4, 0, follow_links=True).class_names == ("non-cat", "cat")


def test_a_folder_that_is_a_link_was_named_by_the_user(linked, tmp_path):
    (tmp_path / "alias").symlink_to(linked)
    assert names(picture_files(tmp_path / "alias" / "cat")) == ["inside.png", "own.png"]
