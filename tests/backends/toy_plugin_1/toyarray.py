"""A toy array library that portable_dnn has never heard of: the standard's names over NumPy.

Real ones have their own arithmetic; of this one only the door is its own. Its arrays are no NumPy
arrays, NumPy cannot convert them, and they cannot be changed.
"""

import builtins
import operator

import array_api_compat.numpy as np

__version__ = "1.0"

float32, float64 = np.dtype("float32"), np.dtype("float64")
int8, int16, int32, int64 = map(np.dtype, ("int8", "int16", "int32", "int64"))
uint8, uint16, uint32, uint64 = map(np.dtype, ("uint8", "uint16", "uint32", "uint64"))
bool = np.dtype("bool")
__array_namespace_info__ = np.__array_namespace_info__


class Array:
    """An array; the values are for this module and its backend."""

    __array_ufunc__ = None  # NumPy leaves arithmetic with its arrays to this class, which refuses
    device = "cpu"

    def __init__(self, values):
        self.values = np.array(values)
        self.values.flags.writeable = False

    def __array_namespace__(self, api_version=None):
        import toyarray

        return toyarray

    def __array__(self, *_, **__):
        raise TypeError("a toy array is not converted silently")

    def __getitem__(self, key):
        return Array(self.values[_unwrap(key)])

    shape = property(lambda self: self.values.shape)
    ndim = property(lambda self: self.values.ndim)
    size = property(lambda self: self.values.size)
    dtype = property(lambda self: self.values.dtype)
    T = property(lambda self: Array(self.values.T))


def _unwrap(value):
    """Take the values of toy arrays; NumPy's are refused, for nothing is moved silently."""
    if isinstance(value, np.ndarray):
        raise TypeError("NumPy's arrays are not toy arrays; use asarray")
    if isinstance(value, (tuple, list)):
        return type(value)(map(_unwrap, value))
    return value.values if isinstance(value, Array) else value


def _wrap(value):
    """Make toy arrays of NumPy's, in tuples too."""
    if isinstance(value, tuple):
        return tuple(map(_wrap, value))
    return Array(value) if isinstance(value, np.ndarray | np.generic) else value


def _function(function):
    """A function of NumPy on toy arrays."""

    def call(*args, **kwargs):
        kwargs.pop("device", None)
        return _wrap(function(*map(_unwrap, args), **{k: _unwrap(v) for k, v in kwargs.items()}))

    return call


def asarray(values, *, dtype=None, device=None, copy=None):
    """Make an array, of NumPy's too: this is the door."""
    return Array(np.asarray(values.values if isinstance(values, Array) else values, dtype=dtype))


def astype(x, dtype, *, copy=True, device=None):
    """Cast; what has the dtype already is not copied unless that is asked for."""
    return x if x.dtype == dtype and not copy else Array(x.values.astype(dtype))


def __getattr__(name):
    """The standard's other functions are NumPy's."""
    if name.startswith("__"):
        raise AttributeError(name)
    found = getattr(np, name)
    return _function(found) if callable(found) else found


_TWO = ("add", "sub", "mul", "truediv", "matmul", "pow", "and_", "or_")
_ONE = ("lt", "le", "eq", "ne", "gt", "ge", "neg", "pos", "abs", "invert")
_PYTHON = {"float": float, "int": int, "bool": builtins.bool, "index": operator.index}

for _name in _TWO:
    _two = getattr(operator, _name)
    setattr(Array, f"__{_name.strip('_')}__", _function(_two))
    setattr(Array, f"__r{_name.strip('_')}__", _function(lambda a, b, f=_two: f(b, a)))
for _name in _ONE:
    setattr(Array, f"__{_name}__", _function(getattr(operator, _name)))
for _name, _kind in _PYTHON.items():
    setattr(Array, f"__{_name}__", lambda self, kind=_kind: kind(self.values[()]))
