"""What is worth knowing about a step: the cost, dead ReLU units, the size of each gradient."""

from collections.abc import Sequence

from portable_dnn.arrays.contract import Array, Measurements, Namespace, Parameters
from portable_dnn.network.activations import Activation
from portable_dnn.network.losses import compute_cost_from_logits
from portable_dnn.training.first_layer import FirstLayer, Samples
from portable_dnn.training.joined import split
from portable_dnn.training.norms import gradient_norm

__all__ = ["dead_share", "measure"]


def measure(
    Y: Array,
    samples: Samples,
    outputs: Sequence[Array],
    moves: Parameters,
    activations: Sequence[Activation],
    learning_rate: float,
    *,
    xp: Namespace,
    first: FirstLayer,
) -> Measurements:
    """Measure a step; nothing leaves the device.

    Parameters
    ----------
    Y : array
        Labels, (n_L, m).
    samples : Samples
        What the step was given.
    outputs : sequence of array
        `Z1 … ZL`.
    moves : mapping of str to array
        What each part of the state moves by, −α times its gradient.
    activations : sequence of Activation
        Those of the hidden layers.
    learning_rate : float
        α.
    xp : namespace
        The arrays' namespace.
    first : FirstLayer
        How the run holds layer 1.

    Returns
    -------
    dict of str to array
        0-d each: "cost"; "dead_share/{l}" for each hidden layer l that rectifies;
        "gradient_norm/{name}" for each parameter, in the order of the layers.
    """
    measured = {"cost": compute_cost_from_logits(outputs[-1], Y, xp=xp)}
    for layer, g in enumerate(activations, start=1):
        if g.rectifies:
            measured[f"dead_share/{layer}"] = dead_share(outputs[layer - 1], xp=xp)
    norms = first.norms(moves, samples, xp=xp)
    for name, move in split(moves).items():
        norms[name] = gradient_norm(move, xp=xp)
    return measured | {f"gradient_norm/{name}": n / learning_rate for name, n in norms.items()}


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
