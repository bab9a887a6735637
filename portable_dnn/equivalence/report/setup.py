"""What a comparison computes, as its report describes it."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.report.report import Setup
from portable_dnn.network.initializers import parameters_hash
from portable_dnn.training.settings import Settings

__all__ = ["setup_of"]


def setup_of(
    X: HostArray, Y: HostArray, settings: Settings, start: Mapping[str, HostArray], source: str
) -> Setup:
    """Describe a comparison before it is made.

    Parameters
    ----------
    X, Y : numpy.ndarray
        Data, as they were given.
    settings : Settings
        What decides the run.
    start : mapping of str to numpy.ndarray
        Start parameters.
    source : str
        Where the data came from, for people.

    Returns
    -------
    Setup
    """
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(settings).items()}
    dims = settings.layer_dims(X.shape[0])
    return Setup(
        data_source=source,
        data_sha256=_data_hash(X, Y),
        start_sha256=parameters_hash(start),
        layer_dims=dims,
        samples=X.shape[1],
        settings=plain,
    )


def _data_hash(X: HostArray, Y: HostArray) -> str:
    """Hash the data as they were given."""
    digest = hashlib.sha256()
    for array in (X, Y):
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{little.dtype.name} {little.shape} ".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()
