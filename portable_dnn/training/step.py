"""The training step: one pure function, forward, backward and update.

Its numbers are those of `L_model_forward`, `L_model_backward` and `update_parameters` up to
rounding. What differs is the arrangement, because a step on a small network costs more in calls
than in arithmetic:

- each layer from the second on has W and b in one matrix (see `joined`), and the run chooses how
  the first is held (see `first_layer`);
- labels come as signs, s = 1 − 2y, so that the derivative of the logits is σ(z) − y =
  (tanh(z/2) + s) / 2; it carries the factor −α/m from there on, so that every product of the way
  back is what a parameter moves by, and the old parameter is added to it where it lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from portable_dnn.arrays.contract import Array, Measurements, Namespace
from portable_dnn.network.activations import Activation, hidden_activations
from portable_dnn.training.first_layer import WEIGHTS, FirstLayer, Samples
from portable_dnn.training.joined import weights_of
from portable_dnn.training.measurements import measure

__all__ = ["TrainingStep", "make_step"]


@dataclass(frozen=True)
class TrainingStep:
    """A step, and what it is made of, so that a backend can recognise one it has a program for.

    Called with `(state, samples, signs)`, it returns `(measurements, state)`, without side effects:
    it can be compiled, and run in lockstep on two backends. State and samples are those of a
    `Held`, the signs are 1 − 2Y; the measurements are those of `diagnostics.measure`, still on the
    device, or empty.

    Attributes
    ----------
    layers : tuple of (str, Activation)
        For each layer from the second on, its name in the state and the activation before it.
    learning_rate : float
        α.
    measured : bool
        Whether it measures itself.
    xp : namespace
        That of its arrays.
    first : FirstLayer
        How layer 1 is held.
    """

    layers: tuple[tuple[str, Activation], ...]
    learning_rate: float
    measured: bool
    xp: Namespace
    first: FirstLayer

    def __call__(
        self, state: dict[str, Array], samples: Samples, signs: Array
    ) -> tuple[Measurements, dict[str, Array]]:
        """Take the step."""
        xp, layers = self.xp, self.layers
        Z = self.first.forward(state, samples, xp=xp)
        outputs, inputs = [Z], []
        for name, g in layers:
            A = xp.concat((g.forward(Z, xp=xp)[0], samples.ones))
            Z = state[name] @ A
            inputs.append(A)
            outputs.append(Z)
        factor = -0.5 * self.learning_rate / signs.shape[1]
        dZ = (xp.tanh(0.5 * Z) + signs) * factor
        moves = {}
        for (name, g), A, Z in zip(layers[::-1], inputs[::-1], outputs[-2::-1], strict=True):
            moves[name] = dZ @ A.T
            dZ = g.backward(weights_of(state[name]).T @ dZ, Z, xp=xp)
        moves.update(self.first.moves(dZ, samples, xp=xp))
        measurements = self._measure(signs, samples, outputs, moves) if self.measured else {}
        after = {}
        for name, array in state.items():
            moved = moves[name]
            moved += array  # into the step's own array where the library can; into a new one else
            after[name] = moved
        return measurements, after

    def _measure(
        self, signs: Array, samples: Samples, outputs: Sequence[Array], moves: dict[str, Array]
    ) -> Measurements:
        """Measure what the step has computed."""
        activations = [g for _, g in self.layers]
        Y = 0.5 * (1.0 - signs)
        return measure(
            *(Y, samples, outputs, moves, activations, self.learning_rate),
            xp=self.xp,
            first=self.first,
        )


def make_step(
    activations: Sequence[Activation],
    learning_rate: float,
    *,
    measured: bool,
    xp: Namespace,
    first: FirstLayer = WEIGHTS,
) -> TrainingStep:
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
        How the run holds layer 1.

    Returns
    -------
    TrainingStep
    """
    activations = hidden_activations(activations, len(activations))
    layers = tuple((f"W{layer}", g) for layer, g in enumerate(activations, start=2))
    return TrainingStep(layers, learning_rate, measured, xp, first)
