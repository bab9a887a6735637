"""What a data set is: two sets of pictures with a 0 or a 1 for each, and the classes' names."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_dnn.errors import DataError

__all__ = ["DataSet", "ImageSet"]


@dataclass(frozen=True)
class ImageSet:
    """Pictures of one size and the class of each.

    Attributes
    ----------
    images : ndarray, (m, height, width, 3)
        uint8 from 0 to 255, or floating point from 0 to 1 without NaN.
    labels : ndarray of int64, (m,)
        0 or 1 for each picture.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.data import ImageSet
    >>> part = ImageSet(np.zeros((3, 64, 64, 3), dtype=np.uint8), labels=np.array([0, 1, 1]))
    >>> part.images[part.labels == 1].shape
    (2, 64, 64, 3)
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class DataSet:
    """The pictures to train on and those to test on; one of them may be missing.

    Attributes
    ----------
    train, test : ImageSet or None
        Their pictures have the same height and width.
    class_names : tuple of str
        The name of class 0 and the name of class 1.
    source : str
        Where the pictures came from, for people: a path or "built-in pictures".
    notes : tuple of str
        What of it is left out here or could not be used, for people, a sentence each; not part of
        the fingerprint.

    Raises
    ------
    DataError
        If there are both sets, and the pictures of one have another size than those of the other.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.data import DataSet, ImageSet
    >>> images = np.zeros((3, 64, 64, 3), dtype=np.uint8)
    >>> train = ImageSet(images, labels=np.array([0, 1, 1]))
    >>> dataset = DataSet(train, None, class_names=("non-cat", "cat"), source="made by hand")
    >>> dataset.class_names[dataset.train.labels[0]]
    'non-cat'
    >>> len(dataset.fingerprint())
    64
    """

    train: ImageSet | None
    test: ImageSet | None
    class_names: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Hold the two sets against each other, so that whoever is handed a data set need not."""
        if self.train is None or self.test is None:
            return
        train, test = self.train.images.shape[1:3], self.test.images.shape[1:3]
        if train != test:
            raise DataError(
                f"{self.source}: the training pictures are {_by(train)} pixels, but the test "
                f"pictures are {_by(test)}; both must have the same size"
            )

    def fingerprint(self) -> str:
        """Return a checksum of the content, the same on every machine and for every source.

        Returns
        -------
        str
            SHA-256 in hexadecimal over the class names and, for each set, the shape, the dtype and
            the little-endian bytes of pictures and labels.
        """
        digest = hashlib.sha256()
        for part in _parts(self):
            # Each part goes in with its length, so that no two data sets give the same stream.
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        return digest.hexdigest()


def _parts(dataset: DataSet) -> Iterator[bytes | memoryview]:
    """Yield the content of a data set as byte strings in a fixed order."""
    yield from (name.encode() for name in dataset.class_names)
    for name, part in (("train", dataset.train), ("test", dataset.test)):
        if part is None:
            continue
        for array in (part.images, part.labels):
            little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            yield f"{name} {array.dtype.name} {array.shape}".encode()
            yield little.reshape(-1).view(np.uint8).data


def _by(size: tuple[int, ...]) -> str:
    """Write a height and a width."""
    return " x ".join(map(str, size))
