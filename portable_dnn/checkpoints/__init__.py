"""Runs that go on after an interruption: their files, and who writes them."""
