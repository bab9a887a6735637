"""The mathematics: activations, layers, costs, the way forward and back."""
