"""Weights of 0.01 stall a deep network at the cost of guessing, weights of 1/sqrt(n) do not.

Claim (the course, week 4; LeCun et al. 1998, Glorot & Bengio 2010, He et al. 2015): if each layer
shrinks what passes through it, four layers let neither the picture forward nor the gradient back.
Only the last bias learns, and it learns the share p of cats: the cost stops at the entropy of the
labels, -p ln p - (1 - p) ln(1 - p). On the course's data p = 72/209 and that is 0.644.

    python examples/initialization_scale.py [DEVICE [DATA.h5]]

DATA.h5 is a file with the course's keys; without it, the built-in pictures are used, with cats left
out until p is the course's, 0.34. Only every fourth pixel of each row and column is used, to finish
in seconds.
"""

import sys

import numpy as np

from portable_dnn import flatten_images, initialize_parameters_deep, place, scale_pixels, train
from portable_dnn.data import builtin_dataset, read_dataset


def pictures(path=None):
    """Small pictures as columns of bytes, and their labels."""
    dataset = read_dataset(path) if path else builtin_dataset(seed=1)
    images, labels = dataset.train.images[:, ::4, ::4], dataset.train.labels
    if path is None:
        keep = (labels == 0) | (np.cumsum(labels) <= 55)
        images, labels = images[keep], labels[keep]
    return flatten_images(images), labels[None, :]


def label_entropy(labels):
    """The lowest cost of an answer that does not look at the picture."""
    p = labels.mean()
    return float(-p * np.log(p) - (1 - p) * np.log(1 - p))


def costs(method, X, Y, device=None, num_iterations=2500):
    """Cost every 500 iterations and at the end, for the course's network and learning rate."""
    layer_dims = (X.shape[0], 20, 7, 5, 1)
    parameters = place(initialize_parameters_deep(layer_dims, method=method), device)
    X, Y = scale_pixels(place(X, device)), place(Y, device)
    history = train(X, Y, parameters, num_iterations=num_iterations, record_every=500).history
    return [*history.cost, history.final_cost]


def main(device=None, path=None):
    """Print the table."""
    X, Y = pictures(path)
    small, lecun = (costs(method, X, Y, device) for method in ("small", "lecun"))
    print(f"{Y.sum()} of {Y.size} pictures are cats: entropy of the labels {label_entropy(Y):.4f}")
    print("iteration  0.01 (small)  1/sqrt(n) (lecun)")
    for i, (a, b) in enumerate(zip(small, lecun, strict=True)):
        print(f"{500 * i:9d} {a:13.4f} {b:18.4f}")
    print(
        "The small start has learned how many cats there are and nothing else; the other one goes "
        "on learning."
    )


if __name__ == "__main__":
    main(*sys.argv[1:3])
