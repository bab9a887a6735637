"""What decides a run, besides data and device."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from portable_dnn.arrays.shapes import check_layer_dims
from portable_dnn.errors import SettingError
from portable_dnn.network.activations import Activation, hidden_activations
from portable_dnn.network.initializers import INITIALIZATIONS
from portable_dnn.network.randomness import check_seed
from portable_dnn.setting_checks import FLOATS, check_choice, check_count, described
from portable_dnn.training.optimizers import get_optimizer

__all__ = ["COMPRESS", "Settings", "as_of_today", "check_settings", "without_later"]

_OUTPUTS = 1
COMPRESS = ("auto", "on", "off")
"""Whether to train layer 1 in the span of the samples."""


@dataclass(frozen=True)
class Settings:
    """What decides a run, besides data and device; the defaults are the published run's.

    Attributes
    ----------
    layers : tuple of int
        Units of each hidden layer; input and output sizes come from the data.
    hidden : tuple of str or Activation
        Activation of all hidden layers (one) or of each. A run that is described in a file needs
        names.
    initialization : str
        See `initialize_parameters_deep`.
    seed : int
        Seed of the start parameters.
    optimizer : str
        Update rule, by its name and settings; see `get_optimizer`.
    learning_rate : float
        α, above 0.
    iterations : int
        Number of updates.
    dtype : {"float64", "float32"}
        The dtype to compute in.
    compress : {"auto", "on", "off"}
        Whether to train layer 1 in the span of the samples; see `train`.

    Examples
    --------
    >>> from portable_dnn import Settings
    >>> Settings().layer_dims(12288)
    (12288, 20, 7, 5, 1)
    >>> Settings(layers=(3,), hidden="tanh", learning_rate=0.1).activations
    ('tanh',)
    >>> from portable_dnn.equivalence import DEFAULTS
    >>> DEFAULTS == Settings(iterations=200)
    True
    """

    layers: tuple[int, ...] = (20, 7, 5)
    hidden: tuple[str | Activation, ...] = ("relu",)
    initialization: str = "lecun"
    seed: int = 1
    optimizer: str = "gradient_descent"
    learning_rate: float = 0.0075
    iterations: int = 2500
    dtype: str = "float64"
    compress: str = "auto"

    def __post_init__(self) -> None:
        """Take lists for tuples, and one activation for a tuple of one."""
        for name in ("layers", "hidden"):
            value = getattr(self, name)
            if isinstance(value, str | Activation):
                value = (value,)
            if isinstance(value, Iterable) and getattr(value, "ndim", 1) == 1:
                object.__setattr__(self, name, tuple(value))

    @property
    def hidden_activations(self) -> tuple[Activation, ...]:
        """Each hidden layer's activation."""
        hidden = self.hidden[0] if len(self.hidden) == 1 else self.hidden
        return hidden_activations(hidden, len(self.layers))

    @property
    def activations(self) -> tuple[str, ...]:
        """Name of each hidden layer's activation."""
        return tuple(g.name for g in self.hidden_activations)

    def layer_dims(self, n_x: int, *, pixels: bool = False) -> tuple[int, ...]:
        """Return `n_0 … n_L` for `n_x` input features and one output.

        Parameters
        ----------
        n_x : int
            Number of features.
        pixels : bool, default False
            Whether they are those of pictures: then nobody means a hidden layer as large as the
            input. Of a few features, somebody may.

        Returns
        -------
        tuple of int

        Raises
        ------
        SettingError
            If the hidden layers end with the size of the output, or begin with that of the input.
        """
        dims = check_layer_dims((n_x, *self.layers, _OUTPUTS))
        begins = pixels and self.layers[:1] == (n_x,)
        ends = self.layers[-1:] == (_OUTPUTS,)
        if begins or ends:
            raise SettingError(_whole_network(self.layers, begins=begins, ends=ends))
        return dims

    def check(self) -> None:
        """Raise a SettingError for what is not allowed, before any data are read."""
        if not isinstance(self.layers, tuple):
            raise SettingError(
                f"the hidden layers are {described(self.layers)}; a tuple of sizes is right, "
                "such as (20, 7)"
            )
        check_layer_dims((1, *self.layers, _OUTPUTS))
        _ = self.activations
        check_choice(self.initialization, INITIALIZATIONS, "initialization")
        check_seed(self.seed)
        check_count(self.iterations, "number of iterations")
        check_choice(self.dtype, FLOATS, "dtype")
        get_optimizer(self.optimizer, self.learning_rate)
        check_choice(self.compress, COMPRESS, "compression")

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain data: every field, with each hidden layer's activation."""
        return {**asdict(self), "hidden": self.activations}


def _whole_network(layers: tuple[int, ...], *, begins: bool, ends: bool) -> str:
    """Say that layers are those of a whole network, and which are the hidden ones."""
    found = ["begin with that of the input"] * begins + ["end with that of the output"] * ends
    first, last = int(begins), len(layers) - int(ends)
    rest = ",".join(map(str, layers[first:last]))
    right = f"the hidden layers alone would be right: {rest}" if rest else "none would be right"
    return (
        f"the sizes of the hidden layers, {','.join(map(str, layers))}, {' and '.join(found)}, "
        f"which the network has in any case; {right}"
    )


def check_settings(settings: object) -> Settings:
    """Check settings that a caller gave.

    Parameters
    ----------
    settings : object
        To be a Settings.

    Returns
    -------
    Settings
        The same.

    Raises
    ------
    SettingError
        If they are something else, or not allowed.
    """
    if not isinstance(settings, Settings):
        kind = type(settings).__name__
        raise SettingError(
            f"the settings are a {kind}; a Settings is right, such as Settings(learning_rate=0.01)"
        )
    settings.check()
    return settings


# What the absence of a setting means in a file: how runs were made before there was the setting.
# A later change of a default changes nothing here.
_ABSENT: Mapping[str, object] = {"optimizer": "gradient_descent"}


def as_of_today(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the settings that an older release wrote into a file.

    Parameters
    ----------
    settings : mapping of str to object
        `Settings.as_dict` of that release.

    Returns
    -------
    dict of str to object
        With what the settings that it did not know would have been.
    """
    return {**_ABSENT, **settings}


def without_later(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `as_of_today`: leave out later settings whose values are those of before them.

    Parameters
    ----------
    settings : mapping of str to object
        `Settings.as_dict` of this release.

    Returns
    -------
    dict of str to object
        The same for the same run, whichever release describes it.
    """
    return {n: v for n, v in settings.items() if n not in _ABSENT or v != _ABSENT[n]}
