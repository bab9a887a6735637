"""What can be read in a separate process: the part of each reader there, and the part here.

The process writes a safetensors file, see `portable_dnn.isolation.runner`. Its content comes from
an untrusted file, so it is checked here just as that file was checked there.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_dnn.arrays.devices import Device
from portable_dnn.checkpoints.content import to_snapshot
from portable_dnn.checkpoints.file import Checkpoint, read_arrays
from portable_dnn.data.checks import check_declared, checked_images, checked_labels
from portable_dnn.data.class_names import check_class_names
from portable_dnn.data.dataset import DataSet, ImageSet
from portable_dnn.data.folder import import_folder
from portable_dnn.data.hdf5 import read_dataset
from portable_dnn.data.pictures import good_pictures, read_pictures
from portable_dnn.errors import DataError
from portable_dnn.files.json_objects import read_object
from portable_dnn.files.safetensors import TensorFile, opened_tensors, write_tensors
from portable_dnn.isolation.runner import Limits, isolated
from portable_dnn.models.model import Model
from portable_dnn.models.store import load_model, save_model

__all__ = [
    "READERS",
    "good_pictures_isolated",
    "import_folder_isolated",
    "load_model_isolated",
    "read_checkpoint_isolated",
    "read_dataset_isolated",
    "read_pictures_isolated",
]

_WHAT = "the result of another process"
_NAMES = "class_names"
_NOTES = "notes"
_PICTURES = "pictures"
_GOOD = "good"


def read_dataset_isolated(path: Path, test_path: Path | None, limits: Limits) -> DataSet:
    """Read a data set as `data.read_dataset` does, in another process.

    Text of variable length is read as well: what could keep the HDF5 library busy without end has a
    limit of time here.

    Parameters
    ----------
    path : Path
        An HDF5 file with the course's keys.
    test_path : Path or None
        A second file to take the test set from.
    limits : Limits
        When to give up.

    Returns
    -------
    DataSet

    Raises
    ------
    DataError
        As for `read_dataset`, and if a limit is reached or the process crashes.
    """
    paths = [str(part) for part in (path, test_path) if part is not None]
    subject = " and ".join(paths)
    with isolated("dataset", {"paths": paths}, subject, limits) as result:
        return _dataset(result, subject)


def import_folder_isolated(
    folder: Path,
    size: int,
    test_share: float,
    seed: int,
    limits: Limits,
    *,
    follow_links: bool = False,
    skip_bad: bool = False,
) -> DataSet:
    """Read two subfolders of pictures as `data.import_folder` does, in another process.

    Parameters
    ----------
    folder, size, test_share, seed, follow_links, skip_bad
        As for `import_folder`.
    limits : Limits
        When to give up.

    Returns
    -------
    DataSet

    Raises
    ------
    DataError
        As for `import_folder`, and if a limit is reached or the process crashes.
    """
    request = {
        "folder": str(folder),
        "size": size,
        "test_share": test_share,
        "seed": seed,
        "follow_links": follow_links,
        "skip_bad": skip_bad,
    }
    with isolated("folder", request, str(folder), limits) as result:
        return _dataset(result, str(folder))


def load_model_isolated(path: Path, device: Device | str, limits: Limits) -> Model:
    """Read a model as `store.load_model` does, in another process.

    Parameters
    ----------
    path : Path
        A model file of either kind.
    device : Device or str
        Where to put the parameters, in this process.
    limits : Limits
        When to give up.

    Returns
    -------
    Model

    Raises
    ------
    DataError
        As for `load_model`, and if a limit is reached or the process crashes.
    """
    with isolated("model", {"path": str(path)}, str(path), limits) as result:
        return load_model(result, device)


def read_checkpoint_isolated(path: Path, limits: Limits) -> Checkpoint:
    """Read a checkpoint as `checkpoint.read_checkpoint` does, in another process.

    Parameters
    ----------
    path : Path
        A checkpoint file.
    limits : Limits
        When to give up.

    Returns
    -------
    Checkpoint

    Raises
    ------
    DamagedError
        If its checksum is wrong.
    DataError
        As for `read_checkpoint`, and if a limit is reached or the process crashes.
    """
    with (
        isolated("checkpoint", {"path": str(path)}, str(path), limits) as result,
        opened_tensors(result, _WHAT) as file,
    ):
        arrays = {name: file.read(name) for name in file.arrays}
    return Checkpoint(path, *to_snapshot(arrays, path))


def read_pictures_isolated(
    paths: Sequence[Path], size: tuple[int, int], limits: Limits
) -> NDArray[np.uint8]:
    """Read pictures as `data.read_pictures` does, in another process.

    Parameters
    ----------
    paths : sequence of Path
        At least one file.
    size : (int, int)
        Height and width to bring them to.
    limits : Limits
        When to give up; the time is that for one picture.

    Returns
    -------
    ndarray of uint8, (len(paths), height, width, 3)

    Raises
    ------
    DataError
        As for `read_pictures`, and if a limit is reached or the process crashes.
    """
    request = {"paths": [str(path) for path in paths], "size": size}
    with (
        isolated("pictures", request, _subject(paths), limits) as result,
        opened_tensors(result, _WHAT) as file,
    ):
        declared = file.arrays.get(_PICTURES)
        expected = (len(paths), *size, 3)
        if declared is None or declared.shape != expected or declared.dtype != np.uint8:
            raise DataError(f"{result}: {_WHAT} holds no pictures of shape {expected}")
        return file.read(_PICTURES)


def good_pictures_isolated(paths: Sequence[Path], limits: Limits) -> tuple[list[Path], list[str]]:
    """Find out which pictures can be read as `data.good_pictures` does, in another process.

    Parameters
    ----------
    paths : sequence of Path
        At least one file.
    limits : Limits
        When to give up; the time is for each picture.

    Returns
    -------
    good : list of Path
        Those that can, in the same order.
    bad : list of str
        Why the others cannot, a sentence each.

    Raises
    ------
    DataError
        If a limit is reached or the process crashes.
    """
    request = {"paths": [str(path) for path in paths]}
    with (
        isolated("good pictures", request, _subject(paths), limits) as result,
        opened_tensors(result, _WHAT) as file,
    ):
        said = read_object(file.metadata.get(_NAMES, ""), _WHAT)
    good = set(_texts(said.get(_GOOD)))
    return [path for path in paths if str(path) in good], list(_texts(said.get(_NOTES)))


def _subject(paths: Sequence[Path]) -> str:
    """Name pictures that are read together."""
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]}, or a picture after it,"


def _leave_dataset(result: Path, *, paths: Sequence[str], done: Callable[[], object]) -> None:
    """Read one data file or two, in the other process."""
    dataset = read_dataset(*paths, variable_text=True)
    done()
    _leave(result, dataset)


def _leave_folder(result: Path, *, done: Callable[[], object], **arguments: Any) -> None:
    """Read a folder of pictures, in the other process."""
    _leave(result, import_folder(**arguments, look=lambda *_: done()))


def _leave_model(result: Path, *, path: str, done: Callable[[], object]) -> None:
    """Read a model, in the other process."""
    model = load_model(path)
    done()
    save_model(model, result)


def _leave_checkpoint(result: Path, *, path: str, done: Callable[[], object]) -> None:
    """Read a checkpoint, in the other process; the lists of names and checksums have served."""
    arrays = read_arrays(Path(path))
    done()
    write_tensors(result, {k: a for k, a in arrays.items() if a.dtype.kind != "S"}, {})


def _leave_pictures(
    result: Path, *, paths: Sequence[str], size: tuple[int, int], done: Callable[[], object]
) -> None:
    """Read pictures, in the other process."""
    height, width = size
    files = [Path(path) for path in paths]
    pictures = read_pictures(files, (height, width), look=lambda *_: done())
    write_tensors(result, {_PICTURES: pictures}, {})


def _leave_good_pictures(result: Path, *, paths: Sequence[str], done: Callable[[], object]) -> None:
    """Find out which pictures can be read, in the other process."""
    good, bad = good_pictures([Path(path) for path in paths], look=lambda *_: done())
    said = {_GOOD: [str(path) for path in good], _NOTES: bad}
    write_tensors(result, {}, {_NAMES: json.dumps(said)})


READERS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        "checkpoint": _leave_checkpoint,
        "dataset": _leave_dataset,
        "folder": _leave_folder,
        "good pictures": _leave_good_pictures,
        "model": _leave_model,
        "pictures": _leave_pictures,
    }
)
"""What the other process runs, by name: a path for the result, and the request's entries.

Each calls `done` when a file is read, after which it has the time for another."""


def _leave(result: Path, dataset: DataSet) -> None:
    """Write a data set for the process that asked."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, part in (("train", dataset.train), ("test", dataset.test)):
        if part is not None:
            arrays |= {f"{name}_set_x": part.images, f"{name}_set_y": part.labels}
    said = {_NAMES: dataset.class_names, _NOTES: dataset.notes}
    write_tensors(result, arrays, {_NAMES: json.dumps(said)})


def _dataset(result: Path, source: str) -> DataSet:
    """Read what `_leave` wrote, with the checks of a file from outside."""
    with opened_tensors(result, _WHAT) as file:
        train, test = (_image_set(file, name, result) for name in ("train", "test"))
        said = read_object(file.metadata.get(_NAMES, ""), _WHAT)
    names, notes = (_texts(said.get(name)) for name in (_NAMES, _NOTES))
    return DataSet(train, test, check_class_names(names), source, notes)


def _texts(found: Any) -> tuple[str, ...]:
    """Read a list of texts; anything else is empty."""
    texts = isinstance(found, list) and all(isinstance(text, str) for text in found)
    return tuple(found) if texts else ()


def _image_set(file: TensorFile, name: str, path: Path) -> ImageSet | None:
    """Read one of the two sets, if it is there."""
    keys = f"{name}_set_x", f"{name}_set_y"
    if not file.arrays.keys() >= set(keys):
        return None
    check_declared(file.arrays[keys[0]], file.arrays[keys[1]], keys, path)
    x, y = (file.read(key) for key in keys)
    return ImageSet(checked_images(x, keys[0], path), checked_labels(y, keys[1], path))
