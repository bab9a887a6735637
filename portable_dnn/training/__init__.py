"""Training: the step and its parts, the loop around it, and what a run leaves."""
