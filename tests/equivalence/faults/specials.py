"""Faults of NaN, infinity, −0, subnormal numbers and strides, outside products and sums."""

import numpy as np

from tests.equivalence.faults.backend import Fault
from tests.equivalence.faults.elementwise import (
    BIAS,
    LEAKY,
    LOGITS,
    PROBABILITIES,
    RELU,
    RELU_BACK,
    SIGMOID,
    TANH,
    UPDATE,
    biased,
    zero_added,
)
from tests.equivalence.faults.memory import as_if_contiguous
from tests.equivalence.faults.rounding import flushed

NAN_DIFFERENCE = (*PROBABILITIES, "cost gradient", *UPDATE)


def nan_is_zero(call, a, b):
    """Only where a bias is added: with a bias of 0 it would be blamed on the product."""
    result = call.right(a, b)
    return np.where(np.isnan(result), result.dtype.type(0), result) if b.any() else None


def infinity_clipped(call, a, b):
    result = call.right(a, b)
    largest = np.finfo(result.dtype).max
    return np.clip(result, -largest, largest) if b.any() else None


def strided_bias(call, a, b):
    return call.right(as_if_contiguous(a), as_if_contiguous(b))


def strides_ignored(call):
    """The memory of every operand is read as if it were in C order."""
    return call.right(*(as_if_contiguous(x) if np.ndim(x) == 2 else x for x in call.inputs))


def subnormal_log(call):
    return np.log(flushed(call.inputs[0]))


def log1p_of_tiny(call):
    """What does not move 1 is taken for 0."""
    x = call.inputs[0]
    return np.where(x < 1e-7, np.zeros_like(x), call.right(x))


def flushed_result(call):
    return flushed(np.asarray(call.right(*call.inputs)))


def nan_swallowed(call):
    result = np.asarray(call.right(*call.inputs))
    return np.where(np.isnan(result), result.dtype.type(0), result)


def skipped_if_infinite(call):
    """What loss scaling does: no update where a gradient is not finite."""
    a, b = call.inputs
    both = isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.ndim == 2
    return a.copy() if both and not np.isfinite(b).all() else None


def below_zero_minus_zero(call):
    """A branch on the sign, and the sign kept: max(z, 0) as z · 0."""
    a, b = call.inputs
    result = np.asarray(call.right(a, b))
    return np.where(a < 0, -np.zeros_like(result), result) if np.ndim(b) == 0 else None


SPECIALS = (
    Fault("NaN taken for 0 where a bias is added", "add", biased(nan_is_zero), BIAS),
    Fault("infinity clipped where a bias is added", "add", biased(infinity_clipped), BIAS),
    Fault("strides ignored where a bias is added", "add", biased(strided_bias), BIAS),
    Fault("ReLU of negative numbers is −0", "maximum", below_zero_minus_zero, RELU),
    Fault("strides ignored by maximum", "maximum", strides_ignored, RELU),
    Fault("strides ignored by where", "where", strides_ignored, (*SIGMOID, *RELU_BACK, *LEAKY)),
    Fault("tanh loses −0", "tanh", zero_added, TANH),
    Fault("strides ignored by tanh", "tanh", strides_ignored, TANH),
    Fault("log1p of tiny numbers is 0", "log1p", log1p_of_tiny, LOGITS),
    Fault("log1p flushes", "log1p", flushed_result, LOGITS),
    Fault("log1p flushes in float64", "log1p", flushed_result, LOGITS, "float64"),
    Fault("log of subnormal numbers is −∞", "log", subnormal_log, PROBABILITIES),
    Fault("log of NaN is 0", "log", nan_swallowed, PROBABILITIES),
    Fault("NaN taken for 0 in differences", "subtract", nan_swallowed, NAN_DIFFERENCE),
    Fault("update left out where not finite", "subtract", skipped_if_infinite, UPDATE),
)
