"""The faults that the tester must catch and name: one table.

Each is a mistake that a library, driver, compiler or setting has made or could make.
"""

from tests.equivalence.faults.algorithms import ALGORITHMS
from tests.equivalence.faults.backend import Fault, FaultyBackend, faulty_device, registered
from tests.equivalence.faults.elementwise import ELEMENTWISE
from tests.equivalence.faults.moving import MOVING
from tests.equivalence.faults.products import PRODUCTS
from tests.equivalence.faults.specials import SPECIALS
from tests.equivalence.faults.sums import SUMS

__all__ = ["CATALOGUE", "Fault", "FaultyBackend", "faulty_device", "registered"]

CATALOGUE = (*PRODUCTS, *ALGORITHMS, *SUMS, *ELEMENTWISE, *SPECIALS, *MOVING)
