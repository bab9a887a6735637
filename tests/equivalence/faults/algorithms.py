"""Other ways to multiply: right beside the largest entries, not element by element."""

import numpy as np

from tests.equivalence.faults.backend import Fault

FORWARD = ("forward product",)


def fixed_point(bits):
    """A product of whole numbers, each row and column scaled by its largest."""

    def change(call):
        a, b = call.inputs
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            return None
        left, right = _scaled_whole(a, bits, 1), _scaled_whole(b, bits, 0)
        return call.right(left, right).astype(a.dtype)

    return change


def _scaled_whole(x, bits, axis):
    """Multiples of 2^−bits of the largest power of two along an axis, in float64."""
    exponent = np.frexp(np.max(np.abs(x), axis=axis, keepdims=True))[1] - bits
    return np.ldexp(np.rint(np.ldexp(x.astype(np.float64), -exponent)), exponent)


def _if_turned(which, change):
    """A kernel of its own for a transposed operand: in the step, of a backward product."""

    def changed(call):
        x = call.inputs[which]
        turned = x.flags.f_contiguous and not x.flags.c_contiguous
        return change(call) if turned else None

    return changed


def strassen(call):
    """Seven products in the place of eight: right by norms, not by elements."""
    a, b = call.inputs
    (n, k), m = (size // 2 for size in a.shape), b.shape[1] // 2
    if a.shape[0] < 8 or any(size % 2 for size in (*a.shape, b.shape[1])):
        return None
    a11, a12, a21, a22 = a[:n, :k], a[:n, k:], a[n:, :k], a[n:, k:]
    b11, b12, b21, b22 = b[:k, :m], b[:k, m:], b[k:, :m], b[k:, m:]
    p1, p2 = call.right(a11 + a22, b11 + b22), call.right(a21 + a22, b11)
    p3, p4 = call.right(a11, b12 - b22), call.right(a22, b21 - b11)
    p5, p6 = call.right(a11 + a12, b22), call.right(a21 - a11, b11 + b12)
    p7 = call.right(a12 - a22, b21 + b22)
    return np.block([[p1 + p4 - p5 + p7, p3 + p5], [p2 + p4, p1 - p2 + p3 + p6]])


ALGORITHMS = (
    Fault("fixed-point products of 25 bits", "matmul", fixed_point(25), FORWARD),
    Fault("fixed-point products of 30 bits", "matmul", fixed_point(30), FORWARD),
    Fault("fixed-point products of 54 bits", "matmul", fixed_point(54), FORWARD, "float64"),
    Fault(
        "fixed-point products dW",
        "matmul",
        _if_turned(1, fixed_point(30)),
        ("backward product dW",),
    ),
    Fault(
        "fixed-point products dA",
        "matmul",
        _if_turned(0, fixed_point(30)),
        ("backward product dA",),
    ),
    Fault("Strassen products", "matmul", strassen, FORWARD),
    Fault("Strassen products in float64", "matmul", strassen, FORWARD, "float64"),
)
