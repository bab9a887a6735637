"""The size of a gradient, without overflow."""

from portable_dnn.arrays.contract import Array, Namespace

__all__ = ["gradient_norm"]


def gradient_norm(gradient: Array, *, xp: Namespace) -> Array:
    """Frobenius norm of a gradient.

    Parameters
    ----------
    gradient : array
        Any shape, floating.
    xp : namespace
        The array's namespace.

    Returns
    -------
    array
        0-d, in the dtype of `gradient`.
    """
    # Scaled, so that squares neither overflow nor vanish before the norm itself does.
    peak = xp.max(xp.abs(gradient))
    # The limit keeps 1 / scale, by which XLA multiplies, from being subnormal.
    limit = float(xp.finfo(gradient.dtype).max) / 8.0
    scale = xp.where(peak > 0.0, xp.minimum(peak, limit), 1.0)
    squares = gradient / scale
    squares *= squares  # in place where the library can: W1 may be large
    return scale * xp.sqrt(xp.sum(squares))
