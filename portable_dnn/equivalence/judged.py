"""Which training steps a comparison can judge; of any other it must not say that it is right."""

from portable_dnn.errors import SettingError
from portable_dnn.network.activations import Activation, get_activation
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
    return step in known and all(_is_ours(g) for g in step.activations)


def _is_ours(g: Activation) -> bool:
    """Whether an activation is the one that its name stands for: the name alone proves nothing."""
    try:
        return get_activation(g.name) == g
    except SettingError:
        return False


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
        raise SettingError(
            f"a comparison does not judge optimizer {settings.optimizer!r} with activations "
            f"{', '.join(settings.activations)}: it knows the exact results of gradient descent "
            "with the library's own activations alone"
        )
