"""Whether a peer trained the same network: no time is reported before this is known."""

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["judge"]

# Float64: a difference of 1e-16 grows over the run, where gates of ReLUs flip, to some 1e-12.
FLOAT64 = 1e-9
# Float32 scatters over a factor of 1.6 at the end under a mere permutation of the samples, so it
# is judged before the first gate flips, and at the end only for being in the same region.
EARLY = 1e-6
REGION = 1.6


def judge(
    result: Mapping[str, Any], reference: Mapping[str, Any], dtype: str, *, exact: bool = True
) -> str:
    """Hold a measurement's costs against the reference's.

    Parameters
    ----------
    result, reference : mapping
        What two workers gave; the reference is trusted, such as the course's program in float64.
    dtype : str
        What the peer computed in.
    exact : bool
        Whether the peer computes all of it in float64 when told so.

    Returns
    -------
    str
        What is wrong; empty if it is the same training.
    """
    early = abs(result["early_cost"] - reference["early_cost"])
    if not early <= EARLY:
        return f"its early cost differs by {early:.1e} from the reference"
    cost, expected = result["final_cost"], reference["final_cost"]
    if dtype == "float64" and exact:
        pairs = zip([*result["costs"], cost], [*reference["costs"], expected], strict=True)
        differences = [abs(found - theirs) for found, theirs in pairs]
        # Asked this way round, NaN is not close to anything.
        far = [difference for difference in differences if not difference <= FLOAT64]
        return f"its costs differ by {far[0]:.1e} from the reference" if far else ""
    if not (math.isfinite(cost) and expected / REGION <= cost <= expected * REGION):
        return f"its final cost is {cost:.4f}, that of the reference {expected:.4f}"
    return ""
