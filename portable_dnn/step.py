"""The training step: one pure function, made of the same public functions a reader knows."""

from collections.abc import Sequence

from portable_dnn.activations import Activation, hidden_activations
from portable_dnn.backend import Array, Measurements, Namespace, Step
from portable_dnn.diagnostics import measure
from portable_dnn.first_layer import WEIGHTS, FirstLayer
from portable_dnn.network import L_model_backward, L_model_forward
from portable_dnn.optimizers import update_parameters

__all__ = ["make_step"]


def make_step(
    activations: Sequence[Activation],
    learning_rate: float,
    *,
    measured: bool,
    xp: Namespace,
    first: FirstLayer = WEIGHTS,
) -> Step:
    """Make the step of a training run: forward, backward, update.

    Parameters
    ----------
    activations : sequence of Activation
        Those of the hidden layers.
    learning_rate : float
        α, above 0.
    measured : bool
        Whether the step also measures itself, at the parameters before the update. It does so
        only at iterations that are recorded: what nobody looks at is not computed.
    xp : namespace
        That of the arrays the step will be given. They are checked by the caller, once a run.
    first : FirstLayer
        How the run holds layer 1, in X and in the parameters.

    Returns
    -------
    callable
        `(parameters, X, Y) -> (measurements, parameters)`, without side effects: it can be
        compiled, and run in lockstep on two backends. The measurements are those of
        `diagnostics.measure`, still on the device, or empty.
    """
    activations = hidden_activations(activations, len(activations))

    def step(
        parameters: dict[str, Array], X: Array, Y: Array
    ) -> tuple[Measurements, dict[str, Array]]:
        AL, caches = L_model_forward(X, parameters, activations, xp=xp, first=first)
        grads = L_model_backward(AL, Y, caches, activations, xp=xp, first=first)
        measurements = (
            measure(Y, caches, grads, activations, xp=xp, first=first) if measured else {}
        )
        return measurements, update_parameters(parameters, grads, learning_rate, xp=xp)

    return step
