"""What is worth knowing about a run: the cost, dead ReLU units, the size of each gradient."""

from dataclasses import dataclass

from portable_dnn.arrays.contract import Array, Measurements, Namespace
from portable_dnn.training.batches import Batch
from portable_dnn.training.step import State, TrainingStep

__all__ = ["Measure", "dead_share"]


@dataclass(frozen=True)
class Measure:
    """Measures the state of a run, and does not step.

    Attributes
    ----------
    step : TrainingStep
        The step of the run.
    """

    step: TrainingStep

    def __call__(self, state: State, batch: Batch, *, xp: Namespace) -> Measurements:
        """Measure; nothing leaves the device.

        Parameters
        ----------
        state : State
            Parameters and slots.
        batch : Batch
            All samples.
        xp : namespace
            That of the arrays.

        Returns
        -------
        dict of str to array
            0-d each: "cost"; "dead_share/{l}" for each hidden layer l that rectifies;
            "gradient_norm/{name}" for each of `W1, b1 … WL, bL`.
        """
        step, parameters = self.step, state.parameters
        outputs, inputs = step.forward(parameters, batch, xp)
        gradients = step.backward(parameters, batch, outputs, inputs, 1.0, xp)
        cost = step.head.cost(outputs[-1], batch.targets, batch.m, xp)
        measured = step.reduce.sum({"cost": cost})
        if step.penalty is not None:
            for name in (name for form in step.forms for name in form.decayed):
                measured["cost"] = measured["cost"] + step.penalty.cost(parameters[name], xp=xp)
        for layer, g in enumerate(step.activations, start=1):
            if g.rectifies:
                measured[f"dead_share/{layer}"] = dead_share(outputs[layer - 1], xp=xp)
        for form in step.forms:
            norms = form.norms(gradients, batch.ones, xp=xp)
            for name, norm in zip((form.W, form.b), norms, strict=True):
                measured[f"gradient_norm/{name}"] = norm
        return measured


def dead_share(Z: Array, *, xp: Namespace) -> Array:
    """Share of a ReLU layer's units that are off for every sample, and so learn nothing.

    Parameters
    ----------
    Z : array
        The layer's linear part, (n_l, m).
    xp : namespace
        The array's namespace.

    Returns
    -------
    array
        0-d, from 0 to 1, in the dtype of `Z`.
    """
    return xp.mean(xp.astype(xp.all(Z <= 0, axis=1), Z.dtype))
