"""The errors of this library: each is one sentence that says what was wrong, where, and what helps.

Every class derives from `PortableDnnError`, which the command line turns into one line and exit
code 2, and from the built-in class that a caller who has never heard of this library would catch.
"""

__all__ = [
    "BackendError",
    "DTypeError",
    "DamagedError",
    "DataError",
    "DeviceError",
    "DivergenceError",
    "OutputError",
    "PortableDnnError",
    "PortableDnnWarning",
    "SettingError",
    "ShapeError",
    "UnsavedError",
]


class PortableDnnError(Exception):
    """Base class: whatever this library raises about its input is one of these.

    Examples
    --------
    >>> from portable_dnn import PortableDnnError, initialize_parameters_deep
    >>> try:
    ...     initialize_parameters_deep([4, 0, 1])
    ... except PortableDnnError as error:
    ...     print(error)
    0 units in layer 1: a whole number of at least 1 is right
    """


class PortableDnnWarning(UserWarning):
    """Something about a run that its user should know though it is no error.

    Examples
    --------
    >>> import warnings
    >>> from portable_dnn import initialize_parameters_deep
    >>> from portable_dnn.errors import PortableDnnWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", PortableDnnWarning)
    ...     parameters = initialize_parameters_deep([4, 3, 1], method="zeros")
    """


class ShapeError(PortableDnnError, ValueError):
    """An array's shape does not fit the others; the message names the layer."""


class DTypeError(PortableDnnError, TypeError):
    """An array's type or dtype is not one the network computes with."""


class SettingError(PortableDnnError, ValueError):
    """A setting (layer sizes, learning rate, a name) is outside what is allowed."""


class DeviceError(PortableDnnError, RuntimeError):
    """A device is unknown or unusable, or two arrays lie on different ones."""


class BackendError(PortableDnnError, RuntimeError):
    """A backend plug-in is unknown or could not be loaded."""


class DataError(PortableDnnError, ValueError):
    """A data file, a model file, a folder of pictures, a picture or a label cannot be used."""


class DamagedError(DataError):
    """A file is not as it was written: its length or a checksum is wrong."""


class OutputError(PortableDnnError, OSError):
    """A result cannot be written where it was asked for."""


class UnsavedError(OutputError):
    """A finished model could not be written where it should be; the message says where it is."""


class DivergenceError(PortableDnnError, ArithmeticError):
    """Training stopped because the cost was no longer a finite number.

    Attributes
    ----------
    iteration : int
        The first iteration whose cost was not finite; as many updates were made before.
    """

    def __init__(self, message: str, iteration: int = 0) -> None:
        super().__init__(message)
        self.iteration = iteration


class StoppedBySignal(SystemExit):
    """The process was told to end, unlike the exit of a library, which is that library's fault."""
