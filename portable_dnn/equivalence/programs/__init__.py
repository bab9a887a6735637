"""Any array-API program, judged operation by operation while it runs."""
