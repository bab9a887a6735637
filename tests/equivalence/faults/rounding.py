"""Rounding to the formats of reduced precision."""

import numpy as np


def to_bits(x, bits):
    """Keep so many significant bits of float32 numbers, rounding to nearest even."""
    x = np.ascontiguousarray(x, dtype=np.float32)
    drop = np.uint32(24 - bits)
    whole = x.view(np.uint32)
    half = np.uint32((1 << (int(drop) - 1)) - 1)
    odd = (whole >> drop) & np.uint32(1)
    rounded = (whole + half + odd) >> drop << drop
    return np.where(np.isfinite(x), rounded.view(np.float32), x)


def tf32(x):
    return to_bits(x, 11)


def bfloat16(x):
    return to_bits(x, 8)


def float16(x):
    return x.astype(np.float16).astype(x.dtype)


def flushed(x):
    tiny = np.finfo(x.dtype).tiny
    return np.where(np.abs(x) < tiny, np.zeros_like(x), x)


def truncated(x, dtype):
    """Round float64 numbers toward zero."""
    near = x.astype(dtype)
    return np.where(np.abs(near) > np.abs(x), np.nextafter(near, dtype.type(0)), near)
