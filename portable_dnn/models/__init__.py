"""Trained networks, and the files they are saved in."""
