"""The command line, `portable-dnn`: one file a command, thin over the library."""

from portable_dnn.cli.app import main

__all__ = ["main"]
