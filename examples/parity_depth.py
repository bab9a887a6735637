"""Depth beats width on parity: n - 1 small gates in a tree against 2**(n-1) units in one layer.

Claim (the course's "circuit theory" argument; Hastad 1986): the XOR of n bits is a tree of n - 1
gates, log2(n) layers deep, while in one layer of AND units each of the 2**(n-1) odd inputs needs
its own. Here all networks are ReLU networks built by hand, and each is tried on all 2**n inputs.

The claim is about AND units. A unit that adds all n bits up can count, and n such units in one
layer are enough, with n**2 weights; the tree has about 8 n.
"""

import sys

import numpy as np

from portable_dnn import L_model_forward, place, to_host


def every_input(n):
    """All 2**n inputs as columns, with their parity below."""
    bits = (np.arange(2**n) >> np.arange(n)[:, None]) & 1
    return bits.astype(np.float64), bits.sum(axis=0) % 2


def tree_network(n):
    """Layers of gates xor(a, b) = relu(a + b) - 2 relu(a + b - 1), as few as the tree is deep."""
    parameters = {}
    values = np.eye(n)  # row i says how value i is summed up from the units of the layer before
    layer = 1
    while len(values) > 1:
        pairs = values[: len(values) // 2 * 2].reshape(-1, 2, values.shape[1]).sum(axis=1)
        odd_one_out = values[len(pairs) * 2 :]  # has no partner: carried on by a unit of its own
        W = np.vstack([np.repeat(pairs, 2, axis=0), odd_one_out])
        b = np.array([0.0, -1.0] * len(pairs) + [0.0] * len(odd_one_out))
        parameters |= {f"W{layer}": W, f"b{layer}": b[:, None]}
        values = np.zeros((len(pairs) + len(odd_one_out), len(W)))
        values[: len(pairs), : 2 * len(pairs)] = np.kron(np.eye(len(pairs)), [1.0, -2.0])
        values[len(pairs) :, 2 * len(pairs) :] = 1.0
        layer += 1
    # The logit is parity - 1/2, so that the sigmoid's answer is on the right side of 1/2.
    return parameters | {f"W{layer}": values, f"b{layer}": np.array([[-0.5]])}


def and_network(n):
    """One hidden layer: an AND unit for each odd input, then their OR (a sum)."""
    X, parity = every_input(n)
    odd = X[:, parity == 1].T
    W1, b1 = 2 * odd - 1, 1 - odd.sum(axis=1, keepdims=True)
    return {"W1": W1, "b1": b1, "W2": np.ones((1, len(odd))), "b2": np.array([[-0.5]])}


def counting_network(n):
    """One hidden layer: unit k is relu(number of ones - k), and their sum zigzags 0, 1, 0, 1 ..."""
    zigzag = np.array([[1.0] + [2.0 * (-1) ** k for k in range(1, n)]])
    b1 = -np.arange(n, dtype=np.float64)[:, None]
    return {"W1": np.ones((n, n)), "b1": b1, "W2": zigzag, "b2": np.array([[-0.5]])}


def measure(network, n, device=None):
    """Hidden layers, hidden units, and wrong answers among all 2**n inputs."""
    X, parity = every_input(n)
    _, caches = L_model_forward(place(X, device), place(network, device))
    wrong = int((to_host(caches[-1].activation)[0] + 0.5 != parity).sum())
    return len(caches) - 1, sum(len(network[f"b{i}"]) for i in range(1, len(caches))), wrong


def main(device=None):
    """Print the table."""
    print("                      tree           AND layer      counting layer")
    print(" n  inputs  gates   layers  units      units             units       wrong answers")
    for n in (2, 4, 6, 8, 10, 12):
        tree, wide, counting = (
            measure(build(n), n, device) for build in (tree_network, and_network, counting_network)
        )
        wrong = tree[2] + wide[2] + counting[2]
        print(
            f"{n:2d} {2**n:7d} {n - 1:6d} {tree[0]:8d} {tree[1]:6d} {wide[1]:10d} "
            f"{counting[1]:17d} {wrong:19d}"
        )
    print(
        "No network errs: the tree grows by about 2 units a bit, the AND layer doubles with each."
    )


if __name__ == "__main__":
    main(*sys.argv[1:2])
