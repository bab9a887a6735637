"""The training step of release 0.1, kept to hold today's numbers against: NumPy, gradient descent.

It is that release's `step`, `joined`, `first_layer` and `span` in one, in the same order of
operations, without what only measured.
"""

import array_api_compat.numpy
import numpy as np

from portable_dnn.network.activations import hidden_activations
from portable_dnn.network.pixels import PIXEL_SCALE

XP = array_api_compat.numpy
BLOCK = 2048


def _join(parameters):
    return {
        f"W{layer}": np.concatenate((parameters[f"W{layer}"], parameters[f"b{layer}"]), axis=1)
        for layer in range(2, len(parameters) // 2 + 1)
    }


def _hold_in_span(X, parameters):
    """K, Z1 and C1, summed in float64 a block of features at a time."""
    W1, b1 = parameters["W1"], parameters["b1"]
    m = X.shape[1]
    K, Z1 = np.zeros((m, m)), np.zeros((len(W1), m))
    size = len(X) if X.dtype == np.float64 else BLOCK
    for start in range(0, len(X), size):
        rows = X[start : start + size].astype(np.float64, copy=False)
        K += rows.T @ rows
        Z1 += W1[:, start : start + size].astype(np.float64, copy=False) @ rows
    if X.dtype == np.uint8:
        K /= PIXEL_SCALE**2
        Z1 /= PIXEL_SCALE
    K += 1.0
    Z1 = (Z1 + b1.astype(np.float64, copy=False)).astype(W1.dtype, copy=False)
    return K.astype(W1.dtype, copy=False), {"Z1": Z1, "C1": np.zeros_like(Z1), **_join(parameters)}


def _leave_span(X, parameters, state):
    C1, W1 = state["C1"], parameters["W1"]
    if X.dtype == np.uint8:
        blocks = (X[start : start + BLOCK] for start in range(0, len(X), BLOCK))
        moved = [C1 @ block.astype(C1.dtype).T for block in blocks]
        W1 = W1 + np.concatenate(moved, axis=1) / PIXEL_SCALE
    else:
        W1 = W1 + C1 @ X.T
    return {"W1": W1, "b1": parameters["b1"] + C1.sum(axis=1, keepdims=True)}


def _step(state, X, ones, signs, layers, rate, *, compressed):
    Z = state["Z1"] if compressed else state["W1"] @ X + state["b1"]
    outputs, inputs = [Z], []
    for name, g in layers:
        A = np.concatenate((g.forward(Z, xp=XP)[0], ones))
        Z = state[name] @ A
        inputs.append(A)
        outputs.append(Z)
    dZ = (np.tanh(0.5 * Z) + signs) * (-0.5 * rate / signs.shape[1])
    moves = {}
    for (name, g), A, Z in zip(layers[::-1], inputs[::-1], outputs[-2::-1], strict=True):
        moves[name] = dZ @ A.T
        dZ = g.backward(state[name][:, :-1].T @ dZ, Z, xp=XP)
    moves |= {"Z1": dZ @ X, "C1": dZ} if compressed else {"W1": dZ @ X.T, "b1": dZ @ ones.T}
    return {name: moves[name] + array for name, array in state.items()}


def train_0_1(X, Y, parameters, hidden, rate, iterations, *, compressed):
    """Train as release 0.1 did; return `W1, b1 … WL, bL`."""
    dtype = parameters["W1"].dtype
    activations = hidden_activations(hidden, len(parameters) // 2 - 1)
    layers = [(f"W{layer}", g) for layer, g in enumerate(activations, start=2)]
    if compressed:
        inputs, state = _hold_in_span(X, parameters)
    else:
        inputs = X.astype(dtype) / PIXEL_SCALE if X.dtype == np.uint8 else X
        state = {"W1": parameters["W1"], "b1": parameters["b1"], **_join(parameters)}
    ones, signs = np.ones((1, X.shape[1]), dtype), 1.0 - 2.0 * Y.astype(dtype)
    for _ in range(iterations):
        state = _step(state, inputs, ones, signs, layers, rate, compressed=compressed)
    found = _leave_span(X, parameters, state) if compressed else {n: state[n] for n in ("W1", "b1")}
    for name, _ in layers:
        found[name], found[f"b{name[1:]}"] = state[name][:, :-1], state[name][:, -1:]
    return found
