"""Files under the name of another kind: what is said of them by everything that reads a file."""

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from portable_dnn.data import read_dataset, read_picture
from portable_dnn.equivalence import read_report
from portable_dnn.errors import DataError
from portable_dnn.files.signatures import kind_of
from portable_dnn.models.store import load_model

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n"


def zipped():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("x.h5", "inside")
    return content.getvalue()


def tarred():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as file:
        file.addfile(tarfile.TarInfo("x.h5"))
    return content.getvalue()


def saved():
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    return content.getvalue()


CONTENTS = {
    "empty": (b"", "it is empty"),
    "LFS": (POINTER, "git lfs pull"),
    "annex": (b"/annex/objects/SHA256E-s12--ab.h5\n", "git annex get"),
    "page": (b"\xef\xbb\xbf\n <!-- a --> <HTML lang='en'>", "it is a web page"),
    "document": (b"<!doctype html><title>404</title>", "it is a web page"),
    "xml": (b"<?xml version='1.0'?><Error>NoSuchKey</Error>", "it is an XML document"),
    "zip": (zipped(), "it is a ZIP archive"),
    "gzip": (gzip.compress(b"x"), "unpack it"),
    "tar": (tarred(), "unpack it"),
    "npy": (saved(), "it is a NumPy array"),
    "pickle": (b"\x80\x04K\x01.", "it is a pickle; no pickles are read"),
    "matlab": (b"MATLAB 5.0 MAT-file, Platform: x", "it is a MATLAB file"),
    "pdf": (b"%PDF-1.7\n", "it is a PDF document"),
    "gif": (b"GIF89a" + bytes(20), "it is a GIF picture"),
    "iphone": (b"\0\0\0\x18ftypheic" + bytes(20), "it is a HEIC picture"),
    "zeros": (bytes(4096), "zeros"),
}
READERS = {
    "data.h5": read_dataset,
    "model.h5": load_model,
    "model.safetensors": load_model,
    "picture.png": lambda path: read_picture(path, 4),
    "report.json": read_report,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("content", CONTENTS)
def test_every_reader_says_what_the_file_is(tmp_path, name, content):
    path = tmp_path / name
    given, said = CONTENTS[content]
    path.write_bytes(given)
    with pytest.raises(DataError) as refused:
        READERS[name](path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize("content", [b"some words", b"\x00\x01\x02", bytes(range(256))])
def test_what_is_not_known_is_not_guessed(tmp_path, content):
    path = tmp_path / "data.h5"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"is not an HDF5 file$"):
        read_dataset(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF"])
def test_pictures_as_pillow_writes_them(tmp_path, kind):
    path = tmp_path / "x"
    try:
        Image.new("RGB", (9, 5), "blue").save(path, format=kind)
    except KeyError:
        pytest.skip(f"this Pillow writes no {kind}")
    assert kind_of(path) == kind


def test_a_report_that_is_json_but_broken_is_not_called_json(tmp_path):
    path = tmp_path / "report.json"
    path.write_text('{"half": ', encoding="utf-8")
    with pytest.raises(DataError, match="is not a report: it is not JSON"):
        read_report(path)
