"""A sum of k ReLU units comes as close as you like to a smooth function: the error falls as 1/k**2.

Claim (the course's "sums of ReLU" argument; the error of piecewise linear interpolation is at most
h**2 / 8 * max|f''| for knots h apart, de Boor 1978): one hidden layer of k ReLU units passes
through f at k + 1 knots, a unit for each change of slope. For x**2 on [-1, 1] the bound is reached:
the error is exactly 1 / k**2.
"""

import sys

import numpy as np

from portable_dnn import linear_activation_forward, linear_forward, place, to_host

FUNCTIONS = {"x^2 on [-1, 1]": (np.square, -1.0, 1.0), "tanh on [-3, 3]": (np.tanh, -3.0, 3.0)}


def relu_sum(f, left, right, k):
    """Build f(left) + the sum of k units c_i relu(x - t_i), equal to f at k + 1 knots."""
    knots = np.linspace(left, right, k + 1)
    slopes = np.diff(f(knots)) / np.diff(knots)
    return {
        "W1": np.ones((k, 1)),
        "b1": -knots[:k, None],
        "W2": np.diff(slopes, prepend=0.0)[None, :],  # each unit adds the change of slope
        "b2": np.array([[f(left)]]),
    }


def largest_error(f, left, right, k, device=None):
    """Largest |f - network| on a grid that holds the middle of every piece, where it is worst."""
    x = np.linspace(left, right, 64 * k + 1)[None, :]
    network = place(relu_sum(f, left, right, k), device)
    A1, _ = linear_activation_forward(place(x, device), network["W1"], network["b1"], "relu")
    Z2, _ = linear_forward(A1, network["W2"], network["b2"])
    return float(np.max(np.abs(to_host(Z2) - f(x))))


def main(device=None):
    """Print the table."""
    for name, (f, left, right) in FUNCTIONS.items():
        print(f"{name}\n  units  largest error  ratio")
        last = None
        for k in (4, 8, 16, 32, 64):
            error = largest_error(f, left, right, k, device)
            print(f"{k:7d} {error:14.8f}" + (f" {last / error:6.2f}" if last else ""))
            last = error
    print("Twice the units, a quarter of the error: a sum of ReLUs bends into either function.")


if __name__ == "__main__":
    main(*sys.argv[1:2])
