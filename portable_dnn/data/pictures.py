"""Reading picture files.

Pillow is imported only when a picture is read: it is not needed to train.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from portable_dnn.errors import DataError
from portable_dnn.files.paths import existing_file
from portable_dnn.files.signatures import kind_of, what_it_is
from portable_dnn.machine.limits import MOST_PICTURE_BYTES, MOST_PIXELS
from portable_dnn.machine.memory import check_fits, show_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "READABLE",
    "Look",
    "check_pictures_fit",
    "good_pictures",
    "is_picture",
    "read_picture",
    "read_pictures",
]

Look: TypeAlias = Callable[[int, int], object]
"""Is told how many pictures have been read, of how many."""

# Only these decoders are ever run: the exotic ones are where Pillow's holes have been.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
READABLE = "JPEG, PNG, WebP or BMP"
"""The pictures that are read, for messages."""
_MOST_NAMED = 100


def read_picture(path: str | Path, size: int | tuple[int, int]) -> NDArray[np.uint8]:
    """Read one picture and bring it to a size.

    The picture is turned upright (EXIF), laid on white where it is transparent, converted to RGB
    and resampled with Pillow's Lanczos filter. It is stretched to the size, not cropped, as in the
    course: a picture that is not square is distorted.

    Parameters
    ----------
    path : str or Path
        A JPEG, PNG, WebP or BMP file of at most 50 million pixels and 250 MB.
    size : int or (int, int)
        Height and width, or one number for both.

    Returns
    -------
    ndarray of uint8, (height, width, 3)

    Raises
    ------
    DataError
        If the file is missing, is no such picture, is damaged or has too many pixels, or if `size`
        is not positive or larger than that.

    Examples
    --------
    >>> from PIL import Image
    >>> from portable_dnn.data import read_picture
    >>> Image.new("RGB", (640, 480), "red").save("photo.png")
    >>> picture = read_picture("photo.png", 64)
    >>> picture.shape, picture[0, 0].tolist()
    ((64, 64, 3), [255, 0, 0])
    """
    from PIL import Image

    height, width = (size, size) if isinstance(size, int) else size
    _check_size(height, width)
    with _opened(Path(path)) as picture:
        upright = _upright_rgb(picture)
        resized = upright.resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(resized, dtype=np.uint8)


@contextmanager
def _opened(path: Path) -> Iterator["Image"]:
    """Open a picture by its header, and say what is found wrong with it as long as it is open."""
    from PIL import Image, UnidentifiedImageError

    content = _content(existing_file(path, f"a {READABLE} picture"))
    try:
        with Image.open(content, formats=_FORMATS) as picture:
            _check_pixels(picture, path)
            yield picture
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is not a {READABLE} picture{what_it_is(path)}") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(f"{path} has {_too_many()}") from error
    except (DataError, MemoryError):
        raise
    # Pillow's decoders and its EXIF reader raise whatever they run into: SyntaxError, struct.error,
    # IndexError and more. Nothing but Pillow runs here.
    except Exception as error:
        raise DataError(f"{path} is a damaged picture: {error}") from error


def read_pictures(
    paths: Sequence[Path], size: int | tuple[int, int], *, look: Look | None = None
) -> NDArray[np.uint8]:
    """Read pictures and bring them to one size, as `read_picture` does.

    Memory and the headers of all files are looked at before room is made and a picture is decoded.

    Parameters
    ----------
    paths : sequence of Path
        At least one file.
    size : int or (int, int)
        Height and width, or one number for both.
    look : callable, optional
        Called after each picture with how many are done, of how many.

    Returns
    -------
    ndarray of uint8, (len(paths), height, width, 3)

    Raises
    ------
    DataError
        If some of them cannot be read, all of which are named; or all together do not fit in
        memory.

    Examples
    --------
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from portable_dnn.data import read_pictures
    >>> Image.new("RGB", (640, 480)).save("wide.png")
    >>> Image.new("RGB", (480, 640)).save("tall.png")
    >>> read_pictures([Path("wide.png"), Path("tall.png")], 64).shape
    (2, 64, 64, 3)
    """
    height, width = (size, size) if isinstance(size, int) else size
    check_pictures_fit(len(paths), (height, width))
    _check_size(height, width)
    bad = _failures(paths, lambda place, path: _check_header(path))
    if bad:  # refused in any case: the others are decoded so that all bad ones are named at once
        decoded = _failures(paths, lambda place, path: read_picture(path, 1), look)
        _refuse({**decoded, **bad}, len(paths))
    pictures = np.empty((len(paths), height, width, 3), np.uint8)

    def read(place: int, path: Path) -> None:
        pictures[place] = read_picture(path, (height, width))

    _refuse(_failures(paths, read, look), len(paths))
    return pictures


def check_pictures_fit(count: int, size: tuple[int, int]) -> None:
    """Refuse more pictures than there is memory for, before one is read.

    Parameters
    ----------
    count : int
        How many.
    size : (int, int)
        Height and width of each, once it is read.

    Raises
    ------
    DataError
        If there is none.
    """
    height, width = size
    check_fits(3 * height * width * count, f"{count} pictures of {height} x {width} make")


def good_pictures(
    paths: Sequence[Path], *, look: Look | None = None
) -> tuple[list[Path], list[str]]:
    """Find out which pictures can be read.

    Parameters
    ----------
    paths : sequence of Path
        Files.
    look : callable, optional
        As for `read_pictures`.

    Returns
    -------
    good : list of Path
        Those that can, in the same order.
    bad : list of str
        Why the others cannot, a sentence each.

    Examples
    --------
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from portable_dnn.data import good_pictures
    >>> Image.new("RGB", (640, 480)).save("whole.png")
    >>> Path("empty.png").touch()
    >>> good, bad = good_pictures([Path("empty.png"), Path("whole.png")])
    >>> good == [Path("whole.png")], len(bad)
    (True, 1)
    """
    bad = _failures(paths, lambda place, path: read_picture(path, 1), look)
    return [path for place, path in enumerate(paths) if place not in bad], list(bad.values())


def _failures(
    paths: Sequence[Path], attempt: Callable[[int, Path], object], look: Look | None = None
) -> dict[int, str]:
    """Attempt something with each picture; return why it cannot be done, by the picture's place."""
    bad = {}
    for place, path in enumerate(paths):
        try:
            attempt(place, path)
        except DataError as error:
            bad[place] = str(error)
        if look is not None:
            look(place + 1, len(paths))
    return bad


def _refuse(bad: Mapping[int, str], total: int) -> None:
    """Name all bad pictures at once."""
    if not bad:
        return
    sentences = sorted(bad.values())
    if len(sentences) == 1:
        raise DataError(sentences[0])
    rest = len(sentences) - _MOST_NAMED
    raise DataError(
        f"{len(sentences)} of {total} pictures cannot be used: {'; '.join(sentences[:_MOST_NAMED])}"
        + (f"; and {rest} more" if rest > 0 else "")
        + "; take them away, or leave them out with --skip-bad"
    )


def _check_header(path: Path) -> None:
    """Refuse a picture for what can be known without decoding it."""
    with _opened(path) as picture:
        # Decoded, turned upright and as RGB, which Pillow holds in four bytes a pixel.
        check_fits(12 * picture.width * picture.height, f"{path} makes, when it is decoded,")


def is_picture(path: Path) -> bool:
    """Tell whether a file is, or at least says that it is, a picture of a kind that is read.

    Parameters
    ----------
    path : Path
        A plain file.

    Returns
    -------
    bool
        True for the content of such a picture, whatever its name, and for the name of one: where
        the content is something else, `read_picture` says so.

    Examples
    --------
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from portable_dnn.data.pictures import is_picture
    >>> Image.new("RGB", (640, 480)).save("scan.jfif", format="JPEG")
    >>> is_picture(Path("scan.jfif"))
    True
    """
    return path.suffix.lower() in _EXTENSIONS or kind_of(path) in _FORMATS


def _check_size(height: int, width: int) -> None:
    """Refuse a size that no picture can be brought to."""
    if height < 1 or width < 1 or height * width > MOST_PIXELS:
        raise DataError(
            f"a picture cannot be resized to {height} x {width}; use at least 1 x 1 and at most "
            f"{MOST_PIXELS // 10**6} million pixels"
        )


def _content(path: Path) -> io.BytesIO:
    """Read a file of bounded size.

    From memory, because a decoder asks for as many bytes as a header declares, and a file that is
    asked for 4 GB makes room for 4 GB before it finds that it has 90 bytes.
    """
    try:
        size = path.stat().st_size
        if size > MOST_PICTURE_BYTES:
            raise DataError(
                f"{path} has {show_bytes(size)}; picture files of at most "
                f"{show_bytes(MOST_PICTURE_BYTES)} are read"
            )
        with path.open("rb") as file:
            return io.BytesIO(file.read(size))
    except OSError as error:
        raise DataError(f"{path} may not be read: {error.strerror or error}") from error


def _check_pixels(picture: "Image", path: Path) -> None:
    """Refuse, from its header alone, a picture that would fill the memory when decoded."""
    if picture.width * picture.height > MOST_PIXELS:
        raise DataError(f"{path} has {picture.width} x {picture.height} pixels, {_too_many()}")


def _too_many() -> str:
    """Say what the limit is."""
    return f"more than the {MOST_PIXELS // 10**6} million pixels that are read; make it smaller"


def _upright_rgb(picture: "Image") -> "Image":
    """Decode a picture, turn it as its EXIF data say and lay it on white."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I;16") or upright.mode == "I":
        # Pillow's own conversion would cut 16-bit grey values off at 255.
        grey = np.asarray(upright) // 257
        return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    colours = upright.convert("RGBA")
    white = Image.new("RGBA", colours.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, colours).convert("RGB")
