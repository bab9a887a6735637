"""Both sides run the same operations on the same inputs, one operation at a time."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.devices import Device, place, to_host
from portable_dnn.equivalence.limits.accuracy import accuracy_of
from portable_dnn.equivalence.operations.operation import COPY, Inputs, Operation
from portable_dnn.equivalence.report.meaning import IN_REFERENCE
from portable_dnn.equivalence.report.report import TRAINING_DATA, Judgement
from portable_dnn.equivalence.stages.failures import REFERENCE, TESTED, during
from portable_dnn.equivalence.stages.free_run import Task
from portable_dnn.equivalence.stages.judge import Finding, judge, judgement
from portable_dnn.equivalence.stages.run_on_device import Ran, run_on
from portable_dnn.network.passes import L_model_backward, L_model_forward

__all__ = ["compare_operation", "reference_state"]


def reference_state(
    device: Device, task: Task, parameters: Mapping[str, HostArray]
) -> dict[str, HostArray]:
    """Compute all that a training step makes on its way, on the reference side.

    Parameters
    ----------
    device : Device
        The reference.
    task : Task
        Data and settings.
    parameters : mapping of str to numpy.ndarray
        `W1, b1 … WL, bL`.

    Returns
    -------
    dict of str to numpy.ndarray
        What `operations.step_operations` takes its inputs from.
    """
    X, Y, activations = task.X, task.Y, task.settings.hidden_activations
    placed = place(dict(parameters), device)
    x, y = place(X, device), place(Y, device)
    AL, caches = L_model_forward(x, placed, activations)
    grads = L_model_backward(AL, y, caches, activations)
    L = len(caches)
    state: dict[str, HostArray] = {"A0": X, "Y": Y, **parameters, **to_host(grads)}
    for layer, ((A_prev, W, _), Z) in enumerate(caches, start=1):
        state[f"A{layer - 1}"] = X if layer == 1 else to_host(A_prev)
        state[f"P{layer}"] = to_host(W @ A_prev)
        state[f"Z{layer}"] = to_host(Z)
    state[f"A{L}"] = to_host(AL)
    state[f"dZ{L}"] = state[f"A{L}"] - Y
    for layer in range(1, L):
        dA = grads[f"dA{layer}"]
        state[f"dZ{layer}"] = to_host(activations[layer - 1].backward(dA, caches[layer - 1][1]))
    return state


def compare_operation(
    operation: Operation,
    inputs: Inputs,
    tested: Device,
    reference: Device,
    *,
    iteration: int | None,
    case: str,
    random: np.random.RandomState,
    calls: int = 2,
) -> list[Judgement]:
    """Run one operation on both sides and judge both.

    Parameters
    ----------
    operation : Operation
        What to run.
    inputs : mapping of str to numpy.ndarray
        What it is given.
    tested, reference : Device
        The sides.
    iteration : int or None
        Of the state that the inputs are from.
    case : str
        `TRAINING_DATA` or the name of a probe.
    random : numpy.random.RandomState
        For draws of elements.
    calls : int
        How often the side under test computes it.

    Returns
    -------
    list of Judgement
        One, and a second one if the copy to the host was wrong.
    """
    dtype = operation.dtype or _dtype(inputs)
    truth = operation.truth(inputs, random)
    found: list[Finding | None] = []
    rans: list[Ran] = []
    name = _named(operation, case)
    for side, device, times in ((TESTED, tested, calls), (REFERENCE, reference, 2)):
        with during(name, side), np.errstate(all="ignore"):
            ran = run_on(device, operation.compute, inputs, truth.shape, dtype, times)
        rans.append(ran)
        found.append(
            None if ran.result is None else judge(ran.result, truth, accuracy_of(device, dtype))
        )
    made = judgement(
        operation.name,
        operation.output,
        truth,
        dtype,
        found,
        [ran.complaints for ran in rans],
        iteration=iteration,
        case=case,
        layer=operation.layer,
    )
    for ran, where in zip(rans, ("", IN_REFERENCE), strict=True):
        if ran.copying:
            reason = where + ran.copying
            return [replace(made, operation=COPY, verdict="wrong", reason=reason), made]
    return [made]


def _named(operation: Operation, case: str) -> str:
    """Name an operation for whoever reads that it failed."""
    name = operation.name
    if operation.layer is not None:
        name = f"layer {operation.layer}, {name}"
    return name if case == TRAINING_DATA else f"{name} (probe: {case})"


def _dtype(inputs: Inputs) -> np.dtype:
    """The dtype in which an operation computes: that of its floating inputs."""
    return next(x.dtype for x in inputs.values() if x.dtype.kind == "f")
