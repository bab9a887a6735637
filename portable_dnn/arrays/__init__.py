"""Any array library: the contract of a backend, devices, and the checks of a call's arrays."""
