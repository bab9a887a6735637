"""The programs that are compared, one file each; none imports its library before it is asked to."""

from benchmarks.peers import (
    course_numpy,
    course_numpy_lean,
    jax_loop,
    jax_step,
    keras3,
    ours,
    sklearn_mlp,
    torch_compiled,
    torch_eager,
    torch_handwritten,
)
from benchmarks.peers.peer import Outcome, Peer

__all__ = ["PEERS", "Outcome", "Peer"]

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        *ours.PEERS,
        course_numpy.PEER,
        course_numpy_lean.PEER,
        sklearn_mlp.PEER,
        torch_eager.PEER,
        torch_compiled.PEER,
        torch_handwritten.PEER,
        jax_step.PEER,
        jax_loop.PEER,
        *keras3.PEERS,
    )
}
"""All peers by name, ours first."""
