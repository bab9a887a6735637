"""Faults in copies to and from the device, and in compiled steps."""

import numpy as np

from tests.equivalence.faults.backend import Fault
from tests.equivalence.faults.rounding import bfloat16, flushed

COPY = ("copy to the device and back",)
STEP = ("compiled step, plain", "compiled step, in the span")
LATE = ("late step, plain", "late step, in the span")
STRETCH = ("stretch of steps, plain", "stretch of steps, in the span")
SECOND = ("second compiled step, plain", "second compiled step, in the span")


def _floats(x):
    return x.dtype.kind == "f"


def through_float32(x):
    return x.astype(np.float32).astype(x.dtype) if _floats(x) else x


def through_bfloat16(x):
    return bfloat16(x) if _floats(x) else x


def flushing(x):
    return flushed(x) if _floats(x) else x


def without_nan(x):
    return np.nan_to_num(x, nan=0.0, posinf=np.inf, neginf=-np.inf) if _floats(x) else x


def strides_ignored(x):
    if x.ndim == 2 and not x.flags.c_contiguous:
        return np.lib.stride_tricks.as_strided(x, x.shape, (x.itemsize, x.itemsize))
    return x


def sign_of_zero_lost(x):
    return np.where(x == 0, np.zeros_like(x), x) if _floats(x) else x


def not_ready(array, plain, memory):
    """The first copy of a result comes before its last eighth is computed."""
    if memory.get("last") is array or plain.size < 8:
        return plain
    memory["last"] = array
    early = plain.copy()
    early.reshape(-1)[-(plain.size // 8) :] = 0
    return early


def last_element_lost(array, plain, memory):
    copy = plain.copy()
    if copy.size > 1:
        copy.reshape(-1)[-1] = 0
    return copy


def twice(step):
    def run(state, batch, row):
        return step(step(state, batch, row), batch, row)

    return run


def remembered(step):
    """A graph that was captured once, and gives what it gave then."""
    first = []

    def run(state, batch, row):
        if not first:
            first.append(step(state, batch, row))
        return first[0]

    return run


def without_update(step):
    def run(state, batch, row):
        step(state, batch, row)
        return state

    return run


def labels_turned(step):
    def run(state, batch, row):
        return step(state, batch._replace(targets=1.0 - batch.targets), row)

    return run


def _changed(state, **parameters):
    return state._replace(parameters={**state.parameters, **parameters})


def last_layer_forgotten(step):
    def run(state, batch, row):
        after = step(state, batch, row)
        last = list(state.parameters)[-2]
        return _changed(after, **{last: state.parameters[last]})

    return run


def cost_of_the_end(measure):
    """The cost is that after an update instead of before."""

    def run(state, batch):
        bound = measure.func
        return measure(bound.step(state, batch, {}, xp=measure.xp), batch)

    return run


def in_lower_precision(step):
    def run(state, batch, row):
        after = step(state, batch, row)
        halves = {k: v.astype(np.float16).astype(v.dtype) for k, v in after.parameters.items()}
        return _changed(after, **halves)

    return run


def without_update_later(step):
    """A graph that is captured after two calls, and then gives back what it was given."""
    calls = []

    def run(state, batch, row):
        calls.append(1)
        after = step(state, batch, row)
        return state if len(calls) > 2 else after

    return run


def drifting_later(step):
    """A step that is compiled again when it is found to be called often."""
    calls = []

    def run(state, batch, row):
        calls.append(1)
        after = step(state, batch, row)
        if len(calls) >= 10:
            last, array = list(after.parameters.items())[-1]
            after = _changed(after, **{last: array * array.dtype.type(1.001)})
        return after

    return run


def _taken(times):
    """Another number of steps, where several are asked for."""

    def changed(repeated):
        def run(state, batch, rows, asked):
            return repeated(state, batch, rows, times(asked) if asked > 1 else 1)

        return run

    return changed


def first_stretch_replayed(repeated):
    """A graph of several steps that was captured once, and gives what it gave then."""
    first = []

    def run(state, batch, rows, times):
        if times == 1:
            return repeated(state, batch, rows, 1)
        if not first:
            first.append(repeated(state, batch, rows, times))
        return first[0]

    return run


MOVING = (
    Fault("copied before it is ready", "to_host", not_ready, COPY),
    Fault("last element lost on the way back", "to_host", last_element_lost, COPY),
    Fault("float64 copied through float32", "from_host", through_float32, COPY, "float64"),
    Fault("float32 copied through bfloat16", "from_host", through_bfloat16, COPY),
    Fault("subnormal numbers flushed in copies", "from_host", flushing, COPY),
    Fault("NaN copied as 0", "from_host", without_nan, COPY),
    Fault("strides ignored in copies", "from_host", strides_ignored, COPY),
    Fault("−0 copied as 0", "from_host", sign_of_zero_lost, COPY),
    Fault("compiled step updates twice", "compile", twice, STEP),
    Fault("compiled step replays the first call", "compile", remembered, STEP),
    Fault("compiled step does not update", "compile", without_update, STEP),
    Fault("compiled step turns labels round", "compile", labels_turned, STEP),
    Fault("compiled step forgets the last layer", "compile", last_layer_forgotten, STEP),
    Fault("compiled step measures too late", "measure", cost_of_the_end, SECOND),
    Fault("compiled step ends in float16", "compile", in_lower_precision, STEP),
    Fault("compiled step stops updating at its third call", "compile", without_update_later, LATE),
    Fault("compiled step drifts from its tenth call on", "compile", drifting_later, LATE),
    Fault("a stretch one step short", "stretch", _taken(lambda asked: asked - 1), STRETCH),
    Fault("a stretch one step too many", "stretch", _taken(lambda asked: asked + 1), STRETCH),
    Fault("a stretch of at most eight steps", "stretch", _taken(lambda n: min(n, 8)), STRETCH),
    Fault("a stretch replays the first one", "stretch", first_stretch_replayed, STRETCH),
)
