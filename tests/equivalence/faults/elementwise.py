"""Faults in elementwise arithmetic, branches and functions."""

import numpy as np

from tests.equivalence.faults.backend import Fault
from tests.equivalence.faults.rounding import bfloat16, float16, flushed

BIAS = ("forward bias",)
UPDATE = ("update",)
RELU = ("activation (relu)",)
RELU_BACK = ("activation backward (relu)",)
LEAKY = ("activation (leaky_relu)",)
LEAKY_BACK = ("activation backward (leaky_relu)",)
SIGMOID = ("activation (sigmoid)",)
TANH = ("activation (tanh)",)
LOGITS = ("cost from logits",)
PROBABILITIES = ("cost from probabilities",)
RATE = 0.0075


def _bias(call):
    """The matrix and the column of Z + b, or None."""
    a, b = call.inputs
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)) or a.ndim != 2:
        return None
    return (a, b) if b.shape == (a.shape[0], 1) and a.shape != b.shape else None


def biased(change):
    def changed(call):
        found = _bias(call)
        return None if found is None else change(call, *found)

    return changed


def first_column_only(call, a, b):
    result = a.copy()
    result[:, :1] += b
    return result


def twice(call, a, b):
    return a + b + b


def subtracted(call, a, b):
    return a - b


def left_out(call, a, b):
    return a.copy()


def in_float16(call, a, b):
    return a + float16(b)


def first_of_all(call, a, b):
    return a + b[:1]


def flushing_sum(call):
    a, b = (flushed(x) if isinstance(x, np.ndarray) else x for x in call.inputs)
    return flushed(np.asarray(call.right(a, b)))


def nan_swallowed(call):
    return np.fmax(*call.inputs)


def capped(call):
    return np.minimum(call.right(*call.inputs), np.float32(6))


def leaking(call):
    a, b = call.inputs
    return np.maximum(a, np.asarray(a).dtype.type(1e-3) * a) if np.ndim(b) == 0 else None


def at_zero(call):
    return np.greater_equal(*call.inputs)


def always(call):
    return np.ones(np.shape(call.inputs[0]), bool)


def subnormal_is_zero(call):
    a, b = call.inputs
    return call.right(flushed(a), b) if isinstance(a, np.ndarray) else None


def branches_swapped(call):
    condition, x, y = call.inputs
    return np.where(~condition, x, y)


def shifted_gate(call):
    condition, x, y = call.inputs
    gate = np.ndim(condition) == 2 and np.ndim(y) == 0
    return np.where(np.roll(condition, 1, axis=-1), x, y) if gate else None


def minus_zero(call):
    result = np.asarray(call.right(*call.inputs))
    return np.where(result == 0, -np.zeros_like(result), result)


def _times(number, change):
    """A multiplication by a known Python number."""

    def changed(call):
        a, b = call.inputs
        for x, factor in ((a, b), (b, a)):
            if isinstance(factor, float) and factor == number:
                return change(x, factor)
        return None

    return changed


def _scaled(share):
    return lambda x, factor: x * (factor * share)


def sign_lost(call):
    return np.abs(call.right(*call.inputs)) if np.ndim(call.inputs[0]) == 2 else None


def difference_in_bfloat16(call):
    a, b = call.inputs
    same = isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.ndim == 2
    return call.right(bfloat16(a), b) if same and a.shape[0] > 1 else None


def fast_exp(call):
    """2 to the power of x log₂ e, the product rounded: what fast-math makes of exp."""
    x = call.inputs[0]
    return np.exp2(x * x.dtype.type(np.log2(np.e)))


def clamped_exp(call):
    x = call.inputs[0]
    return call.right(np.maximum(x, x.dtype.type(-60)))


def polynomial_exp(call):
    """An error of some 100 ulps between table entries."""
    x = call.inputs[0]
    result = call.right(x)
    return result * (1 + 100 * np.finfo(x.dtype).eps * np.sin(50 * x).astype(x.dtype))


def coarse_tanh(call):
    """A rational approximation that is right to 1e-6."""
    x = call.inputs[0]
    result = call.right(x)
    return result * (1 + x.dtype.type(1e-6) * np.cos(3 * x)).astype(x.dtype)


def saturating_tanh(call):
    x = call.inputs[0]
    return np.where(np.abs(x) > 4, np.sign(x), call.right(x)).astype(x.dtype)


def naive_log1p(call):
    x = call.inputs[0]
    return np.log(1 + x)


def log2(call):
    return np.log2(call.inputs[0])


def coarse_log(call):
    x = call.inputs[0]
    return np.log(bfloat16(x))


def slightly_wrong_log(call):
    """Five times what the libraries document, and more."""
    result = np.asarray(call.right(*call.inputs))
    return result * result.dtype.type(1 + 20 * np.finfo(result.dtype).eps)


def zero_added(call):
    """A sum that begins at +0: −0 is lost."""
    return call.right(*call.inputs) + 0.0


def reciprocal(call):
    """A reciprocal of twelve bits without its Newton step."""
    a, b = call.inputs
    if not isinstance(b, np.ndarray) or b.ndim != 2 or b.size == 1:
        return None
    return a * float16(1 / b)


def nearly_divided(call):
    a, b = call.inputs
    result = np.asarray(call.right(a, b))
    wide = isinstance(b, np.ndarray) and b.ndim == 2
    return result * result.dtype.type(1 + 20 * np.finfo(result.dtype).eps) if wide else None


SLOPES = {"settings": {"hidden": ("leaky_relu",)}}

ELEMENTWISE = (
    Fault("bias added to the first sample only", "add", biased(first_column_only), BIAS),
    Fault("bias added twice", "add", biased(twice), BIAS),
    Fault("bias subtracted", "add", biased(subtracted), BIAS),
    Fault("bias left out", "add", biased(left_out), BIAS),
    Fault("bias in float16", "add", biased(in_float16), BIAS),
    Fault("the first unit's bias for all", "add", biased(first_of_all), BIAS),
    # The forward product is seen through the sum with a bias of 0.
    Fault("subnormal sums flushed", "add", flushing_sum, ("forward product", *BIAS)),
    Fault("NaN swallowed by maximum", "maximum", nan_swallowed, RELU),
    Fault("ReLU capped at 6", "maximum", capped, RELU),
    Fault("ReLU leaks", "maximum", leaking, RELU),
    Fault("the derivative of ReLU is 1 at 0", "greater", at_zero, RELU_BACK),
    Fault("ReLU passes every derivative", "greater", always, (*RELU_BACK, *LEAKY)),
    Fault("a subnormal Z counts as 0", "greater", subnormal_is_zero, (*RELU_BACK, *LEAKY)),
    Fault("branches swapped", "where", branches_swapped, (*SIGMOID, *RELU_BACK, *LEAKY)),
    Fault("gate of the neighbouring sample", "where", shifted_gate, RELU_BACK),
    Fault("−0 where a difference is 0", "subtract", minus_zero, ("cost gradient",)),
    Fault("leaky slope 1 % off", "multiply", _times(0.01, _scaled(1.01)), LEAKY),
    Fault(
        "leaky slope in float16",
        "multiply",
        _times(0.01, lambda x, factor: x * x.dtype.type(np.float16(factor))),
        LEAKY,
    ),
    Fault("update applied twice", "multiply", _times(RATE, _scaled(2.0)), UPDATE),
    Fault("update left out", "multiply", _times(RATE, _scaled(0.0)), UPDATE),
    Fault("update uphill", "multiply", _times(RATE, _scaled(-1.0)), UPDATE),
    Fault(
        "learning rate rounded to float32",
        "multiply",
        _times(RATE, lambda x, factor: x * x.dtype.type(np.float32(factor))),
        UPDATE,
        "float64",
    ),
    Fault(
        "learning rate rounded to float16",
        "multiply",
        _times(RATE, lambda x, factor: x * x.dtype.type(np.float16(factor))),
        UPDATE,
    ),
    Fault("parameters in bfloat16", "subtract", difference_in_bfloat16, UPDATE),
    Fault("sign of a difference lost", "subtract", sign_lost, (*LOGITS, "cost gradient")),
    Fault("fast-math exp", "exp", fast_exp, SIGMOID),
    Fault("fast-math exp in float64", "exp", fast_exp, SIGMOID, "float64"),
    Fault("exp clamped", "exp", clamped_exp, SIGMOID),
    Fault("exp 100 ulps off", "exp", polynomial_exp, SIGMOID),
    Fault("tanh right to 1e-6", "tanh", coarse_tanh, TANH),
    Fault("tanh right to 1e-6 in float64", "tanh", coarse_tanh, TANH, "float64"),
    Fault("tanh saturates too early", "tanh", saturating_tanh, TANH),
    Fault("log1p as log(1 + x)", "log1p", naive_log1p, LOGITS),
    Fault("log to the base 2", "log", log2, PROBABILITIES),
    Fault("log of bfloat16", "log", coarse_log, PROBABILITIES),
    Fault("log 20 ulps off", "log", slightly_wrong_log, PROBABILITIES),
    Fault("log 20 ulps off in float64", "log", slightly_wrong_log, PROBABILITIES, "float64"),
    Fault("−0 lost in a difference", "subtract", zero_added, ("cost gradient", *UPDATE)),
    Fault("division by a coarse reciprocal", "divide", reciprocal, SIGMOID),
    Fault("quotients 20 ulps off", "divide", nearly_divided, SIGMOID),
)
