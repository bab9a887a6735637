"""What NumPy does at overflow and its like, whatever the process has set."""

import numpy as np

__all__ = ["usual_errors"]

# Underflow is no error: most exponentials of a trained network come near it.
usual_errors = np.errstate(divide="warn", over="warn", under="ignore", invalid="warn")
"""Decorates a function that computes; where `numpy.seterr` raises, arithmetic would end in it."""
