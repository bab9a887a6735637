"""A stretch of training steps in the span of the samples as one launch on a card.

Launched operation by operation, a step of a small network is some forty launches of a few
microseconds each, most of which the card waits. Here one launch takes the whole stretch:

- `body.h` is the step in plain C++, as phases that threads share; `kernel.cu` runs it on a card,
  with a barrier before each phase. On cards of compute capability 9.0 and above it is one cluster
  of eight blocks, which hold K, Z1 and the activations in their shared memory and meet once a step;
  on older cards one block. Nothing waits for a block that may not be running, so nothing can hang.
- `recognize.py` says which steps it is for, `layout.py` what a launch is given and which sizes fit,
  `source.py` how it is compiled, `bounds.py` how far it may differ from the step launched
  operation by operation, `launch.py` puts them together.

Cards differ, so it is used only after its first step has been compared, and never where
`PORTABLE_DNN_CUPY_KERNEL=0` is set.
"""
