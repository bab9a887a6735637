"""What somebody should know of a data set before trusting what is trained or measured on it."""

from collections.abc import Iterator

from portable_dnn.data.dataset import DataSet, ImageSet

__all__ = ["remarks"]

_HIGHEST = 255


def remarks(dataset: DataSet) -> list[str]:
    """Say what is odd about a data set.

    Parameters
    ----------
    dataset : DataSet
        Any.

    Returns
    -------
    list of str
        Its notes; and a sentence where all labels of a set are alike, where all values in its
        pictures are, and where its pictures seem to have been divided by 255 once too often.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.data import DataSet, ImageSet, remarks
    >>> images = np.arange(3 * 192, dtype=np.uint8).reshape(3, 8, 8, 3)
    >>> part = ImageSet(images, labels=np.array([1, 1, 1]))
    >>> remarks(DataSet(part, None, class_names=("non-cat", "cat"), source="made by hand"))
    ['all 3 training pictures are of class 1 (cat): ...']
    """
    found = list(dataset.notes)
    for name, part in (("training", dataset.train), ("test", dataset.test)):
        if part is not None:
            found += _of_labels(part, name, dataset.class_names)
            found += _of_values(part, name)
    return found


def _of_labels(part: ImageSet, name: str, class_names: tuple[str, ...]) -> Iterator[str]:
    """Say that there is one class only."""
    first = int(part.labels[0])
    if (part.labels == first).all():
        yield (
            f"all {len(part.labels)} {name} pictures are of class {first} ({class_names[first]}): "
            "to answer that always is right for each of them"
        )


def _of_values(part: ImageSet, name: str) -> Iterator[str]:
    """Say that the pictures show nothing, or next to nothing."""
    lowest, highest = part.images.min(), part.images.max()
    whole = part.images.dtype.kind == "u"
    if lowest == highest:
        what = "all black" if highest == 0 else f"all alike: every value in them is {highest:g}"
        yield f"the {name} pictures are {what}, so there is nothing to learn from them"
    elif highest <= (1 if whole else 1 / _HIGHEST):
        yield (
            f"the {name} pictures have no value above {highest:.4g}, so that they are next to "
            f"black: were they divided by {_HIGHEST} "
            + ("before they became whole numbers?" if whole else "twice?")
        )
