"""How a model did, as a table."""

from collections.abc import Mapping

from portable_dnn.cli.console import Output
from portable_dnn.results.evaluation import Evaluation

__all__ = ["show_cost", "show_evaluations"]


def show_evaluations(output: Output, evaluations: Mapping[str, Evaluation | None]) -> None:
    """Print evaluations as a table, a row each.

    Parameters
    ----------
    output : Output
        Where to.
    evaluations : mapping of str to Evaluation or None
        By the name of the set; None, for a set that is not there, is left out.
    """
    output.table(
        ("pictures", "number", "wrong", "accuracy", "cost"),
        [
            (name, str(e.pictures), str(e.wrong), f"{e.accuracy:.4f}", show_cost(e.cost))
            for name, e in evaluations.items()
            if e is not None
        ],
    )


def show_cost(cost: float) -> str:
    """Write a cost with the course's six digits after the point, or six in all if it is huge.

    Parameters
    ----------
    cost : float
        In nats.

    Returns
    -------
    str
    """
    return f"{cost:.6f}" if cost < 1e6 else f"{cost:.6g}"
