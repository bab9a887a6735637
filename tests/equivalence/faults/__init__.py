"""The faults that the tester must catch and name: one table.

Each is a mistake that a library, driver, compiler or setting has made or could make.
"""

from faults.algorithms import ALGORITHMS
from faults.backend import Fault, FaultyBackend, faulty_device, registered
from faults.elementwise import ELEMENTWISE
from faults.moving import MOVING
from faults.products import PRODUCTS
from faults.specials import SPECIALS
from faults.sums import SUMS

__all__ = ["CATALOGUE", "Fault", "FaultyBackend", "faulty_device", "registered"]

CATALOGUE = (*PRODUCTS, *ALGORITHMS, *SUMS, *ELEMENTWISE, *SPECIALS, *MOVING)
