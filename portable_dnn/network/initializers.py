"""Starting parameters, drawn on the host so that every backend starts from the same bits.

The numbers come from NumPy's legacy generator, whose stream is frozen (NEP 19), one stream over
all layers in order: `RandomState(1)` gives the course's published start.
"""

import hashlib
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.devices import to_host
from portable_dnn.arrays.shapes import check_layer_dims
from portable_dnn.errors import DTypeError, PortableDnnWarning, SettingError
from portable_dnn.network.randomness import random_stream
from portable_dnn.setting_checks import FLOATS, check_choice

__all__ = [
    "INITIALIZATIONS",
    "initialize_parameters",
    "initialize_parameters_deep",
    "parameters_hash",
]

INITIALIZATIONS: Mapping[str, Callable[[HostArray, int, int], HostArray]] = MappingProxyType(
    {
        # standard normal draws (n_out, n_in), n_in, n_out -> W, in their place
        "small": lambda draws, n_in, n_out: np.multiply(draws, 0.01, draws),
        # Divided, not multiplied by a reciprocal: the published costs were made so.
        "lecun": lambda draws, n_in, n_out: np.divide(draws, math.sqrt(n_in), draws),
        "xavier": lambda draws, n_in, n_out: np.multiply(
            draws, math.sqrt(2.0 / (n_in + n_out)), draws
        ),
        "he": lambda draws, n_in, n_out: np.multiply(draws, math.sqrt(2.0 / n_in), draws),
        "zeros": lambda draws, n_in, n_out: np.zeros_like(draws),
    }
)


def initialize_parameters(
    n_x: int, n_h: int, n_y: int, *, method: str = "small", seed: int = 1, dtype: str = "float64"
) -> dict[str, HostArray]:
    """Start a network with one hidden layer.

    Parameters
    ----------
    n_x, n_h, n_y : int
        Number of input features, hidden units and outputs.
    method, seed, dtype
        As for `initialize_parameters_deep`; "small" is the course's choice here.

    Returns
    -------
    dict of str to numpy.ndarray
        `W1` (n_h, n_x), `b1` (n_h, 1), `W2` (n_y, n_h), `b2` (n_y, 1).

    Raises
    ------
    SettingError
        As for `initialize_parameters_deep`.

    Examples
    --------
    >>> from portable_dnn import initialize_parameters
    >>> parameters = initialize_parameters(4, 3, 1)
    >>> {name: array.shape for name, array in parameters.items()}
    {'W1': (3, 4), 'b1': (3, 1), 'W2': (1, 3), 'b2': (1, 1)}
    """
    return initialize_parameters_deep((n_x, n_h, n_y), method=method, seed=seed, dtype=dtype)


def initialize_parameters_deep(
    layer_dims: Sequence[int],
    *,
    method: str = "lecun",
    seed: int = 1,
    dtype: str = "float64",
) -> dict[str, HostArray]:
    """Start a network of any depth.

    Parameters
    ----------
    layer_dims : sequence of int
        `n_0 … n_L`: input features, units of each hidden layer, outputs.
    method : str
        How wide the normal draws of `W` of shape (n_out, n_in) are: "small" (standard deviation
        0.01), "lecun" (variance 1 / n_in; LeCun et al. 1998), "xavier" (2 / (n_in + n_out);
        Glorot & Bengio 2010), "he" (2 / n_in; He et al. 2015), or "zeros", which warns.
    seed : int
        Seed of the stream, 0 … 2³² − 1.
    dtype : {"float64", "float32"}
        The draws are float64 and rounded to this.

    Returns
    -------
    dict of str to numpy.ndarray
        `W1, b1 … WL, bL`: W of shape (n_l, n_{l−1}), b zeros of shape (n_l, 1). On the host;
        `place` puts them on a device.

    Raises
    ------
    SettingError
        If a size is not a positive whole number, a layer does not fit into memory, or a method,
        seed or dtype is unknown.

    Warns
    -----
    PortableDnnWarning
        For "zeros": all units of a layer stay copies of each other.

    Examples
    --------
    >>> from portable_dnn import initialize_parameters_deep
    >>> parameters = initialize_parameters_deep([4, 3, 1])
    >>> list(parameters)
    ['W1', 'b1', 'W2', 'b2']
    >>> print(f"{parameters['W1'][0, 0]:.4f}")  # the stream's first number, over √4
    0.8122
    """
    dims = check_layer_dims(layer_dims)
    if check_choice(method, INITIALIZATIONS, "initialization") == "zeros":
        warnings.warn(
            "with zeros, all units of a layer compute the same and get the same gradient: they "
            "stay copies of each other however long you train; use lecun, xavier or he",
            PortableDnnWarning,
            stacklevel=2,
        )
    target = np.dtype(check_choice(dtype, FLOATS, "dtype"))
    stream = random_stream(seed)
    parameters: dict[str, HostArray] = {}
    for layer, (n_in, n_out) in enumerate(pairwise(dims), start=1):
        try:
            draws = stream.randn(n_out, n_in)
        except (MemoryError, ValueError) as error:  # a ValueError where no computer could
            raise SettingError(
                f"the {n_out} x {n_in} weights of layer {layer} do not fit into memory; smaller "
                "layers would be right"
            ) from error
        W = INITIALIZATIONS[method](draws, n_in, n_out)
        parameters[f"W{layer}"] = W.astype(target, copy=False)
        parameters[f"b{layer}"] = np.zeros((n_out, 1), dtype=target)
    return parameters


def parameters_hash(parameters: Mapping[str, Any]) -> str:
    """Fingerprint of a parameter dict, the same on every backend for the same bits.

    Parameters
    ----------
    parameters : mapping of str to array
        Arrays of any registered backend.

    Returns
    -------
    str
        SHA-256 in hexadecimal over names, dtypes, shapes and little-endian bytes, sorted by name.

    Raises
    ------
    DTypeError
        If something is no dict of arrays, or not of numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import parameters_hash
    >>> parameters = {"W1": np.ones((1, 2)), "b1": np.zeros((1, 1))}
    >>> parameters_hash(parameters)[:16]
    '7ab2da7742a726c4'
    >>> parameters_hash({**parameters, "b1": np.full((1, 1), 1e-300)})[:16]
    'ce9b8931688c9025'
    """
    if not isinstance(parameters, Mapping):
        kind = type(parameters).__name__
        raise DTypeError(f"the parameters are a {kind}; a dict of arrays would be right")
    digest = hashlib.sha256()
    for name, array in sorted(to_host(parameters).items()):
        if array.dtype.kind not in "biuf":
            raise DTypeError(f"{name} has dtype {array.dtype}; numbers would be right")
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(little).data)
    return digest.hexdigest()
