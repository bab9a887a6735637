"""How large rounding errors may be."""
