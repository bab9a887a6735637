"""The model file: self-describing, always host arrays, never code; HDF5 or safetensors.

A file written on a GPU has nothing of the GPU in it, so it can be loaded without CuPy. Both formats
hold the same, and one place checks what a model must be, `portable_dnn.models.checks`.
"""

from functools import partial
from pathlib import Path
from types import ModuleType

from portable_dnn.arrays.devices import Device, choose_device, place, to_host
from portable_dnn.arrays.holding import holding_of
from portable_dnn.errors import DTypeError
from portable_dnn.files.atomic import write_somewhere
from portable_dnn.files.paths import existing_file, path_of
from portable_dnn.machine.memory import check_fits
from portable_dnn.models import hdf5 as store_hdf5
from portable_dnn.models import safetensors as store_safetensors
from portable_dnn.models.checks import FORMAT_VERSION, describe, put_together
from portable_dnn.models.model import Model

__all__ = ["FORMAT_VERSION", "check_savable", "load_model", "save_model", "save_model_somewhere"]


def save_model(model: Model, path: str | Path) -> None:
    """Write a model to a file, whole or not at all.

    Parameters
    ----------
    model : Model
        With parameters on any device.
    path : str or Path
        The file to create or replace: safetensors if it ends in ".safetensors", else HDF5.

    Raises
    ------
    OutputError
        If the file cannot be written, or the description of the model is too long for it.

    Examples
    --------
    >>> from portable_dnn import initialize_parameters_deep, save_model
    >>> from portable_dnn.models.model import Model
    >>> parameters = initialize_parameters_deep([12, 3, 1])
    >>> model = Model(parameters, ("relu",), ("non-cat", "cat"), image_shape=(2, 2, 3))
    >>> save_model(model, "model.safetensors")
    """
    path = path_of(path, "the path of the model file")
    if not isinstance(model, Model):
        raise DTypeError(f"the model is a {type(model).__name__}; a Model would be right")
    _kind_for(path).write(path, describe(model, path), to_host(model.parameters))


def check_savable(model: Model, path: str | Path) -> None:
    """Say before training that a model of this form cannot be saved.

    Parameters
    ----------
    model : Model
        With parameters of the right shapes and dtype on the host; their values play no part.
    path : str or Path
        Where it is to be saved.

    Raises
    ------
    OutputError
        If its description, or the list of its arrays, is too long for the file.
    """
    _kind_for(path).check(path, describe(model, path), model.parameters)


def save_model_somewhere(model: Model, path: str | Path) -> None:
    """Write a model to a file or, lest it be lost, into a private folder for temporary files.

    Parameters
    ----------
    model : Model
        With parameters on any device.
    path : str or Path
        Where it should be.

    Raises
    ------
    UnsavedError
        If it could not be written to `path`; the message says where it is.
    """
    write_somewhere(path, partial(save_model, model), "the model")


def load_model(path: str | Path, device: Device | str = "cpu") -> Model:
    """Read a model from a file.

    Parameters
    ----------
    path : str or Path
        A file that `save_model` wrote, on any machine; which of the two kinds it is, its name or
        its first bytes tell.
    device : Device or str
        Where to put the parameters.

    Returns
    -------
    Model

    Raises
    ------
    DataError
        If the file is not a model, is from a newer version, is damaged, or holds arrays that are
        not a network; or there is no memory for it.
    DeviceError
        If the device cannot be used.

    Examples
    --------
    >>> from portable_dnn import initialize_parameters_deep, load_model, save_model
    >>> from portable_dnn.models.model import Model
    >>> parameters = initialize_parameters_deep([12, 3, 1])
    >>> model = Model(parameters, ("relu",), ("non-cat", "cat"), image_shape=(2, 2, 3))
    >>> save_model(model, "model.h5")
    >>> loaded = load_model("model.h5", "cpu")
    >>> loaded.layer_dims, loaded.class_names
    ((12, 3, 1), ('non-cat', 'cat'))
    """
    path = existing_file(path, "a model file")
    target = device if isinstance(device, Device) else choose_device(device)
    kind = store_safetensors if _has_suffix(path) or _has_header(path) else store_hdf5
    described, parameters = kind.read(path)
    if not holding_of(target).shares_host:
        check_fits(
            sum(array.nbytes for array in parameters.values()),
            f"on {target}, the parameters of {path} make",
            target.backend.free_memory(target.name),
        )
    return put_together(described, place(parameters, target))


def _kind_for(path: str | Path) -> ModuleType:
    """Choose the kind of file by its name."""
    return store_safetensors if _has_suffix(Path(path)) else store_hdf5


def _has_suffix(path: Path) -> bool:
    """Whether a file's name says that it is safetensors."""
    return path.suffix.lower() == store_safetensors.SUFFIX


def _has_header(path: Path) -> bool:
    """Whether a file's content begins as safetensors does: a length in 8 bytes, then JSON."""
    try:
        with path.open("rb") as file:
            return file.read(9)[8:] == b"{"
    except OSError:
        return False  # the reader will say why
