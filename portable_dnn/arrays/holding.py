"""How an array library holds arrays, as far as that decides how much memory a run takes."""

from typing import NamedTuple

import numpy as np

from portable_dnn.arrays.devices import Device

__all__ = ["EAGER", "Holding", "holding_of"]


class Holding(NamedTuple):
    """How a library holds arrays.

    Attributes
    ----------
    shares_host : bool
        Whether it takes the host's arrays as they are, without a copy.
    copies_back : bool
        Whether an array that is brought to the host is a copy.
    in_place : bool
        Whether `a += b` writes into `a`; else it makes another array.
    fragments : bool
        Whether its arrays break up the heap (see `portable_dnn.arrays.contract.Fragments`).
    """

    shares_host: bool = False
    copies_back: bool = True
    in_place: bool = True
    fragments: bool = False


EAGER = Holding()
"""What most libraries do."""


def holding_of(device: Device) -> Holding:
    """Find out how a library holds arrays, from one of a single number.

    Parameters
    ----------
    device : Device
        Where.

    Returns
    -------
    Holding
    """
    host = np.zeros((1, 1))
    placed = device.backend.from_host(host, device.name)
    back, again = (device.backend.to_host(placed) for _ in range(2))
    fragments = getattr(device.backend, "fragments", None)
    return Holding(
        shares_host=placed is host,
        copies_back=not np.shares_memory(back, again),
        in_place=hasattr(placed, "__iadd__"),
        fragments=fragments is not None and fragments(device.name),
    )
