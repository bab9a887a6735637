"""`python -m portable_dnn` is `portable-dnn`."""

from portable_dnn.cli import main

main()
