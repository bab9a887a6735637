"""Making a data set from a folder of pictures, with one subfolder for each class."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from portable_dnn.data.class_names import check_class_names
from portable_dnn.data.dataset import DataSet, ImageSet
from portable_dnn.data.listing import SUBFOLDERS, left_out, picture_files, sort_out
from portable_dnn.data.pictures import read_pictures
from portable_dnn.errors import DataError
from portable_dnn.files.paths import existing_folder
from portable_dnn.machine.memory import check_fits
from portable_dnn.network.randomness import random_stream

__all__ = ["import_folder"]

_NEGATIONS = ("non-", "not-", "no-")


def import_folder(
    folder: str | Path,
    size: int = 64,
    test_share: float = 0.2,
    seed: int = 1,
    *,
    follow_links: bool = False,
    done: Callable[[], object] | None = None,
) -> DataSet:
    """Read two subfolders of pictures as the two classes of a data set.

    Class 0 is the first subfolder by name, but one that is called "non-", "not-" or "no-" and the
    other's name is class 0 always. Each class is shuffled and split by itself, so that both sets
    have the classes in the same proportion; class 0 comes first in each set.

    Parameters
    ----------
    folder : str or Path
        A folder with exactly two subfolders; hidden ones, links that lead out
        of it and files beside them are ignored.
    size : int, default 64
        Height and width that every picture is brought to, see `read_picture`.
    test_share : float, default 0.2
        The share of each class that goes to the test set, rounded to whole pictures: 0 or more and
        less than 1. With 0, there is no test set.
    seed : int, default 1
        Seed of the shuffle, from 0 to 2**32 - 1.
    follow_links : bool, default False
        Take subfolders and pictures that are links to somewhere outside the folder.
    done : callable, optional
        Called after each picture.

    Returns
    -------
    DataSet
        Pictures uint8, (m, size, size, 3); its `notes` say what of the folder is not in it.

    Raises
    ------
    DataError
        If the folder or one of its pictures cannot be used, a number is out of its range, or a
        class would be left without a training picture. One bad picture refuses the whole folder.
    SettingError
        If the seed is not a whole number from 0 to 2**32 - 1.

    Examples
    --------
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from portable_dnn.data import import_folder
    >>> for name in ("cat", "non-cat"):
    ...     Path("photos", name).mkdir(parents=True)
    ...     for number in (1, 2):
    ...         Image.new("RGB", (640, 480)).save(f"photos/{name}/{number}.png")
    >>> dataset = import_folder("photos", size=32, test_share=0.5)
    >>> dataset.class_names, dataset.train.images.shape
    (('non-cat', 'cat'), (2, 32, 32, 3))
    """
    folder = Path(folder)
    if not 0.0 <= test_share < 1.0:
        raise DataError(f"the test share is {test_share}; it must be 0 or more and less than 1")
    classes = _class_folders(folder, follow_links)
    random = random_stream(seed)
    splits = [
        _split(picture_files(part, follow_links=follow_links), part, test_share, random)
        for part in classes
    ]
    train, test = ([split[side] for split in splits] for side in (0, 1))
    pictures = sum(len(files) for split in splits for files in split)
    check_fits(3 * size * size * pictures, f"{pictures} pictures of {size} x {size} make")
    return DataSet(
        train=_read_set(train, size, done),
        test=_read_set(test, size, done) if any(test) else None,
        class_names=check_class_names([part.name for part in classes]),
        source=str(folder),
        notes=(
            *left_out(folder, taken=SUBFOLDERS, follow_links=follow_links),
            *(note for part in classes for note in left_out(part, follow_links=follow_links)),
        ),
    )


def _class_folders(folder: Path, follow_links: bool) -> tuple[Path, Path]:
    """Find the folder of class 0 and that of class 1."""
    existing_folder(folder, "a folder with one subfolder for each class")
    found = sort_out(folder, follow_links=follow_links).get(SUBFOLDERS, [])
    if len(found) != 2:
        names = ", ".join(part.name for part in found) or "none"
        rest = left_out(folder, taken=SUBFOLDERS, follow_links=follow_links)
        raise DataError(
            "; ".join(
                [
                    f"the folder {folder} must have exactly two subfolders, one for each class",
                    f"found {len(found)}: {names}",
                    *rest,
                ]
            )
        )
    first, second = found
    if second.name.lower() in {prefix + first.name.lower() for prefix in _NEGATIONS}:
        return second, first
    return first, second


def _split(
    files: list[Path], folder: Path, test_share: float, random: np.random.RandomState
) -> tuple[list[Path], list[Path]]:
    """Shuffle one class's files and split them into training and test files."""
    tests = round(len(files) * test_share)
    if tests == len(files):
        raise DataError(
            f"the folder {folder} has {len(files)} pictures, and with a test share of {test_share} "
            "none is left to train on; add pictures or lower the share"
        )
    shuffled = [files[i] for i in random.permutation(len(files))]
    return shuffled[tests:], shuffled[:tests]


def _read_set(classes: list[list[Path]], size: int, done: Callable[[], object] | None) -> ImageSet:
    """Read the files of class 0, then those of class 1."""
    files = [file for part in classes for file in part]
    images = read_pictures(files, size, done=done)
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), [len(part) for part in classes])
    return ImageSet(images, labels)
