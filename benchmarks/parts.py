"""The calls of one compressed step on NumPy, one by one: where its time goes."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import array_api_compat.numpy as xp
import numpy as np

from portable_dnn.network.activations import relu, relu_backward

__all__ = ["PARTS", "calls"]

PARTS = (
    "the products of the small layers",
    "activations and their derivatives",
    "rows of ones",
    "the derivative of the cost",
    "updates",
)
SIZES = (20, 7, 5, 1)
SAMPLES = 209


def calls(dtype: str) -> dict[str, list[Callable[[], object]]]:
    """List the calls of a step, by part, without its largest product.

    Parameters
    ----------
    dtype : {"float64", "float32"}
        What they compute in.

    Returns
    -------
    dict of str to list of callable
    """
    random = np.random.default_rng(2)
    ones, half = np.ones((1, SAMPLES), dtype), np.asarray(0.5, dtype)
    found: dict[str, list[Callable[[], object]]] = {part: [] for part in PARTS}
    products, activations, rows, cost, updates = (found[part] for part in PARTS)

    def draw(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(dtype)

    for above, below in pairwise(SIZES):
        Z, dZ, Wb = draw(above, SAMPLES), draw(below, SAMPLES), draw(below, above + 1)
        A = np.concatenate((Z, ones))
        products += [
            partial(np.matmul, Wb, A),
            partial(np.matmul, dZ, A.T),
            partial(np.matmul, Wb[:, :-1].T, dZ),
        ]
        activations += [partial(relu, Z, xp=xp), partial(relu_backward, Z, Z, xp=xp)]
        rows.append(partial(np.concatenate, (Z, ones)))
        updates.append(partial(np.add, Wb, Wb, out=Wb.copy()))
    z = draw(1, SAMPLES)
    cost += [
        partial(np.multiply, z, half),
        partial(np.tanh, z),
        partial(np.add, z, z),
        partial(np.multiply, z, half),
    ]
    Z1 = draw(SIZES[0], SAMPLES)
    updates += [partial(np.add, Z1, Z1, out=Z1.copy())] * 2  # of Z1 and of C1
    return found
