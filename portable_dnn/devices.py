"""Moved to `portable_dnn.arrays.devices`; this path goes with the next release."""

from portable_dnn.arrays import devices
from portable_dnn.moved import forwarded

__getattr__ = forwarded(__name__, devices)
