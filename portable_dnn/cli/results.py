"""What several commands say of a network, its data and how it did."""

import math
from collections.abc import Mapping

from portable_dnn.cli.console import Output
from portable_dnn.data.dataset import DataSet
from portable_dnn.results.evaluation import Evaluation
from portable_dnn.results.experiment import training_pictures
from portable_dnn.training.settings import Settings

__all__ = ["network_of", "show_cost", "show_evaluations", "show_remarks"]


def network_of(settings: Settings, pictures: DataSet) -> str:
    """Write the sizes of a network's layers and its activations.

    Parameters
    ----------
    settings : Settings
        What is trained.
    pictures : DataSet
        What on.

    Returns
    -------
    str
        Such as "12288-20-7-5-1, relu".
    """
    n_x = math.prod(training_pictures(pictures).images.shape[1:])
    sizes = "-".join(map(str, settings.layer_dims(n_x, pixels=True)))
    hidden = ",".join(map(str, settings.hidden)) if settings.layers else "no hidden layers"
    return f"{sizes}, {hidden}"


def show_remarks(output: Output, pictures: DataSet) -> None:
    """Print what is odd about a data set, a line each, unless quiet.

    Parameters
    ----------
    output : Output
        Where to.
    pictures : DataSet
        Any.
    """
    from portable_dnn.data import remarks  # here, so that `--help` does not wait for h5py

    for remark in remarks(pictures):
        output.detail(f"note     {remark}")


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
