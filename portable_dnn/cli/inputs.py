"""Reading the files that a command names: here, or in a separate process with --isolate."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
import typer
from numpy.typing import NDArray

from portable_dnn.arrays.devices import Device
from portable_dnn.data.dataset import DataSet
from portable_dnn.errors import SettingError
from portable_dnn.isolation.runner import Limits
from portable_dnn.models.model import Model

__all__ = [
    "FollowLinksOption",
    "IsolateMemoryOption",
    "IsolateOption",
    "IsolateSecondsOption",
    "SkipBadOption",
    "find_good_pictures",
    "isolation_limits",
    "load_data",
    "load_folder",
    "load_model_file",
    "load_pictures",
]

Look: TypeAlias = Callable[[int, int], object]
_GB = 10**9
_DEFAULTS = Limits()

IsolateOption = Annotated[
    bool,
    typer.Option(
        "--isolate",
        help="Read the files in a separate process with limits of memory and time, so that a "
        "damaged or malicious file ends in an error message. Use it for files that you do not "
        "trust.",
    ),
]
IsolateMemoryOption = Annotated[
    float | None,
    typer.Option(
        "--isolate-memory",
        metavar="GB",
        help="Largest memory of the reading process of --isolate, in GB; "
        f"{_DEFAULTS.memory / _GB:g} by default.",
        show_default=False,
    ),
]
IsolateSecondsOption = Annotated[
    float | None,
    typer.Option(
        "--isolate-seconds",
        metavar="SECONDS",
        help="Longest time that the reading process of --isolate may take for a file, in seconds; "
        f"{_DEFAULTS.seconds:g} by default.",
        show_default=False,
    ),
]
FollowLinksOption = Annotated[
    bool,
    typer.Option(
        "--follow-links",
        help="Also follow symbolic links that lead out of a picture folder; otherwise they are "
        "skipped.",
    ),
]


SkipBadOption = Annotated[
    bool,
    typer.Option(
        "--skip-bad",
        help="Leave out pictures that cannot be read, and name them, instead of refusing all.",
    ),
]


def isolation_limits(isolate: bool, memory: float | None, seconds: float | None) -> Limits | None:
    """Read the options of --isolate.

    Parameters
    ----------
    isolate : bool
        Whether it was given.
    memory : float or None
        In GB.
    seconds : float or None
        Wall-clock time.

    Returns
    -------
    Limits or None
        None if files are to be read in this process.

    Raises
    ------
    SettingError
        If a limit is no positive number, or is given without --isolate.
    """
    if not isolate:
        if memory is not None or seconds is not None:
            raise SettingError("--isolate-memory and --isolate-seconds go with --isolate; add it")
        return None
    wanted = _DEFAULTS.memory / _GB if memory is None else memory
    if not 0 < wanted < 1e9:
        raise SettingError(f"--isolate-memory is {wanted:g} GB; a positive number would be right")
    limits = Limits(int(wanted * _GB), _DEFAULTS.seconds if seconds is None else seconds)
    limits.check()
    return limits


def load_data(path: Path | None, test: Path | None = None, limits: Limits | None = None) -> DataSet:
    """Read the data set that was named, or draw the built-in one.

    Parameters
    ----------
    path : Path or None
        An HDF5 file; None for the built-in pictures.
    test : Path or None
        An HDF5 file with the test set, if it is apart.
    limits : Limits or None
        Read in another process within these; None for this process.

    Returns
    -------
    DataSet

    Raises
    ------
    DataError
        If a file cannot be used.
    SettingError
        If only a test set is named.
    """
    # Imported here and below, so that `--help` does not wait for h5py.
    from portable_dnn.data import builtin_dataset, read_dataset

    if path is None:
        if test is not None:
            raise SettingError("--test needs a data file to go with it: portable-dnn train DATA.h5")
        return builtin_dataset()
    if limits is None:
        return read_dataset(path, test)
    from portable_dnn.isolation.readers import read_dataset_isolated

    return read_dataset_isolated(path, test, limits)


def load_folder(
    folder: Path,
    size: int,
    test_share: float,
    seed: int,
    *,
    follow_links: bool,
    skip_bad: bool,
    limits: Limits | None,
    look: Look,
) -> DataSet:
    """Read a folder with one subfolder of pictures a class.

    Parameters
    ----------
    folder, size, test_share, seed, follow_links, skip_bad
        As for `data.import_folder`.
    limits : Limits or None
        As for `load_data`.
    look : callable
        As for `data.import_folder`; another process does not tell how far it is.

    Returns
    -------
    DataSet

    Raises
    ------
    DataError, SettingError
        As for `data.import_folder`.
    """
    if limits is None:
        from portable_dnn.data import import_folder

        return import_folder(
            folder, size, test_share, seed, follow_links=follow_links, skip_bad=skip_bad, look=look
        )
    from portable_dnn.isolation.readers import import_folder_isolated

    return import_folder_isolated(
        folder, size, test_share, seed, limits, follow_links=follow_links, skip_bad=skip_bad
    )


def load_model_file(path: Path, device: Device | str, limits: Limits | None) -> Model:
    """Read a model.

    Parameters
    ----------
    path : Path
        HDF5 or safetensors.
    device : Device or str
        Where to put the parameters.
    limits : Limits or None
        As for `load_data`.

    Returns
    -------
    Model

    Raises
    ------
    DataError
        If the file cannot be used.
    """
    if limits is None:
        from portable_dnn.models.store import load_model

        return load_model(path, device)
    from portable_dnn.isolation.readers import load_model_isolated

    return load_model_isolated(path, device, limits)


def find_good_pictures(
    paths: Sequence[Path], limits: Limits | None, look: Look
) -> tuple[list[Path], list[str]]:
    """Find out which pictures can be read.

    Parameters
    ----------
    paths : sequence of Path
        Picture files.
    limits : Limits or None
        As for `load_data`.
    look : callable
        As for `load_folder`.

    Returns
    -------
    good : list of Path
        Those that can.
    bad : list of str
        Why the others cannot, a sentence each.

    Raises
    ------
    DataError
        If another process was to read them, and could not.
    """
    if limits is None:
        from portable_dnn.data import good_pictures

        return good_pictures(paths, look=look)
    from portable_dnn.isolation.readers import good_pictures_isolated

    return good_pictures_isolated(paths, limits)


def load_pictures(
    paths: Sequence[Path], size: tuple[int, int], limits: Limits | None, look: Look
) -> NDArray[np.uint8]:
    """Read pictures.

    Parameters
    ----------
    paths : sequence of Path
        Picture files.
    size : (int, int)
        Height and width to bring them to.
    limits : Limits or None
        As for `load_data`.
    look : callable
        As for `load_folder`.

    Returns
    -------
    ndarray of uint8, (len(paths), height, width, 3)

    Raises
    ------
    DataError
        If one of them cannot be used.
    """
    if limits is None:
        from portable_dnn.data import read_pictures

        return read_pictures(paths, size, look=look)
    from portable_dnn.isolation.readers import read_pictures_isolated

    return read_pictures_isolated(paths, size, limits)
