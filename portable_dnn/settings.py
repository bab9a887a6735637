"""Moved to `portable_dnn.training.settings`; this path goes with the next release."""

from portable_dnn.moved import forwarded
from portable_dnn.training import settings

__getattr__ = forwarded(__name__, settings)
