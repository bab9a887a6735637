"""The benchmark suite: `python -m benchmarks` from a checkout runs all of it."""
