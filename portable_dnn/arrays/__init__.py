"""Any array library: the contract of a backend, devices, and the checks at the door."""
