"""The command line, `portable-dnn`: one file for each command, which calls the library."""

from portable_dnn.cli.app import main

__all__ = ["main"]
