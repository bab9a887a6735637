"""Runs that continue after an interruption: their files, and what writes them."""
