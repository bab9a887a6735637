"""Trained networks, and the files they are kept in."""
