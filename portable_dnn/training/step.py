"""The training step: one pure function, forward, backward and update, made of parts.

`step_of` is the only place where a step is made, so that what is trained with is what is compared
between backends, compiled, measured and timed. Its numbers are those of `L_model_forward`,
`L_model_backward` and `update_parameters` up to rounding. What differs is the arrangement, because
a step on a small network costs more in calls than in arithmetic: the layers' parameters are held in
forms that need fewer products (see `layer_forms` and `span`), and what every gradient is multiplied
with, −α/m in gradient descent, is multiplied into the few derivatives of the logits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

from portable_dnn.arrays.contract import Array, Arrays, Namespace, Parameters
from portable_dnn.errors import SettingError
from portable_dnn.network.activations import Activation
from portable_dnn.network.heads import SIGMOID, Head
from portable_dnn.training.batches import Batch
from portable_dnn.training.layer_forms import Joined, LayerForm, Weights
from portable_dnn.training.optimizers import Optimizer, get_optimizer
from portable_dnn.training.penalties import Penalty
from portable_dnn.training.reduce import ALONE, Reduce
from portable_dnn.training.settings import Settings
from portable_dnn.training.span import Span

__all__ = ["Bound", "State", "TrainingStep", "forms_for", "step_of"]


class State(NamedTuple):
    """What a step turns into the next.

    Attributes
    ----------
    parameters : dict of str to array
        Those of the network, as the layers' forms hold them.
    slots : dict of str to array
        What the optimizer remembers between steps.
    """

    parameters: Arrays
    slots: Arrays


@dataclass(frozen=True)
class TrainingStep:
    """A step as its parts, so that equal steps are equal and a backend can recognise one.

    Called with `(state, batch, row, xp=…)`, it returns the next state, without side effects: it can
    be compiled, and run in lockstep on two backends.

    Attributes
    ----------
    forms : tuple of LayerForm
        How each layer's parameters are held.
    activations : tuple of Activation
        Those of the hidden layers.
    head : Head
        Output activation and cost.
    optimizer : Optimizer
        Update rule.
    penalty : Penalty or None
        What is added to the cost, if anything.
    reduce : Reduce
        How gradients are added up over processes.
    """

    forms: tuple[LayerForm, ...]
    activations: tuple[Activation, ...]
    head: Head
    optimizer: Optimizer
    penalty: Penalty | None = None
    reduce: Reduce = ALONE

    def __post_init__(self) -> None:
        held = [form.W for form in self.forms if self.penalty is not None and not form.decayed]
        if held:
            raise SettingError(
                f"a penalty cannot act on {', '.join(held)} as it is held; use Weights as its form"
            )

    @cached_property
    def _deeper(self) -> tuple[tuple[LayerForm, Activation], ...]:
        """Each layer's form from the second on, and the activation before it."""
        return tuple(zip(self.forms[1:], self.activations, strict=True))

    @cached_property
    def _backward(self) -> tuple[tuple[int, LayerForm, Activation], ...]:
        """The same with their numbers, from 0, in the order of the way back."""
        return tuple((i, *pair) for i, pair in enumerate(self._deeper, start=1))[::-1]

    def __call__(self, state: State, batch: Batch, row: Arrays, *, xp: Namespace) -> State:
        """Take the step.

        Parameters
        ----------
        state : State
            Parameters and slots.
        batch : Batch
            Data.
        row : dict of str to array
            "rates", the optimizer's numbers for this iteration, if it has any.
        xp : namespace
            That of the arrays.

        Returns
        -------
        State
        """
        parameters, slots = state
        optimizer = self.optimizer
        outputs, inputs = self.forward(parameters, batch, xp)
        scale = optimizer.gradient_scale
        gradients = self.backward(parameters, batch, outputs, inputs, scale, xp)
        rates = row.get("rates")
        parameters, slots = optimizer.update(gradients, parameters, slots, rates)
        return State(parameters, slots)

    def gradients(
        self, parameters: Parameters, batch: Batch, *, scale: Any = 1.0, xp: Namespace
    ) -> Arrays:
        """Return the derivatives of what is minimised, over all processes.

        Parameters
        ----------
        parameters : mapping of str to array
            As the forms hold them.
        batch : Batch
            Data.
        scale : float
            What they are multiplied with.
        xp : namespace
            That of the arrays.

        Returns
        -------
        dict of str to array
            A gradient for each array of the parameters, under its name.
        """
        outputs, inputs = self.forward(parameters, batch, xp)
        return self.backward(parameters, batch, outputs, inputs, scale, xp)

    def forward(
        self, parameters: Parameters, batch: Batch, xp: Namespace
    ) -> tuple[list[Array], list[Array]]:
        """Run the network up to the logits.

        Parameters
        ----------
        parameters, batch, xp
            As for `gradients`.

        Returns
        -------
        outputs : list of array
            `Z1 … ZL`.
        inputs : list of array
            For each layer, what its form's `gradients` is given in the place of its input.
        """
        X, _, ones, _ = batch
        Z, A = self.forms[0].forward(parameters, X, ones, xp)
        outputs, inputs = [Z], [A]
        for form, g in self._deeper:
            Z, A = form.forward(parameters, g.forward(Z, xp=xp)[0], ones, xp)
            outputs.append(Z)
            inputs.append(A)
        return outputs, inputs

    def backward(
        self,
        parameters: Parameters,
        batch: Batch,
        outputs: list[Array],
        inputs: list[Array],
        scale: Any,
        xp: Namespace,
    ) -> Arrays:
        """Run it backward; see `gradients`.

        Parameters
        ----------
        parameters, batch, scale, xp
            As for `gradients`.
        outputs, inputs
            What `forward` returned.

        Returns
        -------
        dict of str to array
        """
        _, targets, ones, m = batch
        gradients: Arrays = {}
        dZ = self.head.derivative(outputs[-1], targets, scale / m, xp)
        for layer, form, g in self._backward:
            form.add_gradients(gradients, dZ, inputs[layer], ones)
            dZ = g.backward(form.back(parameters, dZ), outputs[layer - 1], xp=xp)
        self.forms[0].add_gradients(gradients, dZ, inputs[0], ones)
        gradients = self.reduce.sum(gradients)
        if self.penalty is not None:
            for form in self.forms:
                for name in form.decayed:
                    move = scale * self.penalty.derivative(parameters[name])
                    gradients[name] = gradients[name] + move
        return gradients


class Bound(partial[Any]):
    """A function with its `xp` bound; unlike other partials, equal where both are.

    Parameters
    ----------
    function : callable
        Takes `xp` as a keyword.
    xp : namespace
        What it is given.
    """

    def __new__(cls, function: Callable[..., Any], xp: Namespace) -> "Bound":
        """Bind `xp`."""
        return super().__new__(cls, function, xp=xp)

    @property
    def xp(self) -> Namespace:
        """The namespace."""
        return self.keywords["xp"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bound) and (self.func, self.xp) == (other.func, other.xp)

    def __hash__(self) -> int:
        return hash((self.func, self.xp))


def forms_for(layers: int, *, compressed: bool) -> tuple[LayerForm, ...]:
    """Choose how the layers of a network are held during a run.

    Parameters
    ----------
    layers : int
        L.
    compressed : bool
        Whether layer 1 is trained in the span of the samples.

    Returns
    -------
    tuple of LayerForm
        Of length L.
    """
    first: LayerForm = Span() if compressed else Weights("W1", "b1")
    return first, *(Joined(f"W{layer}", f"b{layer}") for layer in range(2, layers + 1))


def step_of(
    settings: Settings, forms: Sequence[LayerForm], *, reduce: Reduce = ALONE
) -> TrainingStep:
    """Make the training step of a run: the only place where one is made.

    Parameters
    ----------
    settings : Settings
        What decides the run.
    forms : sequence of LayerForm
        How each layer is held, as `forms_for` chose.
    reduce : Reduce
        How gradients are added up over processes.

    Returns
    -------
    TrainingStep

    Raises
    ------
    SettingError
        If an activation or the optimizer is unknown, or cannot have its settings.
    """
    return TrainingStep(
        tuple(forms),
        settings.hidden_activations,
        SIGMOID,
        get_optimizer(settings.optimizer, settings.learning_rate),
        reduce=reduce,
    )
