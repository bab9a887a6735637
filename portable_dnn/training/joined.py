"""A layer's W and b as one matrix, [W b]: one product does W A + b, and one gives dW and db.

    [W b] [A]  =  W A + b            dZ [A]ᵀ  =  [dZ Aᵀ   Σ dZ]
          [1]                           [1]

For the small layers of a network whose first is wide, calls cost more than arithmetic: a product
less, a sum less and an update less a layer.
"""

from portable_dnn.arrays.contract import Array, Namespace, Parameters

__all__ = ["bias_of", "join", "split", "weights_of"]


def join(parameters: Parameters, *, xp: Namespace) -> dict[str, Array]:
    """Join the layers from the second on.

    Parameters
    ----------
    parameters : mapping of str to array
        `W1, b1 … WL, bL`.
    xp : namespace
        The arrays' namespace.

    Returns
    -------
    dict of str to array
        `W2 … WL`, each [W b] of shape (n_l, n_{l−1} + 1).
    """
    return {
        f"W{layer}": xp.concat((parameters[f"W{layer}"], parameters[f"b{layer}"]), axis=1)
        for layer in range(2, len(parameters) // 2 + 1)
    }


def split(joined: Parameters) -> dict[str, Array]:
    """Undo `join`.

    Parameters
    ----------
    joined : mapping of str to array
        What `join` returned; other entries are left out.

    Returns
    -------
    dict of str to array
        `W2, b2 … WL, bL`.
    """
    parameters = {}
    layer = 2
    while (Wb := joined.get(f"W{layer}")) is not None:
        parameters[f"W{layer}"], parameters[f"b{layer}"] = weights_of(Wb), bias_of(Wb)
        layer += 1
    return parameters


def weights_of(Wb: Array) -> Array:
    """W of [W b].

    Parameters
    ----------
    Wb : array
        (n_l, n_{l−1} + 1).

    Returns
    -------
    array
        (n_l, n_{l−1}).
    """
    return Wb[:, :-1]


def bias_of(Wb: Array) -> Array:
    """B of [W b].

    Parameters
    ----------
    Wb : array
        (n_l, n_{l−1} + 1).

    Returns
    -------
    array
        (n_l, 1).
    """
    return Wb[:, -1:]
