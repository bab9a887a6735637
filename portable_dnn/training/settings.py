"""What decides a run, besides data and device."""

from dataclasses import dataclass

from portable_dnn.arrays.shapes import check_layer_dims
from portable_dnn.network.activations import hidden_activations
from portable_dnn.network.initializers import INITIALIZATIONS
from portable_dnn.network.randomness import check_seed
from portable_dnn.setting_checks import FLOATS, check_choice, check_count
from portable_dnn.training.optimizers import check_learning_rate
from portable_dnn.training.span import COMPRESS

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """What decides a run, besides data and device; the defaults are the published run's.

    Attributes
    ----------
    layers : tuple of int
        Units of each hidden layer; input and output sizes come from the data.
    hidden : tuple of str
        Activation of all hidden layers (one name) or of each.
    initialization : str
        See `initialize_parameters_deep`.
    seed : int
        Seed of the start parameters.
    learning_rate : float
        α, above 0.
    iterations : int
        Number of updates.
    dtype : {"float64", "float32"}
        The dtype to compute in.
    compress : {"auto", "on", "off"}
        Whether to train layer 1 in the span of the pictures; see `train`.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from portable_dnn.equivalence import DEFAULTS
    >>> DEFAULTS.layer_dims(12288)
    (12288, 20, 7, 5, 1)
    >>> replace(DEFAULTS, layers=(3,), hidden=("tanh",)).activations
    ('tanh',)
    """

    layers: tuple[int, ...] = (20, 7, 5)
    hidden: tuple[str, ...] = ("relu",)
    initialization: str = "lecun"
    seed: int = 1
    learning_rate: float = 0.0075
    iterations: int = 2500
    dtype: str = "float64"
    compress: str = "auto"

    @property
    def activations(self) -> tuple[str, ...]:
        """Name of each hidden layer's activation."""
        hidden = self.hidden[0] if len(self.hidden) == 1 else self.hidden
        return tuple(g.name for g in hidden_activations(hidden, len(self.layers)))

    def layer_dims(self, n_x: int) -> tuple[int, ...]:
        """Return `n_0 … n_L` for `n_x` input features and one output."""
        return check_layer_dims((n_x, *self.layers, 1))

    def check(self) -> None:
        """Raise a SettingError for what is not allowed, before any data are read."""
        self.layer_dims(1)
        _ = self.activations
        check_choice(self.initialization, INITIALIZATIONS, "initialization")
        check_seed(self.seed)
        check_count(self.iterations, "number of iterations")
        check_choice(self.dtype, FLOATS, "dtype")
        check_learning_rate(self.learning_rate)
        check_choice(self.compress, COMPRESS, "compression")
