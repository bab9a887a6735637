"""Making a data set from a folder of pictures, with one subfolder for each class."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from portable_dnn.data.class_names import check_class_names
from portable_dnn.data.dataset import DataSet, ImageSet
from portable_dnn.data.listing import SUBFOLDERS, left_out, picture_files, sort_out
from portable_dnn.data.pictures import Look, check_pictures_fit, good_pictures, read_pictures
from portable_dnn.errors import DataError
from portable_dnn.files.paths import existing_folder
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
    skip_bad: bool = False,
    look: Look | None = None,
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
    skip_bad : bool, default False
        Leave pictures out that cannot be read, as if they were not there.
    look : callable, optional
        As for `read_pictures`; with `skip_bad`, all pictures are read twice.

    Returns
    -------
    DataSet
        Pictures uint8, (m, size, size, 3); its `notes` say what of the folder is not in it.

    Raises
    ------
    DataError
        If the folder or one of its pictures cannot be used, a number is out of its range, or a
        class would be left without a training picture. Bad pictures refuse the whole folder; all
        of them are named.
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
    class_names = check_class_names([part.name for part in classes])
    random = random_stream(seed)
    listed = [picture_files(part, follow_links=follow_links) for part in classes]
    total = sum(map(len, listed))
    check_pictures_fit(total, (size, size))
    notes = [
        *left_out(folder, taken=SUBFOLDERS, follow_links=follow_links),
        *(note for part in classes for note in left_out(part, follow_links=follow_links)),
    ]
    if skip_bad:
        good, bad = good_pictures([file for files in listed for file in files], look=look)
        kept = set(good)
        listed = [[file for file in files if file in kept] for files in listed]
        notes += [f"left out: {sentence}" for sentence in bad]
    splits = [
        _split(files, part, test_share, random) for files, part in zip(listed, classes, strict=True)
    ]
    # All in one piece, so that all that are bad are named together.
    train, test = ([split[side] for split in splits] for side in (0, 1))
    images = read_pictures([file for part in (*train, *test) for file in part], size, look=look)
    trained = sum(map(len, train))
    return DataSet(
        train=ImageSet(images[:trained], _labels(train)),
        test=ImageSet(images[trained:], _labels(test)) if any(test) else None,
        class_names=class_names,
        source=str(folder),
        notes=tuple(notes),
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
    if not files:
        raise DataError(f"no picture in the folder {folder} can be read; add pictures")
    tests = round(len(files) * test_share)
    if tests == len(files):
        raise DataError(
            f"the folder {folder} has {len(files)} pictures, and with a test share of {test_share} "
            "none is left to train on; add pictures or lower the share"
        )
    shuffled = [files[i] for i in random.permutation(len(files))]
    return shuffled[tests:], shuffled[:tests]


def _labels(classes: list[list[Path]]) -> NDArray[np.int64]:
    """Label the files of class 0, then those of class 1."""
    return np.repeat(np.arange(len(classes), dtype=np.int64), [len(part) for part in classes])
