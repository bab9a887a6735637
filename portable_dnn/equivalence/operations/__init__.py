"""The operations that are judged, and the inputs that they are tried on."""
