"""Exact costs."""

from dataclasses import replace

import numpy as np

from portable_dnn.arrays.contract import HostArray
from portable_dnn.equivalence.exact.functions import evaluate
from portable_dnn.equivalence.exact.pairs import Pair, add, divide, pair, product, subtract
from portable_dnn.equivalence.exact.truth import Truth

__all__ = ["cost_of_logits", "cost_of_probabilities"]


def cost_of_logits(z: HostArray, y: HostArray) -> Truth:
    """Mean cross-entropy of logits; of terms that are all positive.

    Parameters
    ----------
    z, y : numpy.ndarray
        (1, m); labels 0 or 1.

    Returns
    -------
    Truth
    """
    # max(z, 0) − z y is |z| where the sign says the wrong class, else 0.
    wrong = pair(np.where(y == 1, np.maximum(-z, 0), np.maximum(z, 0)))
    losses = add(wrong, evaluate("softplus", pair(z), z.dtype))
    total = _total("cost from logits", losses, z.shape[1], 0.0)
    # An infinite logit may meet itself: ∞ − ∞.
    return total if np.isfinite(z).all() else replace(total, reach=np.asarray(np.inf))


def cost_of_probabilities(a: HostArray, y: HostArray) -> Truth:
    """Mean cross-entropy of probabilities `a`; parameters as for `cost_of_logits`."""
    right = pair(a)
    other = subtract(pair(np.ones_like(a)), right)
    taken = Pair(*(np.where(y == 1, r, o) for r, o in zip(right, other, strict=True)))
    certain = taken.hi == 0
    positive = Pair(np.where(certain, 1.0, taken.hi), np.where(certain, 0.0, taken.lo))
    logs = evaluate("log", positive, a.dtype)
    losses = Pair(np.where(certain, np.inf, -logs.hi), -logs.lo)
    # 1 − A is rounded, and a relative error of p is an absolute error of log p.
    total = _total("cost from probabilities", losses, a.shape[1], float(np.mean(y != 1)))
    # The logarithm of a number that is treated as 0 is −∞.
    tiny = float(np.finfo(a.dtype).tiny)
    lost = ((taken.hi > 0) & (taken.hi < tiny)).any()
    return replace(total, flushed=np.inf) if lost else total


def _total(kind: str, losses: Pair, m: int, more: float) -> Truth:
    """Mean of losses, a 0-d result."""
    flat = Pair(*(x.reshape(1, -1) for x in losses))
    if not np.isfinite(flat.hi).all():
        value = pair(np.asarray(flat.hi.sum()))
        return Truth(kind, (), value, np.asarray(np.inf), inner=m)
    total = divide(product(flat, pair(np.ones((flat.hi.shape[1], 1)))), m)
    size = np.asarray(np.abs(flat.hi).sum() / m + more)
    value = Pair(total.hi.reshape(()), total.lo.reshape(()))
    return Truth(kind, (), value, size, inner=m, flushed=8.0, terms=lambda _: flat.hi[0])
