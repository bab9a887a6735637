import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portable_dnn.data import left_out, other_files, picture_files, read_picture
from portable_dnn.errors import DataError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "picture.png"


def save(path, values, **options):
    Image.fromarray(np.asarray(values, np.uint8)).save(path, **options)
    return path


def plain(colour, height=8, width=8):
    return np.full((height, width, len(colour)), colour, np.uint8)


def refused(path, text, size=4):
    with pytest.raises(DataError) as caught:
        read_picture(path, size)
    assert str(caught.value) == text


# ---- what is read -------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "bmp"])
def test_formats(tmp_path, extension):
    path = save(tmp_path / f"p.{extension}", plain((200, 100, 50)))
    values = read_picture(path, 4)
    assert values.shape == (4, 4, 3)
    assert values.dtype == np.uint8
    assert np.abs(values.astype(int) - (200, 100, 50)).max() <= 4


def test_extension_does_not_matter(tmp_path):
    path = save(tmp_path / "p.txt", plain((1, 2, 3)), format="PNG")
    assert read_picture(path, 2)[0, 0].tolist() == [1, 2, 3]


def test_lanczos_stretches_the_whole_picture(path):
    values = np.random.RandomState(0).randint(0, 256, (20, 30, 3), np.uint8)
    save(path, values)
    expected = Image.fromarray(values).resize((7, 5), Image.Resampling.LANCZOS)
    assert np.array_equal(read_picture(path, (5, 7)), np.asarray(expected))


def test_same_size_is_kept_as_it_is(path):
    values = np.random.RandomState(0).randint(0, 256, (6, 6, 3), np.uint8)
    assert np.array_equal(read_picture(save(path, values), 6), values)


def test_exif_orientation(tmp_path):
    values = plain((0, 0, 0), 8, 16)
    values[:, :8] = (255, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: left becomes top
    path = save(tmp_path / "p.png", values, exif=exif)
    turned = read_picture(path, (16, 8))
    assert turned[2, 4].tolist() == [255, 0, 0]
    assert turned[13, 4].tolist() == [0, 0, 0]


def test_transparency_lies_on_white(path):
    values = plain((100, 0, 0, 255))
    values[:, 4:] = (9, 9, 9, 0)
    values[4:, :4, 3] = 128
    read = read_picture(save(path, values), 8)
    assert read[0, 0].tolist() == [100, 0, 0]
    assert read[0, 7].tolist() == [255, 255, 255]
    assert read[7, 0].tolist() == [177, 127, 127]


def test_palette_with_transparency(path):
    picture = Image.new("P", (4, 4))
    picture.putpalette([10, 20, 30, 200, 0, 0])
    picture.putpixel((0, 0), 1)
    picture.save(path, transparency=0)
    read = read_picture(path, 4)
    assert read[0, 0].tolist() == [200, 0, 0]
    assert read[3, 3].tolist() == [255, 255, 255]


def test_grey(path):
    assert read_picture(save(path, np.full((8, 8), 77)), 4)[2, 2].tolist() == [77, 77, 77]


def test_grey_of_16_bits(path):
    Image.fromarray(np.full((8, 8), 0x8080, np.uint16)).save(path)
    assert read_picture(path, 4)[2, 2].tolist() == [128, 128, 128]


def test_cmyk(tmp_path):
    path = tmp_path / "p.jpg"
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(path)
    red, green, blue = read_picture(path, 4)[1, 1].tolist()
    assert red > 240
    assert max(green, blue) < 15


# ---- what is refused ----------------------------------------------------------------------------


def test_missing(path):
    refused(path, f"{path} does not exist; give the path of a JPEG, PNG, WebP or BMP picture")


def test_folder(tmp_path):
    refused(tmp_path, f"{tmp_path} is a folder, not a JPEG, PNG, WebP or BMP picture")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", ": it is empty"),
        (b"hello, I am a cat", ""),
        (
            bytes(1000),
            ": it begins with zeros only, as an interrupted copy does: copy or download it again",
        ),
    ],
)
def test_no_picture(path, content, said):
    path.write_bytes(content)
    refused(path, f"{path} is not a JPEG, PNG, WebP or BMP picture{said}")


@pytest.mark.parametrize(
    ("kind", "said"),
    [("GIF", ": it is a GIF picture"), ("TIFF", ": it is a TIFF picture"), ("PPM", "")],
)
def test_other_formats(path, kind, said):
    save(path, plain((1, 2, 3)), format=kind)
    refused(path, f"{path} is not a JPEG, PNG, WebP or BMP picture{said}")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated(path, kind, share):
    noise = np.random.RandomState(0).randint(0, 256, (64, 64, 3))
    save(path, noise, format=kind)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError) as caught:
        read_picture(path, 4)
    text = str(caught.value)
    assert text.startswith(f"{path} is ")
    assert "damaged" in text or "is not a" in text


def png(width, height):
    """Write a PNG's header that declares a size, and no data."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    empty = zlib.compress(b"")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", empty) + chunk(b"IEND", b"")
    )


def test_too_many_pixels(path):
    path.write_bytes(png(10_000, 5_001))
    refused(
        path,
        f"{path} has 10000 x 5001 pixels, more than the 50 million pixels that are read; make it "
        "smaller",
    )


@pytest.mark.parametrize("side", [10_000, 60_000])  # Pillow warns of the one and refuses the other
def test_decompression_bomb(path, side):
    path.write_bytes(png(side, side))
    refused(path, f"{path} has more than the 50 million pixels that are read; make it smaller")


@pytest.mark.parametrize("size", [0, (4, 0), -3])
def test_impossible_size(path, size):
    with pytest.raises(DataError, match=r"a picture cannot be resized to .*; use at least 1 x 1"):
        read_picture(path, size)


# ---- lists of pictures --------------------------------------------------------------------------


def test_files_of_a_folder(tmp_path):
    names = ["b.PNG", "a.jpg", "c.webp", "d.bmp", "e.jpeg", ".hidden.png", "notes.txt", "f.gif"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "sub.png").mkdir()
    (tmp_path / "sub.png" / "deep.png").touch()
    found = [file.name for file in picture_files(tmp_path)]
    assert found == ["a.jpg", "b.PNG", "c.webp", "d.bmp", "e.jpeg"]


def test_pictures_are_known_by_their_content(tmp_path):
    for name, kind in [("a.jfif", "JPEG"), ("b", "PNG"), ("c.heic", "WEBP"), ("d.dib", "BMP")]:
        save(tmp_path / name, plain((1, 2, 3)), format=kind)
    for name, kind in [("e.jpg.gif", "GIF"), ("f", "TIFF"), ("g.jfi", "PPM")]:
        save(tmp_path / name, plain((1, 2, 3)), format=kind)
    (tmp_path / "BMW.txt").write_text("BMW makes cars, and says so in more than 20 letters")
    found = [file.name for file in picture_files(tmp_path)]
    assert found == ["a.jfif", "b", "c.heic", "d.dib"]
    assert read_picture(tmp_path / "a.jfif", 4).shape == (4, 4, 3)
    assert [file.name for file in other_files(tmp_path)] == ["BMW.txt", "e.jpg.gif", "f", "g.jfi"]


def test_what_is_left_out_is_counted_and_named(tmp_path):
    names = ["a.jpg", *(f"{i}.txt" for i in range(7)), ".DS_Store", "d1/e/1.png", "d1/2.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "circle.png").symlink_to("circle.png")
    (tmp_path / "up").symlink_to("..")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    (said,) = left_out(tmp_path)
    assert said.startswith(f"left out of {tmp_path}: ")
    found = said.removeprefix(f"left out of {tmp_path}: ").split("; ")
    assert sorted(found) == sorted(
        [
            "hidden files or folders (1: .DS_Store)",
            "files that are no JPEG, PNG, WebP or BMP pictures (7: 0.txt, 1.txt, 2.txt, 3.txt, "
            "4.txt and 2 more)",
            "subfolders (1: d1 with 2 files)",
            "links that lead nowhere (1: circle.png)",
            "links that lead out of the folder (1: up)",
            *(["pipes, devices or the like (1: pipe)"] if hasattr(os, "mkfifo") else []),
        ]
    )


def test_nothing_is_left_out(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert left_out(tmp_path) == []


def test_a_folder_that_holds_something_else_says_what(tmp_path):
    (tmp_path / "2024").mkdir()
    (tmp_path / "2024" / "a.png").touch()
    with pytest.raises(DataError, match=r"pictures; it has subfolders \(1: 2024 with 1 file\)"):
        picture_files(tmp_path)


def test_a_folder_that_may_be_listed_but_not_entered(tmp_path, monkeypatch):
    # Simulated, because the superuser may enter everything.
    (tmp_path / "a.jpg").touch()
    look = Path.stat

    def denied(path, **more):
        if path.name == "a.jpg":
            raise PermissionError(13, "Permission denied")
        return look(path, **more)

    monkeypatch.setattr(Path, "stat", denied)
    with pytest.raises(DataError, match=r"a\.jpg cannot be looked at: Permission denied; to enter"):
        picture_files(tmp_path)


def test_links_out_of_the_folder_are_left_out(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret.png").touch()
    (folder / "own.png").touch()
    (folder / "inner.png").symlink_to(folder / "own.png")
    (folder / "outer.png").symlink_to(tmp_path / "secret.png")
    (folder / "nowhere.png").symlink_to(tmp_path / "missing.png")
    assert [file.name for file in picture_files(folder)] == ["inner.png", "own.png"]


def test_folder_without_pictures(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match="holds no JPEG, PNG, WebP or BMP pictures"):
        picture_files(tmp_path)


def test_files_of_no_folder(tmp_path):
    with pytest.raises(DataError, match="does not exist; give a folder of pictures"):
        picture_files(tmp_path / "no")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is not a folder; give a folder of pictures"):
        picture_files(tmp_path / "file")


def test_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    # Simulated, because the superuser may list everything.
    def denied(_folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)
    with pytest.raises(DataError, match=r"the folder .* cannot be listed: Permission denied"):
        picture_files(tmp_path)


def test_pillow_is_not_imported_with_the_package():
    code = "import portable_dnn.data, sys; assert 'PIL' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
