"""The programs that are compared on a CUDA GPU, and their clocks.

Data and start are on the card before the clock starts, and compiled code is warm; what is timed is
the way into the span (ours), the capture (CUDA graph) and the training.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.peers.jax_step import keep_64_bits, make_step, to_jax
from benchmarks.peers.jax_step import to_host as jax_to_host
from benchmarks.peers.torch_eager import load_start, make_model, parameters_of
from benchmarks.problem import Arrays, Problem
from portable_dnn import choose_device, place, to_host, train
from portable_dnn.arrays.registry import first_failure, get_backend
from portable_dnn.arrays.repeat import OneByOne
from portable_dnn.training.batches import Batch, FullBatch
from portable_dnn.training.layer_forms import enter, leave, ones_for
from portable_dnn.training.loop import CompiledSteps, iterate
from portable_dnn.training.measurements import Measure
from portable_dnn.training.settings import Settings
from portable_dnn.training.step import Bound, State, forms_for, step_of

__all__ = ["PROGRAMS", "Program"]

Trained = Callable[[], Arrays]
Work = Callable[[], Trained]


class Program(NamedTuple):
    """A program.

    Attributes
    ----------
    title : str
        For people.
    modules : tuple of str
        Of the packages whose versions matter.
    needs : callable
        Says why it cannot run here; empty if it can.
    make : callable
        `make(problem)` puts the data on the card and returns `run(iterations)`, which trains and
        returns a function that brings the parameters to the host.
    clock : callable
        `clock(work)` returns the seconds on the device and what `work()` returned.
    """

    title: str
    modules: tuple[str, ...]
    needs: Callable[[], str]
    make: Callable[[Problem], Callable[[int], Trained]]
    clock: Callable[[Work], tuple[float, Trained]]


def _cupy_clock(work: Work) -> tuple[float, Trained]:
    """Events around all that the card does, on whatever stream."""
    import cupy

    card = cupy.cuda.Device()
    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    card.synchronize()
    begin.record()
    trained = work()
    card.synchronize()
    end.record()
    end.synchronize()
    return cupy.cuda.get_elapsed_time(begin, end) / 1e3, trained


def _torch_clock(work: Work) -> tuple[float, Trained]:
    """Events of PyTorch."""
    import torch

    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    trained = work()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1e3, trained


def _host_clock(work: Work) -> tuple[float, Trained]:
    """The host's clock: JAX has no events, so its programs wait for their results."""
    began = time.perf_counter()
    trained = work()
    return time.perf_counter() - began, trained


def _cupy_needs() -> str:
    failure = first_failure(get_backend("cupy"))
    return failure.detail if failure else ""


def _torch_needs() -> str:
    try:
        import torch
    except ImportError as error:
        return str(error)
    return "" if torch.cuda.is_available() else "this PyTorch finds no CUDA GPU"


def _jax_needs() -> str:
    try:
        import jax

        platforms = {device.platform for device in jax.devices()}
    except (ImportError, RuntimeError) as error:
        return str(error)
    return "" if "gpu" in platforms else "this JAX finds no CUDA GPU"


def _ours(problem: Problem, *, compress: str) -> Callable[[int], Trained]:
    """The library as it comes; where its kernel cannot be used, no result."""
    warnings.filterwarnings("error", "CuPy's kernel", RuntimeWarning)
    device = choose_device("cupy")
    X, Y, start = (place(x, device) for x in (problem.X, problem.Y, problem.parameters))

    def run(iterations: int) -> Trained:
        settings = {"learning_rate": problem.learning_rate, "num_iterations": iterations}
        parameters = train(X, Y, start, compress=compress, **settings).parameters
        return lambda: to_host(parameters)

    return run


def _ours_eager(problem: Problem) -> Callable[[int], Trained]:
    """The library's step in the span, launched operation by operation."""
    device = choose_device("cupy")
    xp = device.backend.namespace()
    X, Y, start = (place(x, device) for x in (problem.X, problem.Y, problem.parameters))
    settings = Settings(layers=(1,) * (problem.layers - 1), learning_rate=problem.learning_rate)
    step = step_of(settings, forms_for(problem.layers, compressed=True))

    def run(iterations: int) -> Trained:
        held, inputs = enter(step.forms, start, X, xp=xp)
        targets = step.head.targets(Y, dtype=X.dtype, xp=xp)
        whole = Batch(inputs, targets, ones_for(X, xp=xp), X.shape[1])
        bound, measure = OneByOne(Bound(step, xp)), Bound(Measure(step), xp)
        steps = CompiledSteps(step, bound, measure, FullBatch(whole), device)
        state = State(held, {})
        for _, measurements, after in iterate(steps, state, iterations, problem.record_every):
            state = after
            if measurements:
                float(measurements["cost"])
        parameters = leave(step.forms, state.parameters, start, X, xp=xp)
        return lambda: to_host(parameters)

    return run


def _torch_eager(problem: Problem) -> Callable[[int], Trained]:
    """PyTorch as its tutorials write it."""
    import torch

    torch.set_float32_matmul_precision("highest")
    X, Y = (torch.from_numpy(a.T).to("cuda") for a in (problem.X, problem.Y))

    def run(iterations: int) -> Trained:
        model = make_model(problem, "cuda")
        criterion = torch.nn.BCEWithLogitsLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=problem.learning_rate)
        for i in range(iterations):
            optimizer.zero_grad()
            loss = criterion(model(X), Y)
            loss.backward()
            optimizer.step()
            if i % problem.record_every == 0:
                loss.item()
        return lambda: parameters_of(model)

    return run


def _torch_graph(problem: Problem) -> Callable[[int], Trained]:
    """The same iteration captured once in a CUDA graph and replayed."""
    import torch

    torch.set_float32_matmul_precision("highest")
    X, Y = (torch.from_numpy(a.T).to("cuda") for a in (problem.X, problem.Y))

    def run(iterations: int) -> Trained:
        model = make_model(problem, "cuda")
        criterion = torch.nn.BCEWithLogitsLoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=problem.learning_rate)
        # What is allocated or chosen the first time must not be captured: some runs on the side.
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                optimizer.zero_grad(set_to_none=True)
                criterion(model(X), Y).backward()
                optimizer.step()
        torch.cuda.current_stream().wait_stream(side)
        load_start(model, problem)
        # Without gradients, the captured backward writes them rather than adding to them.
        optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = criterion(model(X), Y)
            loss.backward()
            optimizer.step()
        for i in range(iterations):
            graph.replay()
            if i % problem.record_every == 0:
                loss.item()
        return lambda: parameters_of(model)

    return run


def _jax_step(problem: Problem) -> Callable[[int], Trained]:
    """JAX with one iteration in a jit."""
    import jax

    step, X, Y, start = _in_jax(problem)
    compiled = jax.jit(step)

    def run(iterations: int) -> Trained:
        parameters = start
        for i in range(iterations):
            cost, parameters = compiled(parameters, X, Y)
            if i % problem.record_every == 0:
                float(cost)
        jax.block_until_ready(parameters)
        return lambda: jax_to_host(parameters)

    return run


def _jax_loop(problem: Problem) -> Callable[[int], Trained]:
    """JAX with the whole run in a jit."""
    import jax

    step, X, Y, start = _in_jax(problem)

    def train_all(parameters: Any, X: Any, Y: Any, iterations: int) -> Any:
        def body(carry: Any, _: None) -> Any:
            cost, after = step(carry, X, Y)
            return after, cost

        return jax.lax.scan(body, parameters, length=iterations)

    compiled = jax.jit(train_all, static_argnums=3)

    def run(iterations: int) -> Trained:
        parameters, _ = jax.block_until_ready(compiled(start, X, Y, iterations))
        return lambda: jax_to_host(parameters)

    return run


def _in_jax(problem: Problem) -> tuple[Any, Any, Any, Any]:
    """The step, and the data on the card; float32 products are float32, not TF32."""
    import jax

    keep_64_bits(problem)
    jax.config.update("jax_default_matmul_precision", "highest")
    X, Y, start = jax.block_until_ready(to_jax(problem))
    return make_step(problem), X, Y, start


def _ours_off(problem: Problem) -> Callable[[int], Trained]:
    return _ours(problem, compress="off")


def _ours_auto(problem: Problem) -> Callable[[int], Trained]:
    return _ours(problem, compress="auto")


_TORCH = (("torch",), _torch_needs)
_JAX = (("jax", "jaxlib"), _jax_needs)
_CUPY = (("cupy",), _cupy_needs)

PROGRAMS: dict[str, Program] = {
    "ours": Program("portable_dnn, CuPy", *_CUPY, _ours_auto, _cupy_clock),
    "ours-eager": Program(
        "portable_dnn, CuPy, operation by operation", *_CUPY, _ours_eager, _cupy_clock
    ),
    "ours-off": Program("portable_dnn, CuPy, not compressed", *_CUPY, _ours_off, _cupy_clock),
    "torch-eager": Program("PyTorch eager", *_TORCH, _torch_eager, _torch_clock),
    "torch-graph": Program("PyTorch in a CUDA graph", *_TORCH, _torch_graph, _torch_clock),
    "jax-step": Program("JAX, step in a jit", *_JAX, _jax_step, _host_clock),
    "jax-loop": Program("JAX, whole loop in a jit", *_JAX, _jax_loop, _host_clock),
}
