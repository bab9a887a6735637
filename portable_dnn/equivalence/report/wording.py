"""Numbers as people read them, in tables and sentences."""

import math

__all__ = ["number"]


def number(x: float | None) -> str:
    """Write a number, not below 0, with about three digits and spaces between thousands.

    Parameters
    ----------
    x : float or None
        An error in ulps, a bound, a spread.

    Returns
    -------
    str
        Such as "0.613", "96", "2 140", "3.1e+09"; "-" for None.
    """
    if x is None:
        return "-"
    if x >= 1e7 or not math.isfinite(x) or 0 < x < 1e-3:
        return f"{x:.1e}" if math.isfinite(x) else f"{x}"
    return f"{x:,.0f}".replace(",", " ") if x >= 100 else f"{x:.3g}"
