"""What a file is by its first bytes, whatever its name says."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

__all__ = ["kind_of", "what_it_is"]

_HEAD = 512  # bytes that are looked at
_EMPTY = "empty"
# By the name of a kind (of pictures it is Pillow's): how its files begin.
_BEGINNINGS: Mapping[str, re.Pattern[bytes]] = MappingProxyType(
    {
        name: re.compile(pattern, re.DOTALL)
        for name, pattern in {
            _EMPTY: rb"\Z",
            "JPEG": rb"\xff\xd8\xff",
            "PNG": rb"\x89PNG\r\n\x1a\n",
            "WEBP": rb"RIFF....WEBP",
            # Two letters begin many texts, so the length of the header after them counts as well.
            "BMP": rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",
            "GIF": rb"GIF8[79]a",
            "TIFF": rb"II\*\0|MM\0\*",
            "HEIC": rb"....ftyp(hei|hev|mif1|msf1)",
            "AVIF": rb"....ftypavi",
            "HDF5": rb"\x89HDF\r\n\x1a\n",
            "LFS": rb"version https://git-lfs",
            "annex": rb"(\.\./)*(\.git)?/annex/objects/",
            "HTML": rb"(\xef\xbb\xbf)?\s*(<!--.*-->\s*)?<(?i:!doctype html|html|head|body)",
            "XML": rb"(\xef\xbb\xbf)?\s*<\?xml",
            "safetensors": rb".{8}\{\"",
            "JSON": rb"\s*(\{\s*[\"}]|\[\s*[\[{\"\d\]-])",
            "ZIP": rb"PK\x03\x04",
            "compressed": rb"\x1f\x8b|BZh\d|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd|.{257}ustar",
            "NumPy": rb"\x93NUMPY",
            "MATLAB": rb"MATLAB 5",
            "pickle": rb"\x80[\x02-\x05]",
            "PDF": rb"%PDF-",
            "zeros": rb"\0{512}",
        }.items()
    }
)
_IN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        _EMPTY: "it is empty",
        "LFS": "it is a Git LFS pointer, which stands for the file: 'git lfs pull' in the clone "
        "that it is from, or a download of the file itself, brings the file",
        "annex": "it is a git-annex pointer, which stands for the file: 'git annex get' brings it",
        "HTML": "it is a web page: download the file itself, not the page that shows it",
        "XML": "it is an XML document, such as a server sends instead of a file",
        "safetensors": "it is a safetensors file",
        "JSON": "it is JSON",
        "HDF5": "it is an HDF5 file",
        "ZIP": "it is a ZIP archive (.npz, .pt and .keras files are such ones): unpack or convert "
        "it",
        "compressed": "it is an archive or a compressed file: unpack it",
        "NumPy": "it is a NumPy array: write it as HDF5",
        "MATLAB": "it is a MATLAB file: convert it",
        "pickle": "it is a pickle; no pickles are read, because they can run any program",
        "PDF": "it is a PDF document",
        "zeros": "it begins with zeros only, as an interrupted copy does: copy or download it "
        "again",
    }
)


def kind_of(path: Path) -> str | None:
    """Tell what a file is.

    Parameters
    ----------
    path : Path
        A plain file; its first 512 bytes are read.

    Returns
    -------
    str or None
        For a picture Pillow's name of its format, such as "JPEG"; None if nothing is known, or it
        cannot be read.

    Examples
    --------
    >>> path = Path("page.h5")
    >>> path.write_text("<!DOCTYPE html><title>train_cats.h5</title>")
    43
    >>> kind_of(path)
    'HTML'
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    return next((kind for kind, beginning in _BEGINNINGS.items() if beginning.match(head)), None)


def what_it_is(path: Path) -> str:
    """Write what a file is, to follow the words that it is not what it should be.

    Parameters
    ----------
    path : Path
        A plain file.

    Returns
    -------
    str
        With what helps; empty if nothing is known.

    Examples
    --------
    >>> path = Path("dog.h5")
    >>> path.write_bytes(b"GIF89a, and so on")
    17
    >>> what_it_is(path)
    ': it is a GIF picture'
    """
    kind = kind_of(path)
    return "" if kind is None else f": {_IN_WORDS.get(kind, f'it is a {kind} picture')}"
