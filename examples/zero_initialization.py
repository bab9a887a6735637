"""Units that start equal stay equal: with zeros a hidden layer never learns, however wide it is.

Claim (the course's section on random initialisation; Goodfellow et al. 2016, section 8.4): units
that start with the same weights get the same gradient and stay copies. All zeros is worse still:
the gradient of W1 is W2^T times something and that of W2 is something times A1, so both are 0 and
only the last bias can move: the cost cannot fall below that of guessing, ln 2 where half the labels
are 1.
"""

import sys
import warnings

import numpy as np

from portable_dnn import initialize_parameters_deep, place, to_host, train

LAYERS = (2, 8, 1)


def points():
    """200 points in the plane; the half nearer to the middle are class 1."""
    X = np.random.RandomState(1).randn(2, 200)
    distance = np.sum(X * X, axis=0, keepdims=True)
    return X, (distance < np.median(distance)).astype(np.float64)


def start(method):
    """Start parameters: "zeros", "lecun", or "equal", where all units of lecun copy the first."""
    if method != "equal":
        return initialize_parameters_deep(LAYERS, method=method)
    parameters = initialize_parameters_deep(LAYERS, method="lecun")
    parameters["W1"][:] = parameters["W1"][0]
    parameters["W2"][:] = 0.5
    return parameters


def learn(method, device=None, num_iterations=1000):
    """First and last cost, the largest difference between rows of W1, and how far W1 moved."""
    first = start(method)
    X, Y = (place(array, device) for array in points())
    parameters, history = train(
        X, Y, place(first, device), learning_rate=1.0, num_iterations=num_iterations
    )
    W1 = to_host(parameters["W1"])
    spread = float(np.max(np.ptp(W1, axis=0)))
    return history.cost[0], history.final_cost, spread, float(np.linalg.norm(W1 - first["W1"]))


def main(device=None):
    """Print the table."""
    print("start   first cost  last cost  rows of W1 differ by  W1 moved by")
    for method in ("zeros", "equal", "lecun"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the one that says what this shows
            first, last, spread, moved = learn(method, device)
        print(f"{method:6s} {first:11.6f} {last:10.6f} {spread:21.6f} {moved:12.6f}")
    print(
        f"From zeros nothing moves and the cost stays at ln 2 = {np.log(2):.6f}; from equal rows "
        "8 units learn what one could;\nonly the random start tells them apart."
    )


if __name__ == "__main__":
    main(*sys.argv[1:2])
