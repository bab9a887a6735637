"""A step of training on a device, tried: the last rung of the doctor's ladder."""

from typing import Any

import numpy as np

from portable_dnn.arrays.contract import Backend, Check
from portable_dnn.arrays.devices import Device, place, to_host
from portable_dnn.errors import PortableDnnError
from portable_dnn.files.text import words
from portable_dnn.network.initializers import initialize_parameters_deep
from portable_dnn.training.train import train

__all__ = ["try_step"]

_NEAR = 1e-3  # float32 is far nearer; another function is not


def try_step(backend: Backend) -> Check:
    """Train a small network on a backend's first device, and hold it to NumPy's.

    Parameters
    ----------
    backend : Backend
        One whose own checks have not failed.

    Returns
    -------
    Check
        Named NAME-step.
    """
    name = f"{backend.name}-step"
    remedy = f"update the library, and try portable-dnn compare --backend {backend.name}"
    stream = np.random.RandomState(1)
    X, Y = stream.uniform(0, 1, (6, 4)).astype(np.float32), np.array([[0, 1, 1, 0]])
    start = initialize_parameters_deep([6, 3, 1], dtype="float32")
    settings: dict[str, Any] = {"hidden": "tanh", "learning_rate": 1.0, "num_iterations": 3}
    expected = train(X, Y, start, **settings).parameters
    try:
        device = Device(backend, backend.devices()[0])
        placed = place({"X": X, "Y": Y, **start}, device)
        X, Y = placed.pop("X"), placed.pop("Y")
        found = to_host(train(X, Y, placed, **settings).parameters)
    except PortableDnnError as error:
        return Check(name, "failed", f"a small training failed: {error}", remedy)
    except Exception as error:  # a library may raise anything
        return Check(name, "failed", f"a small training failed: {words(error)}", remedy)
    if all(np.allclose(found[key], expected[key], rtol=0, atol=_NEAR) for key in expected):
        return Check(name, "ok", "a small training gave NumPy's numbers")
    return Check(name, "failed", "a small training gave other numbers than NumPy's", remedy)
