"""Files that are no pictures, or are more than one wants, given to `predict` and `data import`."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(params=["predict", "folder", "import"])
def refused_by(request, refused, model, folder):
    """Return a function that gives a picture, among good ones, to one of the commands."""

    def good(path):
        Image.fromarray(np.zeros((5, 5, 3), np.uint8)).save(path)

    def give(name, content):
        for part in ("cat", "non-cat"):
            (folder / "all" / part).mkdir(parents=True)
            good(folder / "all" / part / "a good one.png")
        bad = folder / "all" / "cat" / name
        if content is not None:
            bad.write_bytes(content)
        commands = {
            "predict": ("predict", model, folder / "all" / "cat" / "a good one.png", bad),
            "folder": ("predict", model, folder / "all" / "cat"),
            "import": ("data", "import", "all", "--out", "new.h5"),
        }
        said = refused(*commands[request.param])
        assert name in said
        return said

    return give


def chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(width, height, data=b""):
    """Write a PNG file's header, honest or not, and some compressed data."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def saved(tmp_path, kind):
    path = tmp_path / f"saved.{kind}"
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (30, 30, 3)).astype(np.uint8)).save(
        path
    )
    content = path.read_bytes()
    path.unlink()
    return content


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_no_picture(refused_by, content):
    said = refused_by("x.png", content)
    assert "is not a JPEG, PNG, WebP or BMP picture" in said or "damaged" in said


@pytest.mark.parametrize("kind", ["gif", "tiff", "ico", "ppm"])
def test_other_formats_are_not_read(refused_by, folder, kind):
    # By its content: the name says that it is a PNG.
    assert "is not a JPEG, PNG, WebP or BMP picture" in refused_by("x.png", saved(folder, kind))


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "bmp"])
def test_truncated(refused_by, folder, kind):
    content = saved(folder, kind)
    assert "x." in refused_by(f"x.{kind}", content[: len(content) // 2])


@pytest.mark.parametrize("size", [(100_000, 100_000), (50_000_001, 1), (2**31 - 1, 2**31 - 1)])
def test_a_header_that_declares_a_huge_picture(refused_by, size):
    assert "million pixels" in refused_by("bomb.png", png(*size))


def test_a_small_file_that_unpacks_to_a_huge_picture(refused_by):
    side = 8000
    content = png(side, side, bytes((side // 8 + 1) * side))
    assert len(content) < 20_000
    assert "8000 x 8000" in refused_by("bomb.png", content)


def test_a_huge_picture_of_another_format(refused_by):
    header = struct.pack("<2sIHHI", b"BM", 58, 0, 0, 54)
    info = struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    assert "million pixels" in refused_by("bomb.bmp", header + info + bytes(4))


def test_missing(refused, model):
    said = refused("predict", model, "nowhere.png")
    assert said == "nowhere.png does not exist; give a picture or a folder of pictures"


def test_a_folder_without_pictures(refused, model, folder):
    (folder / "sub").mkdir()
    assert "the folder sub holds no" in refused("predict", model, "sub")


def test_no_picture_named(misused, model):
    assert "PICTURE" in misused("predict", model)


def test_links_out_of_a_folder_only_when_asked(
    succeeds, portable_dnn_command, model, folder, picture
):
    (folder / "in").mkdir()
    (folder / "in" / "own.png").write_bytes(picture.read_bytes())
    (folder / "in" / "link.png").symlink_to(picture)
    without = portable_dnn_command("predict", model, "in")
    assert (without.code, len(without.lines)) == (0, 2)
    assert without.err == (
        "portable-dnn: note: left out of in: links that lead out of the folder (1: link.png)\n"
    )
    assert len(succeeds("predict", model, "in", "--follow-links").lines) == 3
    assert len(succeeds("predict", model, "in", "--follow-links", "--isolate").lines) == 3
    for part in ("cat", "non-cat"):
        (folder / "all" / part).mkdir(parents=True)
        (folder / "all" / part / "own.png").write_bytes(picture.read_bytes())
    (folder / "all" / "cat" / "link.png").symlink_to(picture)
    command = ("data", "import", "all", "--test-share", 0, "--out")
    assert "training 2 pictures" in succeeds(*command, "new.h5").out
    assert "training 3 pictures" in succeeds(*command, "new.h5", "--follow-links").out


def test_a_damaged_picture_leaves_no_output(refused, folder, picture):
    for part in ("cat", "non-cat"):
        (folder / "all" / part).mkdir(parents=True)
        (folder / "all" / part / "a.png").write_bytes(picture.read_bytes()[:80])
    refused("data", "import", "all", "--out", "new.h5", "--isolate")
