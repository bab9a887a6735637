"""Taking several steps with the kernel where it can, and one by one where it cannot."""

import warnings
from typing import Any, NamedTuple

from portable_dnn.arrays.contract import Array, Arrays, Function
from portable_dnn.errors import PortableDnnWarning
from portable_dnn.files.text import words
from portable_dnn.training.batches import Batch
from portable_dnn.training.step import State, TrainingStep
from portable_dnn_cupy.kernel.bounds import bounds
from portable_dnn_cupy.kernel.layout import Card, Network, Plan, plan
from portable_dnn_cupy.kernel.recognize import Hidden, hidden_of
from portable_dnn_cupy.kernel.source import NAME, options, source

__all__ = ["with_kernel"]

# At most, of a launch: a card that has a screen too ends one that takes seconds.
_STEPS = 1000


def with_kernel(function: Function) -> Function:
    """Return a function that is one launch, if there is a kernel for the step that it repeats.

    The first time, one step is taken both ways and compared; if they differ by more than rounding
    can (see `bounds`), or if the kernel cannot be compiled or launched, there is one warning, and
    all goes the general path.

    Parameters
    ----------
    function : Function
        Any; a repeated training step may have a kernel.

    Returns
    -------
    Function
    """
    hidden = hidden_of(function)
    if hidden is None:
        return function
    bound = function.step  # type: ignore[attr-defined]  # what `hidden_of` recognises has one
    step, xp = bound.func, bound.xp
    judged: dict[Any, _Program | None] = {}

    def run(state: State, batch: Batch, rows: Arrays, times: int) -> State:
        network = _network_of(step, hidden, state, batch)
        if network is None or rows:
            general: State = function(state, batch, rows, times)
            return general
        key = (network, batch.targets.device.id)
        if key not in judged:
            judged[key] = _judged(step, network, state, batch, xp)
        program = judged[key]
        if program is None:
            return State(*function(state, batch, rows, times))
        parameters = state.parameters
        for taken in range(0, times, _STEPS):
            now = min(_STEPS, times - taken)
            parameters = _launch(program, step, parameters, batch, now)
        return State(parameters, state.slots)

    return run


class _Program(NamedTuple):
    """A compiled kernel, and how to launch it."""

    kernel: Any
    plan: Plan


def _network_of(
    step: TrainingStep, hidden: tuple[Hidden, ...], state: State, batch: Batch
) -> Network | None:
    """Describe a network, if its arrays are CuPy's and of one dtype that the kernel has."""
    import cupy

    parameters, targets = state.parameters, batch.targets
    arrays = [batch.inputs, targets, *parameters.values()]
    names = [form.W for form in step.forms[1:]]
    if set(parameters) != {"Z1", "C1", *names} or batch.m != targets.shape[1]:
        return None
    if not all(isinstance(array, cupy.ndarray) for array in arrays):
        return None
    dtypes = {str(array.dtype) for array in arrays}
    if dtypes not in ({"float32"}, {"float64"}):
        return None
    units = (parameters["Z1"].shape[0], *(parameters[name].shape[0] for name in names))
    rate = -step.optimizer.gradient_scale
    return Network(units, targets.shape[1], hidden, rate, dtypes.pop())


def _judged(
    step: TrainingStep, network: Network, state: State, batch: Batch, xp: Any
) -> _Program | None:
    """Compile the kernel and compare a step of it; None if it is not to be used."""
    try:
        with batch.targets.device:
            program = _compiled(network, batch.targets.device.id)
        if program is None:
            return None
        ours = _launch(program, step, state.parameters, batch, 1)
        worst = _disagreement(step, network.hidden, ours, state, batch, xp)
        reason = f"its {worst} differs from the step's by more than rounding" if worst else ""
    except Exception as error:  # a compiler or a driver may raise anything (see the ladder)
        program, reason = None, words(error)
    if reason:
        warnings.warn(
            f"CuPy's kernel for whole stretches of steps is not used, because {reason}; the run "
            "goes on without it",
            PortableDnnWarning,
            stacklevel=2,
        )
    return None if reason else program


def _compiled(network: Network, device: int) -> _Program | None:
    """Compile the kernel for a card; None where the general path is faster."""
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(device)
    card = Card(properties["major"] >= 9, int(properties["sharedMemPerBlockOptin"]))
    planned = plan(network, card)
    if planned is None:
        return None
    module = cupy.RawModule(code=source(), options=options(planned, network.dtype))
    kernel = module.get_function(NAME)
    if planned.shared_bytes:
        kernel.max_dynamic_shared_size_bytes = planned.shared_bytes
    return _Program(kernel, planned)


def _launch(
    program: _Program, step: TrainingStep, parameters: Arrays, batch: Batch, times: int
) -> Arrays:
    """Take steps in one launch; nothing waits for it."""
    import cupy

    planned, signs = program.plan, batch.targets
    task = planned.task.copy()
    with signs.device:
        given = {name: cupy.ascontiguousarray(array) for name, array in parameters.items()}
        K, contiguous = cupy.ascontiguousarray(batch.inputs), cupy.ascontiguousarray(signs)
        after = {name: cupy.empty_like(array) for name, array in given.items()}
        exchange = cupy.zeros(planned.exchange, dtype=signs.dtype)
        workspace = cupy.empty(planned.workspace, dtype=signs.dtype)
        arrays = {"K": K, "signs": contiguous, "exchange": exchange, "workspace": workspace}
        for name in ("Z1", "C1"):
            arrays |= {name: given[name], f"{name}_after": after[name]}
        for name, array in arrays.items():
            task[name] = array.data.ptr
        for layer, form in enumerate(step.forms[1:], start=1):
            task["W"][0, layer] = given[form.W].data.ptr
            task["W_after"][0, layer] = after[form.W].data.ptr
        task["times"] = times
        program.kernel(
            *((planned.shares,), (planned.threads,), (task,)), shared_mem=planned.shared_bytes
        )
    return after


def _disagreement(
    step: TrainingStep,
    hidden: tuple[Hidden, ...],
    ours: dict[str, Array],
    state: State,
    batch: Batch,
    xp: Any,
) -> str:
    """Name an array of the parameters that the kernel got wrong; empty if there is none.

    Where the step's own numbers or the bound are not finite, there is nothing to compare with.
    """
    expected = step(state, batch, {}, xp=xp).parameters
    for name, bound in bounds(step, hidden, state.parameters, batch, xp).items():
        near = xp.abs(ours[name] - expected[name]) <= bound
        comparable = xp.isfinite(expected[name]) & xp.isfinite(bound)
        if bool(xp.any(comparable & ~near)):
            return name
    return ""
