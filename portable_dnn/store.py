"""Moved to `portable_dnn.models.store`; this path goes with the next release."""

from portable_dnn.models import store
from portable_dnn.moved import forwarded

__getattr__ = forwarded(__name__, store)
