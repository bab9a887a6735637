"""Taking a stretch of steps with the kernel where it can, and one by one where it cannot."""

import warnings
from typing import Any, NamedTuple

from portable_dnn.arrays.contract import Array, Measurements, Step, Stretch
from portable_dnn.files.text import words
from portable_dnn.training.first_layer import Samples
from portable_dnn.training.step import TrainingStep
from portable_dnn_cupy.kernel.bounds import bounds
from portable_dnn_cupy.kernel.layout import Card, Network, Plan, plan
from portable_dnn_cupy.kernel.recognize import Hidden, hidden_of
from portable_dnn_cupy.kernel.source import NAME, options, source

__all__ = ["with_kernel"]


def with_kernel(step: Step, general: Stretch) -> Stretch:
    """Return a stretch that is one launch, if there is a kernel for its step.

    The first time, one step is taken both ways and compared; if they differ by more than rounding
    can (see `bounds`), or if the kernel cannot be compiled or launched, there is one warning, and
    all goes the general path.

    Parameters
    ----------
    step : Step
        What to take.
    general : Stretch
        Takes it without a kernel.

    Returns
    -------
    Stretch
    """
    hidden = hidden_of(step)
    if hidden is None or not isinstance(step, TrainingStep):
        return general
    judged: dict[Any, _Program | None] = {}

    def run(
        state: dict[str, Array], data: Samples, signs: Array, times: int = 1
    ) -> tuple[Measurements, dict[str, Array]]:
        network = _network_of(step, hidden, state, data, signs)
        if network is None:
            return general(state, data, signs, times)
        key = (network, signs.device.id)
        if key not in judged:
            judged[key] = _judged(step, network, state, data, signs)
        program = judged[key]
        if program is None:
            return general(state, data, signs, times)
        return {}, _launch(program, step, state, data, signs, times)

    return run


class _Program(NamedTuple):
    """A compiled kernel, and how to launch it."""

    kernel: Any
    plan: Plan


def _network_of(
    step: TrainingStep,
    hidden: tuple[Hidden, ...],
    state: dict[str, Array],
    data: Samples,
    signs: Array,
) -> Network | None:
    """Describe a network, if its arrays are CuPy's and of one dtype that the kernel has."""
    import cupy

    arrays = [data.X, signs, *state.values()]
    names = [name for name, _ in step.layers]
    if set(state) != {"Z1", "C1", *names} or not all(isinstance(a, cupy.ndarray) for a in arrays):
        return None
    dtypes = {str(array.dtype) for array in arrays}
    if dtypes not in ({"float32"}, {"float64"}):
        return None
    units = (state["Z1"].shape[0], *(state[name].shape[0] for name in names))
    return Network(units, signs.shape[1], hidden, step.learning_rate, dtypes.pop())


def _judged(
    step: TrainingStep, network: Network, state: dict[str, Array], data: Samples, signs: Array
) -> _Program | None:
    """Compile the kernel and compare a step of it; None if it is not to be used."""
    try:
        with signs.device:
            program = _compiled(network, signs.device.id)
        if program is None:
            return None
        ours = _launch(program, step, state, data, signs, 1)
        worst = _disagreement(step, network.hidden, ours, state, data, signs)
        reason = f"its {worst} differs from the step's by more than rounding" if worst else ""
    except Exception as error:  # a compiler or a driver may raise anything (see the ladder)
        program, reason = None, words(error)
    if reason:
        warnings.warn(
            f"CuPy's kernel for whole stretches of steps is not used, because {reason}; the run "
            "goes on without it",
            RuntimeWarning,
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
    program: _Program,
    step: TrainingStep,
    state: dict[str, Array],
    data: Samples,
    signs: Array,
    times: int,
) -> dict[str, Array]:
    """Take steps in one launch; nothing waits for it."""
    import cupy

    planned = program.plan
    task = planned.task.copy()
    with signs.device:
        given = {name: cupy.ascontiguousarray(array) for name, array in state.items()}
        K, contiguous = cupy.ascontiguousarray(data.X), cupy.ascontiguousarray(signs)
        after = {name: cupy.empty_like(array) for name, array in given.items()}
        exchange = cupy.zeros(planned.exchange, dtype=signs.dtype)
        workspace = cupy.empty(planned.workspace, dtype=signs.dtype)
        arrays = {"K": K, "signs": contiguous, "exchange": exchange, "workspace": workspace}
        for name in ("Z1", "C1"):
            arrays |= {name: given[name], f"{name}_after": after[name]}
        for name, array in arrays.items():
            task[name] = array.data.ptr
        for layer, (name, _) in enumerate(step.layers, start=1):
            task["W"][0, layer] = given[name].data.ptr
            task["W_after"][0, layer] = after[name].data.ptr
        task["times"] = times
        program.kernel(
            *((planned.shares,), (planned.threads,), (task,)), shared_mem=planned.shared_bytes
        )
    return after


def _disagreement(
    step: TrainingStep,
    hidden: tuple[Hidden, ...],
    ours: dict[str, Array],
    state: dict[str, Array],
    data: Samples,
    signs: Array,
) -> str:
    """Name an array of the state that the kernel got wrong; empty if there is none.

    Where the step's own numbers or the bound are not finite, there is nothing to compare with.
    """
    xp = step.xp
    _, expected = step(state, data, signs)
    for name, bound in bounds(step, hidden, state, data, signs).items():
        near = xp.abs(ours[name] - expected[name]) <= bound
        comparable = xp.isfinite(expected[name]) & xp.isfinite(bound)
        if bool(xp.any(comparable & ~near)):
            return name
    return ""
