"""Moved to `portable_dnn.arrays.registry`; this path goes with the next release."""

from portable_dnn.arrays import registry
from portable_dnn.moved import forwarded

__getattr__ = forwarded(__name__, registry)
