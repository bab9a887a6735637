"""Moved to `portable_dnn.isolation.readers`; this path goes with the next release."""

from portable_dnn.isolation import readers
from portable_dnn.moved import forwarded

__getattr__ = forwarded(__name__, readers)
