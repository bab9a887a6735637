"""The size of a gradient, without overflow."""

from portable_dnn.backend import Array, Namespace

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
    scaled = gradient / xp.where(peak > 0.0, peak, 1.0)
    return peak * xp.sqrt(xp.sum(scaled * scaled))
