"""Exact compression of a wide input: training layer 1 in the span of the samples.

Gradient descent changes W1 by −(α/m) dZ1 Xᵀ, so after any number of steps W1 = W1₀ + C Xᵀ with
coefficients C of shape (n_1, m), and b1 = b1₀ + the row sums of C. Of X the network needs only
Z1 = W1 X + b1, and a step changes that by −(α/m) dZ1 K, with K = Xᵀ X + 1 1ᵀ (the ones are b1's
part). With m samples of n features, m < n, one (n_1, m)(m, m) product replaces two with n:

    Z1 ← Z1 − (α/m) dZ1 K        C ← C − (α/m) dZ1

The numbers are those of the plain step up to rounding. The idea is old for linear models with more
features than samples (Hastie & Tibshirani 2004, *Efficient quadratic regularization for expression
arrays*); it holds for every update that commutes with a rotation of the input (gradient descent,
momentum, L2), and not for Adam.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import array_api_compat

from portable_dnn.arrays.contract import Array, Namespace, Parameters
from portable_dnn.arrays.devices import Device
from portable_dnn.errors import SettingError
from portable_dnn.network.pixels import PIXEL_SCALE, are_pixels
from portable_dnn.setting_checks import check_choice
from portable_dnn.training.first_layer import FirstLayer, Held, Samples, ones_for
from portable_dnn.training.joined import join, split
from portable_dnn.training.norms import gradient_norm

__all__ = ["COMPRESS", "SPAN", "Work", "choose", "hold", "work"]

COMPRESS = ("auto", "on", "off")
_BLOCK = 2048  # features a block: small beside X, large enough for a fast product


def _forward(state: Parameters, samples: Samples, *, xp: Namespace) -> Array:
    """Z1 is part of the state; nothing is to be computed."""
    return state["Z1"]


def _moves(dZ1: Array, samples: Samples, *, xp: Namespace) -> dict[str, Array]:
    """What Z1 and C1 move by."""
    return {"Z1": dZ1 @ samples.X, "C1": dZ1}


def _norms(moves: Parameters, samples: Samples, *, xp: Namespace) -> dict[str, Array]:
    """How far W1 moves, by D Xᵀ, and b1, by the row sums d of D: Σ (D K) ∘ D is both squares."""
    D = moves["C1"]
    d = D @ samples.ones.T
    square = xp.sum(moves["Z1"] * D) - xp.sum(d * d)
    return {"W1": xp.sqrt(xp.maximum(square, 0.0)), "b1": gradient_norm(d, xp=xp)}


SPAN = FirstLayer(_forward, _moves, _norms)
"""Layer 1 held by Z1 and C1, with K in the place of X."""


def hold(X: Array, parameters: Parameters, *, xp: Namespace) -> Held:
    """Hold layer 1 in the span of the samples.

    K and W1 X are summed in float64 where the device has it, a block of features at a time, and
    rounded to the dtype of the parameters once. For pixels, 255² XᵀX is a sum of whole numbers
    below 2⁵³: exact in float64, the same bits on every library, in any order.

    Parameters
    ----------
    X : array
        Input, (n_x, m), floating, or uint8 pixels, of which no floating copy is made.
    parameters : mapping of str to array
        `W1, b1 … WL, bL`.
    xp : namespace
        The arrays' namespace.

    Returns
    -------
    Held
        With K, (m, m), as data, and `Z1` (n_1, m), `C1` (n_1, m) and the joined layers as state.
    """
    W1, b1 = parameters["W1"], parameters["b1"]
    device = array_api_compat.device(X)
    wide, m = _widest(W1, xp), X.shape[1]
    K = xp.zeros((m, m), dtype=wide, device=device)
    Z1 = xp.zeros((W1.shape[0], m), dtype=wide, device=device)
    for block in _blocks(X.shape[0], whole=X.dtype == wide):
        rows = xp.astype(X[block, :], wide, copy=False)
        K += rows.T @ rows  # in place where the library can: K may be large
        Z1 += xp.astype(W1[:, block], wide, copy=False) @ rows
    if are_pixels(X):
        K /= PIXEL_SCALE**2
        Z1 /= PIXEL_SCALE
    K += 1.0
    Z1 = xp.astype(Z1 + xp.astype(b1, wide, copy=False), W1.dtype, copy=False)
    return Held(
        SPAN,
        Samples(xp.astype(K, W1.dtype, copy=False), ones_for(Z1, xp=xp)),
        {"Z1": Z1, "C1": xp.zeros_like(Z1), **join(parameters, xp=xp)},
        partial(_leave, X, W1, b1, xp=xp),
    )


def _blocks(n_x: int, *, whole: bool = False) -> Iterator[slice]:
    """Cut the features into blocks, of which a cast makes a copy; or into one."""
    size = n_x if whole else _BLOCK
    for start in range(0, n_x, size):
        yield slice(start, min(start + size, n_x))


def _widest(array: Array, xp: Namespace) -> Any:
    """Return float64, or the dtype of an array on a device that has none wider."""
    device = array_api_compat.device(array)
    floats = xp.__array_namespace_info__().dtypes(device=device, kind="real floating")
    return floats.get("float64", array.dtype)


def _leave(X: Array, W1: Array, b1: Array, state: Parameters, *, xp: Namespace) -> dict[str, Array]:
    """Turn a state of the run back into `W1, b1 … WL, bL`."""
    C1 = state["C1"]
    if are_pixels(X):
        moved = [C1 @ xp.astype(X[block, :], C1.dtype).T for block in _blocks(X.shape[0])]
        W1 = W1 + xp.concat(moved, axis=1) / PIXEL_SCALE
    else:
        W1 = W1 + C1 @ X.T
    b1 = b1 + xp.sum(C1, axis=1, keepdims=True)
    return {"W1": W1, "b1": b1, **split(state)}


class Work(NamedTuple):
    """Floating-point operations in layer 1's products over a whole run.

    Attributes
    ----------
    plain, span : int
        With the weights, and in the span with the way in and out.
    """

    plain: int
    span: int


def work(n_x: int, m: int, n_1: int, num_iterations: int) -> Work:
    """Count the work of both ways, the cost model of `choose`.

    A product (a, b)(b, c) is 2 a b c operations. Plain, a step makes two of n_1 · n_x · m; in the
    span one of n_1 · m². The way in is m² · n_x for K (symmetric: half of it is computed) and
    n_1 · n_x · m for Z1, the way out n_1 · n_x · m.

    Parameters
    ----------
    n_x, m, n_1 : int
        Features, samples, units in layer 1.
    num_iterations : int
        Steps.

    Returns
    -------
    Work
    """
    wide = 2 * n_1 * n_x * m
    return Work(2 * num_iterations * wide, 2 * num_iterations * n_1 * m**2 + m**2 * n_x + 2 * wide)


def choose(
    compress: str,
    X: Array,
    parameters: Parameters,
    num_iterations: int,
    device: Device,
) -> bool:
    """Decide whether to train in the span.

    Parameters
    ----------
    compress : {"auto", "on", "off"}
        "auto" takes the span where there are fewer samples than features, the run is long enough
        for it to be less work, and there is memory for it.
    X, parameters
        As for `hold`.
    num_iterations : int
        Length of the run.
    device : Device
        Where X lies.

    Returns
    -------
    bool

    Raises
    ------
    SettingError
        If `compress` is something else, or is "on" and there is no memory for K.
    """
    if check_choice(compress, COMPRESS, "compression") == "off":
        return False
    n_x, m = X.shape
    needed = 2 * 8 * m * m  # K and the product that is added to it, in float64
    free = device.backend.free_memory(device.name)
    fits = free is None or needed <= free
    if compress == "on":
        if not fits:
            raise SettingError(
                f"compression needs {needed / 2**30:.1f} GiB for the products of {m} samples with "
                f"each other, but only {(free or 0) / 2**30:.1f} GiB are free; use compress 'auto'"
            )
        return True
    counted = work(n_x, m, parameters["W1"].shape[0], num_iterations)
    return m < n_x and counted.span < counted.plain and fits
