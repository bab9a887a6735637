"""`python -m portable_dnn` is `portable-dnn`."""

from portable_dnn_command import main

main()
