"""What is worth knowing about a step: the cost, dead ReLU units, the size of each gradient."""

from collections.abc import Sequence

from portable_dnn.activations import Activation
from portable_dnn.backend import Array, Measurements, Namespace, Parameters
from portable_dnn.first_layer import FirstLayer
from portable_dnn.layers import LayerCache
from portable_dnn.losses import compute_cost_from_logits
from portable_dnn.norms import gradient_norm

__all__ = ["dead_share", "measure"]


def measure(
    Y: Array,
    caches: Sequence[LayerCache],
    grads: Parameters,
    activations: Sequence[Activation],
    *,
    xp: Namespace,
    first: FirstLayer,
) -> Measurements:
    """Measure a step; nothing leaves the device.

    Parameters
    ----------
    Y : array
        Labels, (n_L, m).
    caches : sequence of LayerCache
        As `L_model_forward` returned them.
    grads : mapping of str to array
        As `L_model_backward` returned them.
    activations : sequence of Activation
        Those of the hidden layers.
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
    measured = {"cost": compute_cost_from_logits(caches[-1].activation, Y, xp=xp)}
    for layer, g in enumerate(activations, start=1):
        if g.rectifies:
            measured[f"dead_share/{layer}"] = dead_share(caches[layer - 1].activation, xp=xp)
    norms = first.gradient_norms(grads, caches[0].linear, xp=xp)
    for layer in range(2, len(caches) + 1):
        for name in (f"W{layer}", f"b{layer}"):
            norms[name] = gradient_norm(grads[f"d{name}"], xp=xp)
    return measured | {f"gradient_norm/{name}": norm for name, norm in norms.items()}


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
