"""Files: read only once they are checked, written whole or not at all."""
