"""Reading and writing data sets as HDF5 files with the course's keys.

A file from a stranger is checked before anything in it is read: which links it holds, what its
arrays are declared to be, and whether they fit in memory.
"""

from collections.abc import Iterable
from pathlib import Path

import h5py
import numpy as np

from portable_dnn.data.checks import check_count, check_declared, checked_images, checked_labels
from portable_dnn.data.class_names import check_class_names
from portable_dnn.data.dataset import DataSet, ImageSet
from portable_dnn.data.remarks import remarks
from portable_dnn.errors import DataError
from portable_dnn.files.hdf5.file import (
    check_memory,
    names_in,
    open_array,
    opened,
    read_array,
    write_hdf5,
)
from portable_dnn.machine.limits import MOST_ATTRIBUTE_BYTES

__all__ = ["describe_dataset", "read_dataset", "write_dataset"]

_NAMES_KEY = "list_classes"
_MOST_LISTED = 8
_DEFAULT_NAMES = ("0", "1")


def read_dataset(
    path: str | Path, test_path: str | Path | None = None, *, variable_text: bool = False
) -> DataSet:
    """Read pictures and labels from an HDF5 file with the course's keys.

    Parameters
    ----------
    path : str or Path
        A file with ``train_set_x`` and ``train_set_y``, with ``test_set_x`` and ``test_set_y``, or
        with all four. Pictures are (m, height, width, 3): integers from 0 to 255, or floating
        point from 0 to 1. Labels are (m,) or (1, m) and hold 0 and 1 only, in any number type.
        ``list_classes`` holds the names of class 0 and class 1, text or numbers. Without it, or
        where it cannot be used, they are "0" and "1"; `notes` of the result then says why.
    test_path : str or Path, optional
        A second file to take the test set from; one in `path` is then ignored.
    variable_text : bool, default False
        Read ``list_classes`` even as text of variable length. It lies in a heap, and one wrong byte
        there keeps the HDF5 library busy without end, so this is for a process with a limit of
        time: see `portable_dnn.isolation.runner`.

    Returns
    -------
    DataSet
        Integer pictures as uint8, others in their own floating-point dtype; labels int64, (m,).

    Raises
    ------
    DataError
        If a file cannot be read, its content is not as above, it leads to other files, it declares
        more data than memory is free, or the two sets do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.data import DataSet, ImageSet, read_dataset, write_dataset
    >>> images = np.zeros((3, 64, 64, 3), dtype=np.uint8)
    >>> train = ImageSet(images, labels=np.array([0, 1, 1]))
    >>> dataset = DataSet(train, None, class_names=("non-cat", "cat"), source="made by hand")
    >>> write_dataset(dataset, "cats.h5")
    >>> read_dataset("cats.h5").train.images.shape
    (3, 64, 64, 3)
    """
    path = Path(path)
    if test_path is None:
        return _read_file(path, ("train", "test"), variable_text)
    return _join(
        _read_file(path, ("train",), variable_text),
        _read_file(Path(test_path), ("test",), variable_text),
    )


def write_dataset(dataset: DataSet, path: str | Path) -> None:
    """Write a data set to an HDF5 file with the course's keys; the same data give the same bytes.

    Parameters
    ----------
    dataset : DataSet
        At least one of its two sets must be there.
    path : str or Path
        The file to create or replace; it is replaced only once the new one is whole.

    Raises
    ------
    DataError
        If the data set holds neither a training nor a test set, or a class has no proper name.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.data import DataSet, ImageSet, write_dataset
    >>> images = np.zeros((3, 64, 64, 3), dtype=np.uint8)
    >>> train = ImageSet(images, labels=np.array([0, 1, 1]))
    >>> dataset = DataSet(train, None, class_names=("non-cat", "cat"), source="made by hand")
    >>> write_dataset(dataset, "cats.h5")
    """
    if dataset.train is None and dataset.test is None:
        raise DataError("this data set holds neither training nor test pictures; nothing to write")
    check_class_names(dataset.class_names)

    def fill(file: h5py.File) -> None:
        for name, part in (("train", dataset.train), ("test", dataset.test)):
            if part is not None:
                # Without times, which would differ from one writing to the next.
                file.create_dataset(f"{name}_set_x", data=part.images, track_times=False)
                file.create_dataset(f"{name}_set_y", data=part.labels, track_times=False)
        names = [name.encode() for name in dataset.class_names]
        width = max(map(len, names), default=0) or 1
        file.create_dataset(_NAMES_KEY, data=np.array(names, dtype=f"S{width}"), track_times=False)

    write_hdf5(path, fill)


def describe_dataset(dataset: DataSet) -> dict[str, object]:
    """Describe a data set in plain values that JSON can hold.

    Parameters
    ----------
    dataset : DataSet
        What to describe.

    Returns
    -------
    dict
        ``source``, ``class_names`` (list), ``fingerprint``, ``remarks`` (list), and ``train`` and
        ``test``: None, or a dict of ``pictures`` (how many), ``height``, ``width``, ``dtype`` and
        ``classes``, a list of ``{"label": 0 or 1, "name": str, "pictures": int}``.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.data import DataSet, ImageSet, describe_dataset
    >>> images = np.zeros((3, 64, 64, 3), dtype=np.uint8)
    >>> train = ImageSet(images, labels=np.array([0, 1, 1]))
    >>> dataset = DataSet(train, None, class_names=("non-cat", "cat"), source="made by hand")
    >>> describe_dataset(dataset)["train"]["classes"][1]
    {'label': 1, 'name': 'cat', 'pictures': 2}
    """
    return {
        "source": dataset.source,
        "class_names": list(dataset.class_names),
        "fingerprint": dataset.fingerprint(),
        "remarks": remarks(dataset),
        "train": _describe_set(dataset.train, dataset.class_names),
        "test": _describe_set(dataset.test, dataset.class_names),
    }


def _describe_set(part: ImageSet | None, names: tuple[str, ...]) -> dict[str, object] | None:
    """Describe one of the two sets, as `describe_dataset` says."""
    if part is None:
        return None
    classes = [
        {"label": label, "name": name, "pictures": int((part.labels == label).sum())}
        for label, name in enumerate(names)
    ]
    return {
        "pictures": len(part.labels),
        "height": part.images.shape[1],
        "width": part.images.shape[2],
        "dtype": str(part.images.dtype),
        "classes": classes,
    }


def _join(first: DataSet, second: DataSet) -> DataSet:
    """Take the training set of one file and the test set of another, whose classes must agree."""
    named = [part.class_names for part in (first, second) if part.class_names != _DEFAULT_NAMES]
    if len(set(named)) > 1:
        raise DataError(
            f"the class names differ: {first.source} has {_listed(first.class_names)}, but "
            f"{second.source} has {_listed(second.class_names)}; give files of the same classes"
        )
    source = f"{first.source} and {second.source}"
    names = named[0] if named else _DEFAULT_NAMES
    return DataSet(first.train, second.test, names, source, first.notes + second.notes)


def _read_file(path: Path, wanted: tuple[str, ...], variable_text: bool) -> DataSet:
    """Read the wanted sets that a file holds; at least one must be there."""
    with opened(path, "an HDF5 data file") as file:
        return _read_open_file(file, path, wanted, variable_text)


def _read_open_file(
    file: h5py.File, path: Path, wanted: tuple[str, ...], variable_text: bool
) -> DataSet:
    """Check everything in a file from its declarations, then read the wanted sets."""
    # Of the links themselves: `key in file` follows them, and is false where one leads nowhere.
    links = set(names_in(file, path))
    keys = {name: (f"{name}_set_x", f"{name}_set_y") for name in wanted}
    present = {name: pair for name, pair in keys.items() if not links.isdisjoint(pair)}
    for pair in present.values():
        for key, other in (pair, pair[::-1]):
            if key not in links:
                raise DataError(f"{path} has {other} but no {key}; a set needs both")
    if not present:
        needed = _listed(key for pair in keys.values() for key in pair)
        raise DataError(
            f"{path} holds no such data set: expected the keys {needed}; found "
            f"{_listed(sorted(links)) or 'none'}"
            + ("; it may be a model file" if "parameters" in links else "")
        )
    arrays = {key: open_array(file, key, path) for pair in present.values() for key in pair}
    check_memory(arrays.values(), path)
    for x_key, y_key in present.values():
        check_declared(arrays[x_key], arrays[y_key], (x_key, y_key), path)
    check_count(sum(arrays[x_key].shape[0] for x_key, _ in present.values()), path)
    sets = {
        name: ImageSet(
            images=checked_images(read_array(arrays[x_key]), x_key, path),
            labels=checked_labels(read_array(arrays[y_key]), y_key, path),
        )
        for name, (x_key, y_key) in present.items()
    }
    names = _DEFAULT_NAMES
    notes: tuple[str, ...] = ()
    if _NAMES_KEY in links:
        try:
            names = _class_names(file, path, variable_text)
        except DataError as error:  # names are only shown: without them the data are as good
            notes = (f"{error}; the classes are called {' and '.join(names)}",)
    return DataSet(sets.get("train"), sets.get("test"), names, str(path), notes)


def _class_names(file: h5py.File, path: Path, variable_text: bool) -> tuple[str, str]:
    """Read the two classes' names: text, or numbers."""
    array = open_array(file, _NAMES_KEY, path, variable_text=True)
    if array.dtype.kind == "O" and not variable_text:  # or it had not been opened
        raise DataError(
            f"{path}: {_NAMES_KEY} holds text of variable length, which is read with --isolate "
            "only; 'portable-dnn data convert --isolate' writes it with a fixed length"
        )
    if array.size != 2 or array.nbytes > MOST_ATTRIBUTE_BYTES:
        raise DataError(
            f"{path}: {_NAMES_KEY} has shape {array.shape} and dtype {array.dtype}; two names, of "
            "class 0 and class 1, in a megabyte at most, would be right"
        )
    check_memory([array], path)
    try:
        first, second = (_text(name) for name in read_array(array).ravel().tolist())
        check_class_names((first, second))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {_NAMES_KEY} is not UTF-8 text") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    return first, second


def _text(name: bytes | float) -> str:
    """Write a class's name, which may be its number."""
    return name.decode() if isinstance(name, bytes) else f"{name:.15g}"


def _listed(names: Iterable[str]) -> str:
    """Join names to a list for people; a long one is cut off."""
    names = list(names)
    rest = len(names) - _MOST_LISTED
    return ", ".join(names[:_MOST_LISTED]) + (f" and {rest} more" if rest > 0 else "")
