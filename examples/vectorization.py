"""The loop over the samples and the matrix product compute the same gradient; one is far faster.

Claim (the course, week 2): with the samples as columns of X, Z = W X + b and dW = dZ A^T / m are
the loop over the samples, written as one product. The sums are taken in another order, so the
numbers agree to rounding (about 1e-16), not always to the bit.
"""

import sys
import time

import numpy as np

from portable_dnn import (
    L_model_backward,
    L_model_forward,
    initialize_parameters_deep,
    place,
    to_host,
)


def vectorised(X, Y, parameters):
    """Gradients of all samples at once."""
    AL, caches = L_model_forward(X, parameters)
    grads = L_model_backward(AL, Y, caches)
    return to_host({name: grads[f"d{name}"] for name in parameters})


def looped(X, Y, parameters):
    """The mean of the gradients of one sample after the other."""
    m = X.shape[1]
    one_by_one = [vectorised(X[:, i : i + 1], Y[:, i : i + 1], parameters) for i in range(m)]
    return {name: sum(grads[name] for grads in one_by_one) / m for name in parameters}


def problem(device=None, m=209):
    """A batch of the course's size with made-up pixels, and its network."""
    random = np.random.RandomState(1)
    X, Y = random.uniform(size=(768, m)), random.randint(0, 2, size=(1, m))
    parameters = initialize_parameters_deep((768, 20, 7, 5, 1))
    return place(X, device), place(Y, device), place(parameters, device)


def largest_differences(X, Y, parameters):
    """Largest difference between the two ways, and largest entry, for each gradient."""
    a, b = looped(X, Y, parameters), vectorised(X, Y, parameters)
    return {name: (np.abs(a[name] - b[name]).max(), np.abs(b[name]).max()) for name in a}


def seconds(way, *arguments):
    """Seconds of the fastest of 5 calls."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        way(*arguments)
        times.append(time.perf_counter() - begin)
    return min(times)


def main(device=None):
    """Print the table."""
    arguments = problem(device)
    print("gradient  largest difference  largest entry")
    for name, (difference, size) in largest_differences(*arguments).items():
        print(f"d{name:8s} {difference:18.1e} {size:14.1e}")
    loop, product = seconds(looped, *arguments), seconds(vectorised, *arguments)
    print(f"loop {1e3 * loop:.1f} ms, product {1e3 * product:.2f} ms")
    print(f"The same numbers to rounding, {loop / product:.0f} times as fast without the loop.")


if __name__ == "__main__":
    main(*sys.argv[1:2])
