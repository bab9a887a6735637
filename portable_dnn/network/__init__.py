"""The mathematics: activations, layers, costs, forward and backward pass."""
