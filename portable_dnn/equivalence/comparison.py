"""Holding one backend against another: probes, lockstep, the compiled step, the free run."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.arrays.devices import Device, choose_device, place, to_host
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.arrays.versions import versions
from portable_dnn.equivalence.data_checks import check_data
from portable_dnn.equivalence.exact.pairs import check_arithmetic
from portable_dnn.equivalence.judged import check_judged
from portable_dnn.equivalence.limits.accuracy import accuracy_of, loosest
from portable_dnn.equivalence.memory import check_memory_for
from portable_dnn.equivalence.operations.linear import input_scaling
from portable_dnn.equivalence.operations.probes import MANY, probes
from portable_dnn.equivalence.operations.step import step_operations
from portable_dnn.equivalence.report.report import (
    SCHEMA,
    TRAINING_DATA,
    Failure,
    FreeRun,
    Judgement,
    Report,
    Side,
    wrong_free_run,
)
from portable_dnn.equivalence.report.setup import setup_of
from portable_dnn.equivalence.report.verdict import headline, notes, outcome
from portable_dnn.equivalence.stages.compiled_steps import SideSteps, steps_of
from portable_dnn.equivalence.stages.failures import (
    REFERENCE,
    TESTED,
    BackendFailed,
    during,
    unfinished,
)
from portable_dnn.equivalence.stages.free_run import Run, Task, train_on
from portable_dnn.equivalence.stages.lockstep import compare_operation, reference_state
from portable_dnn.equivalence.stages.run_difference import compare_runs
from portable_dnn.equivalence.stages.whole_step import compare_steps
from portable_dnn.network.initializers import initialize_parameters_deep
from portable_dnn.network.pixels import are_pixels, scale_pixels
from portable_dnn.training.settings import Settings, check_settings

__all__ = ["DEFAULTS", "Progress", "compare"]

DEFAULTS = Settings(iterations=200)
"""What is trained unless something else is asked for: the published network, 200 iterations."""

_TRAINING = "training the reference"


@dataclass(frozen=True)
class Progress:
    """How far a comparison is, for whoever watches.

    Attributes
    ----------
    stage : str
        What is going on: "probes", "iteration 100", "compiled step at iteration 0", "free run".
    judgement : Judgement or None
        What was just judged; None where a stage begins.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import compare
    >>> from portable_dnn.training.settings import Settings, check_settings
    >>> small = Settings(layers=(3,), iterations=2, dtype="float32")
    >>> seen = []
    >>> X, Y = np.eye(2), np.array([[0, 1]])
    >>> report = compare("numpy", X, Y, settings=small, many=0, progress=seen.append)
    >>> seen[0]
    Progress(stage='probes', judgement=None)
    """

    stage: str
    judgement: Judgement | None = None


@undisturbed
def compare(
    backend: str | Device,
    X: HostArray,
    Y: HostArray,
    *,
    reference: str | Device = "numpy",
    settings: Settings = DEFAULTS,
    source: str = "the arrays that were given",
    many: int = MANY,
    progress: Callable[[Progress], object] | None = None,
    on_stage: Callable[[Report], object] | None = None,
) -> Report:
    """Say whether a backend computes the same numbers as another, and where it does not.

    Parameters
    ----------
    backend : str or Device
        The side under test: a device string, such as "torch" or "cupy:cuda:1".
    X : numpy.ndarray
        Input, (n_x, m): floats, cast to the dtype of the settings, or uint8 pixels, which both
        sides scale.
    Y : numpy.ndarray
        Labels 0 or 1, (1, m), any real dtype.
    reference : str or Device
        What it is held against. Both are judged by better arithmetic, not by each other.
    settings : Settings
        Network, start, learning rate, number of iterations of the free run, dtype.
    source : str
        Where X and Y came from, for people.
    many : int
        How many elements of exact products are looked at for the one wrong among millions (see
        `probes`); 0 saves the second that it takes.
    progress : callable, optional
        Called with a `Progress` at every stage and every judgement.
    on_stage : callable, optional
        Called with the report so far when a stage begins, and at Ctrl-C: a library may end the
        whole process. Its `failure` names the stage.

    Returns
    -------
    Report
        Also where a backend fails in the middle: then `failure` says where, and the judgements
        made so far are kept.

    Raises
    ------
    DeviceError
        If a device cannot be used.
    SettingError, ShapeError, DataError
        If settings or data cannot be used; NaN and infinity in X are refused.
    BackendError
        If a plug-in's `accuracy` is not what it should be.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn.equivalence import compare
    >>> from portable_dnn.training.settings import Settings, check_settings
    >>> small = Settings(layers=(3,), iterations=2, dtype="float32")
    >>> report = compare("numpy", np.eye(2), np.array([[0, 1]]), settings=small, many=0)
    >>> print(report.headline)
    The same numbers: all ... results of numpy:cpu have the bits of numpy:cpu.
    """
    check_judged(check_settings(settings))
    began = time.perf_counter()
    tested, other = (d if isinstance(d, Device) else choose_device(d) for d in (backend, reference))
    check_data(X, Y, settings.dtype)
    sources = [accuracy_of(d, np.dtype(settings.dtype)).source for d in (tested, other)]
    dims = settings.layer_dims(X.shape[0], pixels=are_pixels(X))
    check_memory_for(dims, X.shape[1], (tested, other))
    start = initialize_parameters_deep(
        dims, method=settings.initialization, seed=settings.seed, dtype=settings.dtype
    )
    setup = setup_of(X, Y, settings, start, source)

    def report(found: _Found) -> Report:
        judgements, run, failure = found
        ours, theirs = (
            Side(str(device), {**versions(device.backend), "accuracy": source})
            for device, source in zip((tested, other), sources, strict=True)
        )
        return Report(
            schema=SCHEMA,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=time.perf_counter() - began,
            tested=ours,
            reference=theirs,
            setup=setup,
            judgements=tuple(judgements),
            free_run=run,
            failure=failure,
            notes=notes(run),
            outcome=outcome(judgements, run, failure),
            headline=headline(ours, theirs, judgements, run, failure),
        )

    def tell(found: _Found) -> None:
        if on_stage is not None:
            on_stage(report(found))

    comparison = _Comparison(
        tested, other, X, Y, settings, start, many, progress or (lambda p: None), tell
    )
    return report(comparison.run())


_Found: TypeAlias = tuple[list[Judgement], FreeRun | None, Failure | None]


@dataclass
class _Comparison:
    """What a comparison is made of; `run` makes it."""

    tested: Device
    reference: Device
    X: HostArray
    Y: HostArray
    settings: Settings
    start: dict[str, HostArray]
    many: int
    progress: Callable[[Progress], object]
    so_far: Callable[[_Found], object]

    @property
    def dtype(self) -> np.dtype:
        """The dtype to compute in."""
        return np.dtype(self.settings.dtype)

    def run(self) -> _Found:
        """Compare; keep what there is if a side fails, and hand it on in case the process ends."""
        judgements: list[Judgement] = []
        self._found: FreeRun | None = None
        stage = ""
        try:
            # What NumPy would warn of is judged.
            with np.errstate(all="ignore"):
                for stage, judgement in self._stages(judgements):
                    self.progress(Progress(stage, judgement))
                    if judgement is not None:
                        judgements.append(judgement)
                        continue
                    side = REFERENCE if stage == _TRAINING else TESTED
                    self.so_far((judgements, self._found, unfinished(stage, side)))
        except BackendFailed as failed:
            return judgements, self._found, failed.failure
        except KeyboardInterrupt:
            failure = unfinished(stage, interrupted=True)
            self.so_far((judgements, self._found, failure))
            raise
        return judgements, self._found, None

    def _stages(self, made: Sequence[Judgement]) -> Iterator[tuple[str, Judgement | None]]:
        """Make the judgements, one stage after the other; `made` are those so far."""
        yield "probes", None
        with during("the judge's own float64 arithmetic", REFERENCE):
            check_arithmetic()
        yield from (("probes", j) for j in self._probes())
        yield from (("probes", j) for j in self._scaling())
        x, y = self._input(), self.Y.astype(self.dtype)
        last = self.settings.iterations
        task = Task(x, y, self.start, self.settings)
        yield _TRAINING, None
        with during("the free run", REFERENCE):
            theirs = train_on(self.reference, task, (0, 1, last // 2, last))
        for iteration, parameters in sorted(theirs.parameters.items()):
            stage = f"iteration {iteration}"
            yield stage, None
            yield from ((stage, j) for j in self._lockstep(task, parameters, iteration))
        yield "compiled step", None
        yield from (("compiled step", j) for j in self._steps(task, theirs))
        yield "free run", None
        with during("the free run", TESTED):
            ours = train_on(self.tested, task, (1, last))
        with during("the free run", REFERENCE):
            both = loosest(accuracy_of(side, self.dtype) for side in (self.tested, self.reference))
            sides = self.tested, self.reference
            self._found = compare_runs(ours, theirs, sides, task, both)
        reason = ""
        if ours.diverged and not theirs.diverged:
            reason = self._found.sentence
        elif self._found.unexplained_at is not None and all(j.verdict == "identical" for j in made):
            reason = f"{self._found.sentence}, while no operation was seen to round otherwise"
        if reason:
            yield "free run", wrong_free_run(self.dtype.name, reason)

    def _probes(self) -> Iterator[Judgement]:
        """Judge the probes."""
        random = np.random.RandomState(self.settings.seed)
        for probe in probes(self.dtype, random, self.many):
            yield from compare_operation(
                probe.operation,
                probe.inputs,
                self.tested,
                self.reference,
                iteration=None,
                case=probe.case,
                random=random,
                calls=probe.calls,
            )

    def _scaling(self) -> Iterator[Judgement]:
        """Judge the scaling of pixels, if there are any."""
        if self.X.dtype == np.uint8:
            operation = input_scaling(self.settings.dtype)
            yield from compare_operation(
                operation,
                {"X": self.X},
                self.tested,
                self.reference,
                iteration=0,
                case=TRAINING_DATA,
                random=np.random.RandomState(self.settings.seed),
            )

    def _input(self) -> HostArray:
        """Scale the input on the reference side, so that both sides get the same."""
        if self.X.dtype != np.uint8:
            return self.X.astype(self.dtype)
        with during("input scaling", REFERENCE):
            return np.array(
                to_host(scale_pixels(place(self.X, self.reference), self.settings.dtype))
            )

    def _lockstep(
        self, task: Task, parameters: dict[str, HostArray], iteration: int
    ) -> Iterator[Judgement]:
        """Judge all operations of a step."""
        random = np.random.RandomState([self.settings.seed, iteration])
        with during(f"a step of iteration {iteration}", REFERENCE), np.errstate(all="ignore"):
            state = reference_state(self.reference, task, parameters)
        for operation in step_operations(self.settings):
            yield from compare_operation(
                operation,
                operation.inputs(state),
                self.tested,
                self.reference,
                iteration=iteration,
                case=TRAINING_DATA,
                random=random,
            )

    def _steps(self, task: Task, theirs: Run) -> Iterator[Judgement]:
        """Judge the compiled step, from the start and from the end of the reference's run.

        Only at the end it is called often: there no bias is 0.
        """
        steps = steps_of(task.settings, *task.X.shape)
        with during("compiling the step", TESTED):
            ours = {how: SideSteps(self.tested, step, task) for how, step in steps.items()}
        with during("compiling the step", REFERENCE):
            other = {how: SideSteps(self.reference, step, task) for how, step in steps.items()}
        first, last = min(theirs.parameters), max(theirs.parameters)
        for iteration in sorted({first, last}):
            yield from compare_steps(
                ours,
                other,
                task,
                theirs.parameters[iteration],
                iteration,
                often=iteration == last,
            )
