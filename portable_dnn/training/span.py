"""Exact compression of a wide input: training layer 1 in the span of the samples.

Gradient descent changes W1 by −(α/m) dZ1 Xᵀ, so after any number of steps W1 = W1₀ + C Xᵀ with
coefficients C of shape (n_1, m), and b1 = b1₀ + the row sums of C. Of X the network needs only
Z1 = W1 X + b1, and a step changes that by −(α/m) dZ1 K, with K = Xᵀ X + 1 1ᵀ (the ones are b1's
part). With m samples of n features, m < n, one (n_1, m)(m, m) product replaces two with n:

    Z1 ← Z1 − (α/m) dZ1 K        C ← C − (α/m) dZ1

The numbers are those of the plain step up to rounding. The idea is old for linear models with more
features than samples (Hastie & Tibshirani 2004, *Efficient quadratic regularization for expression
arrays*). It holds for every rule that is linear in gradient and parameters with the same
coefficients for all elements of W1 (gradient descent, momentum), and not for Adam. As b1 is treated
like W1 here, a rule that decays W1 alone needs b1 apart from Z1 and K without the ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import array_api_compat

from portable_dnn.arrays.contract import Array, Arrays, Namespace, Parameters
from portable_dnn.network.norms import gradient_norm
from portable_dnn.network.pixels import PIXEL_SCALE, are_pixels
from portable_dnn.training.layer_forms import Entered

__all__ = ["BLOCK", "Span"]

BLOCK = 2048
"""Features a block: small beside X, large enough for a fast product."""


@dataclass(frozen=True)
class Span:
    """Layer 1 by Z1 and C1, with K in the place of X.

    Attributes
    ----------
    W, b : str
        The names of W and b of layer 1.
    Z, C : str
        The names of its arrays, Z1 (n_1, m) and C1 (n_1, m).
    """

    W: str = "W1"
    b: str = "b1"
    Z: str = "Z1"
    C: str = "C1"
    decayed = ()

    def enter(self, parameters: Parameters, inputs: Array, *, xp: Namespace) -> Entered:
        """Form K and Z1.

        K and W1 X are summed in float64 where the device has it, a block of features at a time, and
        rounded to the dtype of the parameters once. For pixels, 255² XᵀX is a sum of whole numbers
        below 2⁵³: exact in float64, the same bits on every library, in any order. The input is
        floating, or uint8 pixels, of which no floating copy is made.
        """
        X, W1, b1 = inputs, parameters[self.W], parameters[self.b]
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
        held = {self.Z: Z1, self.C: xp.zeros_like(Z1)}
        return Entered(held, xp.astype(K, W1.dtype, copy=False))

    def forward(
        self, parameters: Parameters, A: Array, ones: Array, xp: Namespace
    ) -> tuple[Array, Array]:
        """Return Z1, which is a parameter here, and K."""
        return parameters[self.Z], A

    def add_gradients(self, gradients: Arrays, dZ: Array, A: Array, ones: Array) -> None:
        """Put D K and D: a step changes Z1 by the one and C1 by the other."""
        gradients[self.Z], gradients[self.C] = dZ @ A, dZ

    def back(self, parameters: Parameters, dZ: Array) -> Array:
        """Refuse: X is not known here, and nothing comes before layer 1."""
        raise TypeError("layer 1 in the span of the samples has no derivative by its input")

    def norms(self, gradients: Parameters, ones: Array, *, xp: Namespace) -> tuple[Array, Array]:
        """Return the norms of D Xᵀ and of D's row sums d: Σ (D K) ∘ D is both squares."""
        D = gradients[self.C]
        d = D @ ones.T
        square = xp.sum(gradients[self.Z] * D) - xp.sum(d * d)
        return xp.sqrt(xp.maximum(square, 0.0)), gradient_norm(d, xp=xp)

    def leave(
        self, parameters: Parameters, start: Parameters, X: Array, *, xp: Namespace
    ) -> tuple[Array, Array]:
        """Return W1 = W1₀ + C Xᵀ and b1 = b1₀ + the row sums of C."""
        C1, W1, b1 = parameters[self.C], start[self.W], start[self.b]
        if are_pixels(X):
            parts = [C1 @ xp.astype(X[block, :], C1.dtype).T for block in _blocks(X.shape[0])]
            moved = xp.concat(parts, axis=1)
            moved /= PIXEL_SCALE
        else:
            moved = C1 @ X.T
        moved += W1  # in place where the library can, as above: W1 may be large
        return moved, b1 + xp.sum(C1, axis=1, keepdims=True)


def _blocks(n_x: int, *, whole: bool = False) -> Iterator[slice]:
    """Cut the features into blocks, of which a cast makes a copy; or into one."""
    size = n_x if whole else BLOCK
    for start in range(0, n_x, size):
        yield slice(start, min(start + size, n_x))


def _widest(array: Array, xp: Namespace) -> Any:
    """Return float64, or the dtype of an array on a device that has none wider."""
    device = array_api_compat.device(array)
    floats = xp.__array_namespace_info__().dtypes(device=device, kind="real floating")
    return floats.get("float64", array.dtype)
