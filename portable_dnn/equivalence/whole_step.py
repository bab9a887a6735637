"""The training step as the library really runs it: compiled, with layer 1 held in either way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from portable_dnn import span
from portable_dnn.activations import Activation
from portable_dnn.backend import Array, HostArray, Stretch
from portable_dnn.devices import Device
from portable_dnn.equivalence.accuracy import Accuracy, accuracy_of, loosest
from portable_dnn.equivalence.dying import REFERENCE, TESTED, during
from portable_dnn.equivalence.judge import Finding, judge
from portable_dnn.equivalence.meaning import IN_REFERENCE
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
    compiled: dict[tuple[str, bool], Stretch]


_HOLDS: dict[str, tuple[FirstLayer, Callable[..., Held]]] = {
    PLAIN: (WEIGHTS, lambda X, parameters, xp: hold(X, parameters, xp=xp)),
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
        _, state = steps.compiled[how, False](held.state, held.data, 1.0 - 2.0 * y)
        measurements, later = steps.compiled[how, True](state, held.data, 1.0 - 2.0 * y)
        cost = np.asarray(backend.to_host(measurements["cost"]))
        return _Result(fetch(state, held), fetch(later, held), cost)


def _exact(
    X: HostArray,
    Y: HostArray,
    parameters: Mapping[str, HostArray],
    activations: Sequence[Activation],
    rate: float,
    accuracy: Accuracy,
) -> dict[str, tuple[Stepped, Stepped]]:
    """Two steps in better arithmetic, by the way to hold layer 1, which tells after the first."""
    start = {name: known(x) for name, x in parameters.items()}
    wide = X.astype(np.float64, copy=False)
    K = wide.T @ wide + 1.0
    first = exact_step(X, Y, start, activations, rate, accuracy, K)
    return {
        how: (first, exact_step(X, Y, first.parameters, activations, rate, accuracy, Z1=Z1))
        for how, Z1 in ((PLAIN, None), (SPAN, first.Z1))
    }


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
    # One truth for both sides: the bound of the less accurate library.
    accuracy = loosest(accuracy_of(side.device, X.dtype) for side in (tested, reference))
    exact = _exact(X, Y, parameters, activations, rate, accuracy)
    for how in _HOLDS:
        results = []
        for name, side in ((TESTED, tested), (REFERENCE, reference)):
            with during(f"{_FIRST}, {how}", name):
                results.append(_run(side, how, X, Y, parameters))
        for step, operation in enumerate((f"{_FIRST}, {how}", f"{_SECOND}, {how}")):
            for output, value in exact[how][step].parameters.items():
                both = [result[step][output] for result in results]
                yield _judgement(operation, output, iteration, both, _truth(value), accuracy)
            if step == 1:
                cost = _truth(exact[how][1].cost)
                costs = [result.cost for result in results]
                yield _judgement(operation, "cost", iteration, costs, cost, accuracy)


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
    truth: Truth,
    accuracy: Accuracy,
) -> Judgement:
    """Judge one array of both sides."""
    wrong = _kind(results[0], results[1])
    found: list[Finding | None] = [
        None if wrong and not i else judge(result, truth, accuracy)
        for i, result in enumerate(results)
    ]
    ours, theirs = found
    assert theirs is not None
    verdict, reason = ("wrong", wrong) if ours is None else (ours.verdict, ours.reason)
    if verdict != "wrong" and theirs.verdict == "wrong":
        verdict, reason = "wrong", IN_REFERENCE + theirs.reason
    if ours is not None and verdict != "wrong" and ours.errors.digest == theirs.errors.digest:
        verdict, reason = "identical", ""
    return Judgement(
        iteration,
        TRAINING_DATA,
        None,
        name,
        output,
        truth.shape,
        results[1].dtype.name,
        truth.inner,
        truth.value.hi.size,
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
