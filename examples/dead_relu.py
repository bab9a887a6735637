"""A ReLU that is off for every sample gets no gradient and stays off; a leaky one comes back.

Claim (Maas et al. 2013; Karpathy, CS231n): relu' is 0 for Z <= 0, so a unit with Z < 0 on all
samples has a gradient of exactly 0 and never changes again: it is dead. Two causes: a bias far
below 0, and a learning rate that is too large. Leaky ReLU keeps 1 % of the gradient, and that is
enough.

`history.dead_share` is the share of dead units in each hidden layer, measured while training.
"""

import sys

import numpy as np

from portable_dnn import initialize_parameters_deep, place, train

CASES = {"bias of -3": (-3.0, 2.0), "step of 20": (0.0, 20.0)}  # b1 at the start, learning rate


def points():
    """200 points of a square; those on one side of a diagonal are class 1."""
    X = np.random.RandomState(1).uniform(-1.0, 1.0, (2, 200))
    total = np.sum(X, axis=0, keepdims=True)
    return X, (total < np.median(total)).astype(np.float64)


def learn(hidden, bias, learning_rate, device=None, num_iterations=1000):
    """Train 8 hidden units and return the history, with a record of every iteration."""
    parameters = initialize_parameters_deep((2, 8, 1))
    parameters["b1"] += bias
    X, Y = (place(array, device) for array in points())
    return train(
        X,
        Y,
        place(parameters, device),
        hidden=hidden,
        learning_rate=learning_rate,
        num_iterations=num_iterations,
        record_every=1,
    ).history


def main(device=None):
    """Print the table."""
    print("case        hidden      dead at 0, 1, 2, 3, end    |dW1| at end  last cost")
    for case, (bias, learning_rate) in CASES.items():
        for hidden in ("relu", "leaky_relu"):
            history = learn(hidden, bias, learning_rate, device)
            dead = [history.dead_share[i][0] for i in (0, 1, 2, 3, -1)]
            shares = " ".join("   -" if share is None else f"{share:4.0%}" for share in dead)
            norm = history.gradient_norm[-1]["W1"]
            print(f"{case:11s} {hidden:11s} {shares} {norm:14.6f} {history.final_cost:10.4f}")
    print(
        "Once all ReLU units are dead the gradient is exactly 0 and the cost stays where it is; "
        "the leaky ones learn\nfrom the same start."
    )


if __name__ == "__main__":
    main(*sys.argv[1:2])
