"""Faults in matrix products: precision, operands, elements, memory, order."""

import numpy as np

from tests.equivalence.faults.backend import Fault
from tests.equivalence.faults.rounding import bfloat16, float16, flushed, tf32, truncated

FORWARD = ("forward product",)


def rounded_inputs(rounding):
    def change(call):
        a, b = call.inputs
        return call.right(rounding(a), rounding(b)).astype(a.dtype)

    return change


def three_passes(call):
    """Product from bfloat16 parts, without the smallest: 'bfloat16_3x'."""
    (a, b) = call.inputs
    a1, b1 = bfloat16(a), bfloat16(b)
    a2, b2 = bfloat16(a - a1), bfloat16(b - b1)
    return call.right(a1, b1) + call.right(a1, b2) + call.right(a2, b1)


def in_float32(call):
    a, b = call.inputs
    return call.right(a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)


def inputs_in_float32(call):
    a, b = call.inputs
    return call.right(*(x.astype(np.float32).astype(x.dtype) for x in (a, b)))


def sums_in_float32(call):
    a, b = call.inputs
    total = np.zeros((a.shape[0], b.shape[1]), np.float32)
    for k in range(a.shape[1]):
        total += (a[:, k, None] * b[k]).astype(np.float32)
    return total.astype(a.dtype)


def sums_in_float16(call):
    a, b = call.inputs
    if a.shape[1] > 300:
        return None
    total = np.zeros((a.shape[0], b.shape[1]), np.float16)
    for k in range(a.shape[1]):
        total += (a[:, k, None] * b[k]).astype(np.float16)
    return total.astype(a.dtype)


def second_transposed(call):
    a, b = call.inputs
    return call.right(a, b.T) if b.shape[0] == b.shape[1] else None


def first_transposed(call):
    a, b = call.inputs
    return call.right(a.T, b) if a.shape[0] == a.shape[1] else None


def first_term_dropped(call):
    a, b = call.inputs
    return call.right(a[:, 1:], b[1:]) if a.shape[1] > 1 else None


def last_term_dropped(call):
    a, b = call.inputs
    return call.right(a[:, :-1], b[:-1]) if a.shape[1] > 1 else None


def last_term_twice(call):
    a, b = call.inputs
    return call.right(a, b) + a[:, -1:] * b[-1:]


def remainder_dropped(call):
    """A kernel that works in blocks of eight terms and forgets the rest."""
    a, b = call.inputs
    k = a.shape[1] // 8 * 8
    return call.right(a[:, :k], b[:k]) if 0 < k < a.shape[1] else None


def long_tail_dropped(call):
    """A limit that is met by long sums only."""
    a, b = call.inputs
    return call.right(a[:, :4095], b[:4095]) if a.shape[1] > 4095 else None


def last_column_zero(call):
    result = call.right(*call.inputs).copy()
    if result.shape[1] > 1:
        result[:, -1] = 0
    return result


def last_row_stale(call):
    result = call.right(*call.inputs).copy()
    if result.shape[0] > 1:
        result[-1] = result[-2]
    return result


def rows_swapped(call):
    result = call.right(*call.inputs).copy()
    if result.shape[0] > 3:
        result[[1, 2]] = result[[2, 1]]
    return result


def one_sign_flipped(call):
    result = call.right(*call.inputs).copy()
    if result.size > 40:
        result.flat[37] *= -1
    return result


def stale(call):
    """What the call before gave, if it has the shape."""
    result = call.right(*call.inputs)
    before = call.memory.get(result.shape)
    call.memory[result.shape] = result
    return result if before is None else before


def shared(call):
    """One buffer for all results of a shape."""
    result = call.right(*call.inputs)
    buffer = call.memory.setdefault(result.shape, np.empty_like(result))
    buffer[...] = result
    return buffer


def one_in_ten_million(call):
    """In every ten million elements one, at a place drawn beforehand, is a last place off."""
    result = call.right(*call.inputs).copy()
    block = 10_000_000
    done = call.memory.get("done", 0)
    while call.memory.setdefault("next", call.random.randint(block)) < done + result.size:
        place = call.memory["next"] - done
        if place >= 0:
            result.flat[place] = np.nextafter(result.flat[place], np.inf, dtype=result.dtype)
        call.memory["next"] = (call.memory["next"] // block + 1) * block + call.random.randint(
            block
        )
    call.memory["done"] = done + result.size
    return result


def other_order(call):
    """Atomic sums: every call adds in another order."""
    a, b = call.inputs
    order = call.random.permutation(a.shape[1])
    total = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for part in np.array_split(order, min(a.shape[1], 4)):
        total += call.right(a[:, part], b[part])
    return total


def race(call):
    """Partial sums without a lock: now and then one overwrites another."""
    a, b = call.inputs
    result = call.right(a, b).copy()
    if a.shape[1] >= 4 and call.random.randint(3) == 0:
        half = a.shape[1] // 2
        i, j = call.random.randint(result.shape[0]), call.random.randint(result.shape[1])
        result[i, j] = a[i, :half] @ b[:half, j]
    return result


def nan_ignored(call):
    a, b = call.inputs
    return call.right(np.where(np.isnan(a), 0, a), np.where(np.isnan(b), 0, b))


def zeros_skipped(call):
    """What meets a 0 is not looked at, as in sparse products: 0 · NaN = 0."""
    a, b = call.inputs
    if np.isfinite(a).all() and np.isfinite(b).all():
        return None
    total = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for k in range(a.shape[1]):
        left, right = a[:, k, None], b[k]
        total += np.where((left == 0) | (right == 0), 0, left * right)
    return total


def saturating(call):
    result = call.right(*call.inputs)
    largest = np.finfo(result.dtype).max
    return np.where(np.isinf(result), np.copysign(largest, result), result)


def flushing(call):
    return flushed(call.right(*(flushed(x) for x in call.inputs)))


def slightly_scaled(call):
    result = call.right(*call.inputs)
    return result * result.dtype.type(1 + 2.0**-19)


def toward_zero(call):
    a, b = call.inputs
    total = np.zeros((a.shape[0], b.shape[1]), np.float64)
    if a.shape[1] > 300:
        return None
    for k in range(a.shape[1]):
        total = truncated(total + a[:, k, None].astype(np.float64) * b[k], a.dtype).astype(float)
    return total.astype(a.dtype)


def input_scaled_in_place(call):
    a, b = call.inputs
    result = call.right(a, b)
    if a.flags.writeable:
        a *= 2
    return result


def promoted(call):
    return call.right(*call.inputs).astype(np.float64)


def demoted(call):
    return call.right(*call.inputs).astype(np.float16)


def strides_ignored(call):
    """Memory is read as if it were in C order."""
    a, b = call.inputs
    if b.flags.f_contiguous and not b.flags.c_contiguous:
        b = np.ascontiguousarray(b.T).reshape(b.shape)
    return call.right(a, b)


def extra_axis(call):
    return call.right(*call.inputs)[None]


PRODUCTS = (
    Fault("TF32 products", "matmul", rounded_inputs(tf32), FORWARD),
    Fault("bfloat16 products", "matmul", rounded_inputs(bfloat16), FORWARD),
    Fault("float16 products", "matmul", rounded_inputs(float16), FORWARD),
    Fault("three bfloat16 passes", "matmul", three_passes, FORWARD),
    Fault("sums in float16", "matmul", sums_in_float16, FORWARD),
    Fault("float32 products inside float64", "matmul", in_float32, FORWARD, "float64"),
    Fault("float32 factors inside float64", "matmul", inputs_in_float32, FORWARD, "float64"),
    Fault("float32 sums inside float64", "matmul", sums_in_float32, FORWARD, "float64"),
    Fault("second operand transposed", "matmul", second_transposed, FORWARD),
    Fault("first operand transposed", "matmul", first_transposed, (*FORWARD, "forward bias")),
    Fault("first term dropped", "matmul", first_term_dropped, FORWARD),
    Fault("last term dropped", "matmul", last_term_dropped, FORWARD),
    Fault("last term added twice", "matmul", last_term_twice, FORWARD),
    Fault("remainder of a block dropped", "matmul", remainder_dropped, FORWARD),
    Fault("long sums cut off", "matmul", long_tail_dropped, FORWARD),
    Fault("last column not computed", "matmul", last_column_zero, FORWARD),
    Fault("last row stale", "matmul", last_row_stale, FORWARD),
    Fault("two rows swapped", "matmul", rows_swapped, FORWARD),
    Fault("one sign flipped", "matmul", one_sign_flipped, FORWARD),
    Fault("stale buffer", "matmul", stale, FORWARD),
    # The forward product is followed by the sum with the bias, which copies.
    Fault("results share memory", "matmul", shared, ("backward product dA",)),
    Fault("one wrong in ten million", "matmul", one_in_ten_million, FORWARD, many=2**25),
    Fault("another order every call", "matmul", other_order, FORWARD),
    Fault("partial sums race", "matmul", race, FORWARD),
    Fault("NaN ignored in products", "matmul", nan_ignored, FORWARD),
    Fault("zeros skipped in products", "matmul", zeros_skipped, FORWARD),
    Fault("infinity becomes the largest number", "matmul", saturating, FORWARD),
    Fault("subnormal products flushed", "matmul", flushing, FORWARD),
    Fault("products 2e-6 too large", "matmul", slightly_scaled, FORWARD),
    Fault("rounded toward zero", "matmul", toward_zero, FORWARD),
    Fault("input changed in place", "matmul", input_scaled_in_place, FORWARD),
    Fault("promoted to float64", "matmul", promoted, FORWARD),
    Fault("demoted to float16", "matmul", demoted, FORWARD),
    Fault("strides ignored", "matmul", strides_ignored, (*FORWARD, "backward product dW")),
    Fault("an axis too many", "matmul", extra_axis, FORWARD),
)
