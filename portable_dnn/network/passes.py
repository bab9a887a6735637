"""The stack of layers, forward and backward: hidden layers of any activation, a sigmoid output."""

from collections.abc import Mapping, Sequence

from portable_dnn.arrays.contract import Array, Namespace, Parameters
from portable_dnn.arrays.namespaces import common_namespace
from portable_dnn.arrays.process_settings import undisturbed
from portable_dnn.arrays.shapes import (
    check_input,
    check_labels,
    check_names,
    check_parameters,
    check_same_shape,
)
from portable_dnn.errors import ShapeError
from portable_dnn.network.activations import Hidden, hidden_activations
from portable_dnn.network.heads import SIGMOID
from portable_dnn.network.layers import (
    LayerCache,
    check_cache,
    linear_activation_forward,
    linear_backward,
    linear_forward,
)
from portable_dnn.network.losses import cost_gradient
from portable_dnn.setting_checks import check_flag, described

__all__ = ["L_model_backward", "L_model_forward", "check_network"]


def check_network(
    X: Array,
    parameters: Parameters,
    labels: Mapping[str, Array] | None = None,
    *,
    pixels: bool = False,
) -> tuple[Namespace, tuple[int, ...]]:
    """Check at the door that input, labels and parameters fit each other.

    Parameters
    ----------
    X : array
        Input, (n_x, m).
    parameters : mapping of str to array
        `W1, b1 … WL, bL`.
    labels : mapping of str to array, optional
        `Y`, (n_L, m), where there are labels.
    pixels : bool
        Whether X is bytes, which have no floating dtype to agree in.

    Returns
    -------
    xp : namespace
        The one that all arrays share.
    layer_dims : tuple of int
        `n_0 … n_L`.

    Raises
    ------
    ShapeError, DTypeError, DeviceError
        If they do not; the message names the layer or the two devices.
    """
    check_names(parameters)
    labels = {} if labels is None else labels
    if pixels:
        xp = common_namespace(parameters, {"X": X, **labels})
    else:
        xp = common_namespace({"X": X, **parameters}, labels)
    dims = check_parameters(parameters)
    check_input(X, dims[0])
    for Y in labels.values():
        check_labels(Y, dims[-1], X.shape[1])
    return xp, dims


@undisturbed
def L_model_forward(
    X: Array,
    parameters: Parameters,
    hidden: Hidden = "relu",
    *,
    xp: Namespace | None = None,
) -> tuple[Array, list[LayerCache]]:
    """Run the network: hidden layers, then a sigmoid output.

    Parameters
    ----------
    X : array
        Input, (n_x, m), a column a sample.
    parameters : mapping of str to array
        `W1, b1 … WL, bL`.
    hidden : str, Activation or sequence of these
        Activation of all hidden layers, or one for each.
    xp : namespace, optional
        The arrays' namespace, if the caller has checked them.

    Returns
    -------
    AL : array
        Probabilities of class 1, (n_L, m).
    caches : list of LayerCache
        `((A_prev, W, b), Z)` of each layer; `caches[-1].activation` are the logits.

    Raises
    ------
    SettingError
        If an activation is unknown.
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import L_model_forward, initialize_parameters_deep
    >>> parameters = initialize_parameters_deep([4, 3, 1])
    >>> AL, caches = L_model_forward(np.ones((4, 5)), parameters)
    >>> AL.shape, len(caches)
    ((1, 5), 2)
    """
    if xp is None:
        xp, _ = check_network(X, parameters)
    L = len(parameters) // 2
    A, caches = X, []
    for layer, g in enumerate(hidden_activations(hidden, L - 1), start=1):
        A, cache = linear_activation_forward(
            A, parameters[f"W{layer}"], parameters[f"b{layer}"], g, xp=xp
        )
        caches.append(cache)
    Z, linear_cache = linear_forward(A, parameters[f"W{L}"], parameters[f"b{L}"], xp=xp)
    return SIGMOID.probabilities(Z, xp=xp), [*caches, LayerCache(linear_cache, Z)]


@undisturbed
def L_model_backward(
    AL: Array,
    Y: Array,
    caches: Sequence[LayerCache | tuple[tuple[Array, Array, Array], Array]],
    hidden: Hidden = "relu",
    *,
    input_gradient: bool = False,
    xp: Namespace | None = None,
) -> dict[str, Array]:
    """Derivatives of the cross-entropy cost by everything in the network.

    Parameters
    ----------
    AL : array
        Probabilities, (n_L, m), as `L_model_forward` returned them.
    Y : array
        Labels 0 or 1, (n_L, m), any real dtype.
    caches : sequence of LayerCache or tuple
        As `L_model_forward` returned them.
    hidden : str, Activation or sequence of these
        What `L_model_forward` was given.
    input_gradient : bool
        Whether `dA0`, the derivative by X, is wanted too: a third of the work.
    xp : namespace, optional
        The arrays' namespace, if the caller has checked them.

    Returns
    -------
    dict of str to array
        `dW1, db1 … dWL, dbL`, derivatives of the cost (a mean over the samples), and
        `dA1 … dA{L-1}`, where `dA{l}` is the derivative by the output of layer l and not divided
        by m, as the course has it.

    Raises
    ------
    SettingError
        If an activation is unknown.
    ShapeError, DTypeError, DeviceError
        If the arrays do not fit each other.

    Examples
    --------
    >>> import numpy as np
    >>> from portable_dnn import L_model_backward, L_model_forward, initialize_parameters_deep
    >>> parameters = initialize_parameters_deep([4, 3, 1])
    >>> AL, caches = L_model_forward(np.ones((4, 5)), parameters)
    >>> grads = L_model_backward(AL, np.array([[0, 1, 1, 0, 1]]), caches)
    >>> sorted(grads)
    ['dA1', 'dW1', 'dW2', 'db1', 'db2']
    """
    if xp is None:
        xp = _check_caches(AL, Y, caches)
        check_flag(input_gradient, "input_gradient")
    L = len(caches)
    activations = hidden_activations(hidden, L - 1)
    grads: dict[str, Array] = {}
    dZ = cost_gradient(AL, Y, xp=xp)
    for layer in range(L, 0, -1):
        wanted = layer > 1 or input_gradient
        linear_cache = caches[layer - 1][0]
        dA, dW, db = linear_backward(dZ, linear_cache, input_gradient=wanted, xp=xp)
        grads[f"dW{layer}"], grads[f"db{layer}"] = dW, db
        if wanted:
            grads[f"dA{layer - 1}"] = dA
        if layer > 1:
            dZ = activations[layer - 2].backward(dA, caches[layer - 2][1], xp=xp)
    return grads


def _check_caches(
    AL: Array,
    Y: Array,
    caches: Sequence[LayerCache | tuple[tuple[Array, Array, Array], Array]],
) -> Namespace:
    """Check that caches are those of a network whose output is AL."""
    if not isinstance(caches, list | tuple) or not caches:
        raise ShapeError(
            f"the caches are {described(caches)}; give those that L_model_forward returned"
        )
    caches = [check_cache(cache) for cache in caches]
    parameters: dict[str, Array] = {}
    inputs: Mapping[str, Array] = {f"A{i}": linear[0] for i, (linear, _) in enumerate(caches)}
    for layer, ((_, W, b), _) in enumerate(caches, start=1):
        parameters[f"W{layer}"], parameters[f"b{layer}"] = W, b
    outputs = {f"Z{i}": Z for i, (_, Z) in enumerate(caches, start=1)}
    xp = common_namespace({"AL": AL, **inputs, **outputs, **parameters}, {"Y": Y})
    dims = check_parameters(parameters)
    for layer, (name, A) in enumerate(inputs.items(), start=1):
        check_input(A, dims[layer - 1], name, f"W{layer}")
    m = caches[0][0][0].shape[1]
    for layer, ((A, _, _), Z) in enumerate(caches, start=1):
        check_same_shape(A, (dims[layer - 1], m), f"A{layer - 1}", "layers of one batch")
        check_same_shape(Z, (dims[layer], m), f"Z{layer}", f"the output of layer {layer}")
    check_same_shape(AL, (dims[-1], m), "AL", "the output of the last layer")
    check_labels(Y, dims[-1], m)
    return xp
