"""Moved to `portable_dnn.arrays.contract`; this path goes with the next release."""

from portable_dnn.arrays import contract, contract_1
from portable_dnn.moved import forwarded

__getattr__ = forwarded(__name__, contract, contract_1)
