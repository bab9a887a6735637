"""Faults in sums and means: the axis, the divisor, what is added."""

import numpy as np

from tests.equivalence.faults.backend import Fault
from tests.equivalence.faults.memory import as_if_contiguous
from tests.equivalence.faults.rounding import flushed

DB = ("backward sum db",)
DW = ("backward product dW",)
COSTS = ("cost from logits", "cost from probabilities")


def _rows(call):
    """Whether this is the sum over samples of a layer's dZ."""
    return call.kwargs.get("axis") == 1


def wrong_axis(call):
    x = call.inputs[0]
    if not _rows(call) or x.shape[1] < x.shape[0]:
        return None
    return np.add.reduce(x, axis=0)[: x.shape[0], None]


def last_sample_dropped(call):
    x = call.inputs[0]
    if not _rows(call) or x.shape[1] == 1:
        return None
    return call.right(x[:, :-1])


def sums_in_float16(call):
    x = call.inputs[0]
    if not _rows(call):
        return None
    total = np.zeros((x.shape[0], 1), np.float16)
    for k in range(x.shape[1]):
        total += x[:, k, None].astype(np.float16)
    return total.astype(x.dtype)


def sums_in_float32(call):
    x = call.inputs[0]
    return call.right(x.astype(np.float32)).astype(x.dtype) if _rows(call) else None


def race(call):
    x = call.inputs[0]
    result = call.right(x)
    if _rows(call) and x.shape[1] > 4 and call.random.randint(2):
        result = result - x[:, -2:].sum(axis=1, keepdims=True)
    return result


def every_sum_short(call):
    """The last element is never added, in the cost as well."""
    x = call.inputs[0]
    return call.right(x[..., :-1]) if x.shape and x.shape[-1] > 1 else None


def nan_left_out(call):
    """What is meant for missing values: nansum."""
    x = call.inputs[0]
    return call.right(np.where(np.isnan(x), x.dtype.type(0), x))


def subnormal_sums_flushed(call):
    return flushed(np.asarray(call.right(flushed(call.inputs[0]))))


def strides_ignored(call):
    return call.right(as_if_contiguous(call.inputs[0]))


def _number(x):
    return isinstance(x, int | float) and not isinstance(x, bool)


def _mean_of(test):
    """A division by the number of samples, of a dividend that passes a test."""

    def decorate(change):
        def changed(call):
            x, m = call.inputs
            counts = isinstance(m, int) and not isinstance(m, bool)
            return change(call, x, m) if counts and test(np.asarray(x)) else None

        return changed

    return decorate


_matrix = _mean_of(lambda x: x.ndim == 2 and x.shape[1] > 1)
_column = _mean_of(lambda x: x.ndim == 2 and x.shape[1] == 1 and x.shape[0] > 1)
_any = _mean_of(lambda x: True)


def _whole(call, x, m):
    return np.asarray(x)


def _one_less(call, x, m):
    return call.right(x, m - 1) if m > 1 else None


def _rounded(call, x, m):
    return call.right(x, np.asarray(m, np.float16).astype(x.dtype) * x.dtype.type(1.001))


SUMS = (
    Fault("bias sum over the wrong axis", "sum", wrong_axis, DB),
    Fault("last sample left out of the bias sum", "sum", last_sample_dropped, DB),
    Fault("bias sum in float16", "sum", sums_in_float16, DB),
    Fault("bias sum in float32 inside float64", "sum", sums_in_float32, DB, "float64"),
    Fault("bias sum races", "sum", race, DB),
    Fault("every sum misses its last term", "sum", every_sum_short, COSTS),
    Fault("NaN left out of sums", "sum", nan_left_out, (*COSTS, *DB)),
    Fault("subnormal numbers flushed in sums", "sum", subnormal_sums_flushed, DB),
    Fault("strides ignored in sums", "sum", strides_ignored, DB),
    Fault("1/m missing", "divide", _any(_whole), COSTS),
    Fault("1/m missing in dW", "divide", _matrix(_whole), DW),
    Fault("1/m missing in db", "divide", _column(_whole), DB),
    Fault("1/(m − 1) in dW", "divide", _matrix(_one_less), DW),
    Fault("1/(m − 1) in db", "divide", _column(_one_less), DB),
    Fault("m a thousandth off in dW", "divide", _matrix(_rounded), DW),
)
