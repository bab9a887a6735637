"""Which training steps a comparison can judge; of any other it must not say that it is right."""

from portable_dnn.equivalence.exact.functions import FUNCTIONS, kind_of, negative_slope
from portable_dnn.errors import SettingError
from portable_dnn.network.activations import ACTIVATIONS, Activation, get_activation
from portable_dnn.network.heads import SIGMOID
from portable_dnn.training.optimizers import GradientDescent
from portable_dnn.training.settings import Settings
from portable_dnn.training.step import TrainingStep, forms_for, step_of

__all__ = ["check_judged", "is_judged"]


def is_judged(step: TrainingStep) -> bool:
    """Whether a comparison knows the exact results of a step.

    The steps that it knows are built anew and compared, so that whatever a step has beyond them
    makes it one that is not judged.

    Parameters
    ----------
    step : TrainingStep
        As `step_of` made it.

    Returns
    -------
    bool
        Whether it is gradient descent on the course's network.
    """
    if not isinstance(step.optimizer, GradientDescent):
        return False
    layers = len(step.activations) + 1
    known = [
        TrainingStep(
            forms_for(layers, compressed=compressed),
            step.activations,
            SIGMOID,
            GradientDescent(step.optimizer.learning_rate),
        )
        for compressed in (False, True)
    ]
    return step in known and all(_is_known(g) for g in step.activations)


def _is_known(g: Activation) -> bool:
    """Whether an activation is one of ours, not by its name alone, and its exact results known."""
    try:
        ours = get_activation(g.name) == g
    except SettingError:
        return False
    kind = kind_of(g)
    return ours and (negative_slope(g) is not None or {kind, f"{kind} slope"} <= {*FUNCTIONS})


def check_judged(settings: Settings) -> None:
    """Refuse settings whose training step a comparison cannot judge.

    Parameters
    ----------
    settings : Settings
        What decides the run.

    Raises
    ------
    SettingError
        If their step is not one that is judged.
    """
    step = step_of(settings, forms_for(len(settings.layers) + 1, compressed=False))
    if not is_judged(step):
        known = ", ".join(name for name, g in ACTIVATIONS.items() if _is_known(g))
        raise SettingError(
            f"a comparison does not judge optimizer {settings.optimizer!r} with activations "
            f"{', '.join(settings.activations)}: it knows the exact results of gradient descent "
            f"on a network with a sigmoid output and hidden layers of {known} alone"
        )
