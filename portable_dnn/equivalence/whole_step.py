"""The training step as the library really runs it: compiled, with layer 1 held in either way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from portable_dnn import span
from portable_dnn.activations import Activation
from portable_dnn.backend import Array, HostArray, Step
from portable_dnn.devices import Device
from portable_dnn.equivalence.accuracy import Accuracy, accuracy_of
from portable_dnn.equivalence.dying import REFERENCE, TESTED, during
from portable_dnn.equivalence.judge import Finding, judge
from portable_dnn.equivalence.report import TRAINING_DATA, Judgement
from portable_dnn.equivalence.running_error import Stepped, exact_step
from portable_dnn.equivalence.running_value import Value, known
from portable_dnn.equivalence.truth import Truth
from portable_dnn.first_layer import WEIGHTS, FirstLayer, Held, hold
from portable_dnn.step import make_step

__all__ = ["PLAIN", "SPAN", "Steps", "compare_steps", "compile_steps"]

PLAIN, SPAN = "plain", "in the span"
"""The ways to hold layer 1, for people."""

_FIRST, _SECOND = "compiled step", "second compiled step"


class Steps(NamedTuple):
    """A device's compiled steps.

    Attributes
    ----------
    device : Device
        Where.
    compiled : dict of (str, bool) to callable
        By the way to hold layer 1, and whether the step measures itself.
    """

    device: Device
    compiled: dict[tuple[str, bool], Step]


_HOLDS: dict[str, tuple[FirstLayer, Callable[..., Held]]] = {
    PLAIN: (WEIGHTS, lambda X, parameters, xp: hold(X, parameters)),
    SPAN: (span.SPAN, lambda X, parameters, xp: span.hold(X, parameters, xp=xp)),
}


def compile_steps(device: Device, activations: Sequence[Activation], rate: float) -> Steps:
    """Compile the steps of a run.

    Parameters
    ----------
    device : Device
        Where.
    activations : sequence of Activation
        Those of the hidden layers.
    rate : float
        α.

    Returns
    -------
    Steps
    """
    xp = device.backend.namespace()
    return Steps(
        device,
        {
            (how, measured): device.backend.compile(
                make_step(activations, rate, measured=measured, xp=xp, first=first)
            )
            for how, (first, _) in _HOLDS.items()
            for measured in (False, True)
        },
    )


class _Result(NamedTuple):
    """What two steps gave, on the host."""

    first: dict[str, HostArray]
    second: dict[str, HostArray]
    cost: HostArray


def _run(
    steps: Steps, how: str, X: HostArray, Y: HostArray, parameters: Mapping[str, HostArray]
) -> _Result:
    """Take two steps, the second one measuring itself."""
    backend, name = steps.device.backend, steps.device.name
    x, y = (backend.from_host(array.copy(), name) for array in (X, Y))
    placed = {key: backend.from_host(array.copy(), name) for key, array in parameters.items()}

    def fetch(state: dict[str, Array], held: Held) -> dict[str, HostArray]:
        found = held.parameters_of(state)
        return {key: np.array(backend.to_host(found[key])) for key in parameters}

    with np.errstate(all="ignore"):
        held = _HOLDS[how][1](x, placed, backend.namespace())
        _, state = steps.compiled[how, False](held.state, held.data, y)
        measurements, later = steps.compiled[how, True](state, held.data, y)
        cost = np.asarray(backend.to_host(measurements["cost"]))
        return _Result(fetch(state, held), fetch(later, held), cost)


def _exact(
    X: HostArray,
    Y: HostArray,
    parameters: Mapping[str, HostArray],
    activations: Sequence[Activation],
    rate: float,
    accuracy: Accuracy,
    how: str,
) -> tuple[Stepped, Stepped]:
    """Two steps in better arithmetic."""
    start = {name: known(x) for name, x in parameters.items()}
    wide = X.astype(np.float64, copy=False)
    K = wide.T @ wide + 1.0 if how == SPAN else None
    first = exact_step(X, Y, start, activations, rate, accuracy, K)
    return first, exact_step(X, Y, first.parameters, activations, rate, accuracy, K, first.Z1)


def compare_steps(
    tested: Steps,
    reference: Steps,
    X: HostArray,
    Y: HostArray,
    parameters: Mapping[str, HostArray],
    activations: Sequence[Activation],
    rate: float,
    iteration: int,
) -> Iterator[Judgement]:
    """Judge two steps from the same parameters, in both ways to hold layer 1.

    The second step shows what the first left behind; in the span, that is the product with K.

    Parameters
    ----------
    tested, reference : Steps
        The sides.
    X, Y : numpy.ndarray
        Input (n_x, m) and labels (1, m), in the dtype of the run.
    parameters : mapping of str to numpy.ndarray
        Where to start.
    activations : sequence of Activation
        Those of the hidden layers.
    rate : float
        α.
    iteration : int
        Which the parameters belong to.

    Yields
    ------
    Judgement
        For each parameter after each step, and the cost between them.
    """
    sides = tested, reference
    accuracies = [accuracy_of(side.device, X.dtype) for side in sides]
    for how in _HOLDS:
        exact = {
            a: _exact(X, Y, parameters, activations, rate, a, how)
            for a in dict.fromkeys(accuracies)
        }
        results = []
        for which_side, side in zip((TESTED, REFERENCE), sides, strict=True):
            with during(f"{_FIRST}, {how}", which_side):
                results.append(_run(side, how, X, Y, parameters))
        truths = [exact[a] for a in accuracies]
        for which, name in enumerate((_FIRST, _SECOND)):
            for output in parameters:
                yield _judgement(
                    f"{name}, {how}",
                    output,
                    iteration,
                    [result[which][output] for result in results],
                    [_truth(truth[which].parameters[output]) for truth in truths],
                    accuracies,
                )
            if which == 0:
                yield _judgement(
                    f"{name}, {how}",
                    "cost",
                    iteration,
                    [result.cost for result in results],
                    [_truth(truth[1].cost) for truth in truths],
                    accuracies,
                )


def _truth(value: Value) -> Truth:
    """Make a truth of a value."""
    return Truth(
        "exact", value.exact.hi.shape, value.exact, np.abs(value.exact.hi), bound=value.limit
    )


def _judgement(
    name: str,
    output: str,
    iteration: int,
    results: list[HostArray],
    truths: list[Truth],
    accuracies: list[Accuracy],
) -> Judgement:
    """Judge one array of both sides."""
    wrong = _kind(results[0], results[1])
    found: list[Finding | None] = [
        None if wrong and not i else judge(result, truth, accuracy)
        for i, (result, truth, accuracy) in enumerate(zip(results, truths, accuracies, strict=True))
    ]
    ours, theirs = found
    assert theirs is not None
    verdict, reason = ("wrong", wrong) if ours is None else (ours.verdict, ours.reason)
    if ours is not None and verdict != "wrong" and ours.errors.digest == theirs.errors.digest:
        verdict, reason = "identical", ""
    return Judgement(
        iteration,
        TRAINING_DATA,
        None,
        name,
        output,
        truths[0].shape,
        results[1].dtype.name,
        truths[0].inner,
        truths[0].value.hi.size,
        ours.errors if ours else None,
        theirs.errors,
        None,
        verdict,  # type: ignore[arg-type]
        reason,
    )


def _kind(result: HostArray, expected: HostArray) -> str:
    """Check shape and dtype."""
    if result.shape != expected.shape:
        return f"the result has shape {result.shape}; {expected.shape} is right"
    if result.dtype != expected.dtype:
        return f"the result has dtype {result.dtype}; {expected.dtype} is right"
    return ""
