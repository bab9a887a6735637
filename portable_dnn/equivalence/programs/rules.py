"""One table: what is known of each function of the array API standard (2024.12)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

__all__ = ["ALIASES", "COUNTED", "RULES", "Rule", "rule_of"]

Family = Literal[
    "exact", "rounded", "function", "sum", "product", "residual", "no values", "not judged"
]


class Rule(NamedTuple):
    """What is known of a function.

    Attributes
    ----------
    family : str
        "exact": the same numbers as NumPy's from the same inputs. "rounded" and "function": within
        so many ulps of the exact value of each element. "sum" and "product": within the bounds and
        the noise of sums. "residual": what the result is put back into is right, up to a backward
        error. "no values": nothing that could be wrong. "not judged": see `reason`.
    ulps : float
        Largest error of a correct implementation; for a function, where its library documents none.
    reason : str
        Why it is not judged.
    """

    family: Family
    ulps: float = 0.0
    reason: str = ""


_EXACT = """
abs all any argmax argmin astype bitwise_and bitwise_invert bitwise_left_shift bitwise_or
bitwise_right_shift bitwise_xor broadcast_arrays broadcast_to ceil clip concat copysign
count_nonzero diff equal expand_dims eye flip floor full full_like getitem greater greater_equal
isfinite isin isinf isnan less less_equal linalg.diagonal linalg.matrix_transpose logical_and
logical_not logical_or logical_xor matrix_transpose max maximum meshgrid min minimum moveaxis
negative nextafter nonzero not_equal ones ones_like permute_dims positive repeat reshape roll round
searchsorted setitem sign signbit sort squeeze stack T mT take take_along_axis tile trunc tril triu
unique_values unstack where zeros zeros_like asarray argsort from_dlpack atleast_1d atleast_2d
"""
_ROUNDED = {
    "add": 0.5,
    "subtract": 0.5,
    "multiply": 0.5,
    "square": 0.5,
    "divide": 1.5,
    "reciprocal": 1.5,
    "sqrt": 1.0,
}
_FUNCTIONS = {
    **dict.fromkeys(("exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos"), 4.0),
    **dict.fromkeys(("tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh"), 5.0),
    **dict.fromkeys(("acosh", "atanh", "atan2", "hypot", "logaddexp"), 5.0),
    "pow": 16.0,
}
_SUMS = ("sum", "mean", "var", "std", "vecdot", "cumulative_sum", "linalg.vector_norm")
_PRODUCTS = ("matmul", "tensordot", "linalg.outer")
_RESIDUALS = ("linalg.cholesky", "linalg.solve", "linalg.inv", "linalg.qr", "linalg.svd")
_NO_VALUES = ("empty", "empty_like")
_TRANSFORMS = """
fft ifft fftn ifftn rfft irfft rfftn irfftn hfft ihfft fftshift ifftshift
"""
_NOT_JUDGED = {
    "prod": "products of many numbers overflow on the way",
    "cumulative_prod": "products of many numbers overflow on the way",
    "arange": "how its numbers are made is not in the standard",
    "linspace": "how its numbers are made is not in the standard",
    "floor_divide": "one ulp in the quotient is a whole number in the result",
    "remainder": "one ulp in the quotient is the whole divisor in the result",
    "linalg.det": "its condition number is not known",
    "linalg.slogdet": "its condition number is not known",
    "linalg.pinv": "its condition number is not known",
    "linalg.matrix_power": "its condition number is not known",
    "linalg.matrix_rank": "a singular value within rounding of the threshold decides",
    "linalg.matrix_norm": "it is no single sum",
    "linalg.trace": "it is a sum along a diagonal, which is not taken apart here",
    "linalg.cross": "it is a difference of products, which is not taken apart here",
    "linalg.eigh": "eigenvectors of near eigenvalues are not determined",
    "linalg.eigvalsh": "it has no residual of its own",
    "linalg.svdvals": "it has no residual of its own",
    "conj": "complex numbers are not judged",
    "imag": "complex numbers are not judged",
    "real": "complex numbers are not judged",
    "unique_all": "the order of equal numbers is not in the standard",
    "unique_counts": "the order of the numbers is not in the standard",
    "unique_inverse": "the order of the numbers is not in the standard",
    **{f"fft.{name}": "complex numbers are not judged" for name in _TRANSFORMS.split()},
    "fft.fftfreq": "how its numbers are made is not in the standard",
    "fft.rfftfreq": "how its numbers are made is not in the standard",
}

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **dict.fromkeys(_EXACT.split(), Rule("exact")),
        **{name: Rule("rounded", ulps) for name, ulps in _ROUNDED.items()},
        **{name: Rule("function", ulps) for name, ulps in _FUNCTIONS.items()},
        **dict.fromkeys(_SUMS, Rule("sum")),
        **dict.fromkeys(_PRODUCTS, Rule("product")),
        **dict.fromkeys(_RESIDUALS, Rule("residual")),
        **dict.fromkeys(_NO_VALUES, Rule("no values")),
        **{name: Rule("not judged", reason=reason) for name, reason in _NOT_JUDGED.items()},
    }
)
"""By the names of the standard; methods of arrays and extensions too."""

COUNTED = ("arange", "cumulative_prod", "floor_divide", "prod", "remainder")
"""Of those that are not judged, the ones that are exact where they give integers."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "linalg.matmul": "matmul",
        "linalg.tensordot": "tensordot",
        "linalg.vecdot": "vecdot",
        "outer": "linalg.outer",
        "power": "pow",
        "true_divide": "divide",
        "arcsin": "asin",
        "arccos": "acos",
        "arctan": "atan",
        "arctan2": "atan2",
        "arcsinh": "asinh",
        "arccosh": "acosh",
        "arctanh": "atanh",
        "absolute": "abs",
        "concatenate": "concat",
        "transpose": "permute_dims",
        "cumsum": "cumulative_sum",
        "clamp": "clip",
    }
)
"""Other names that libraries have for them."""


def rule_of(name: str) -> Rule:
    """Return what is known of a function; of one that the table does not have, that.

    Parameters
    ----------
    name : str
        As it was called.

    Returns
    -------
    Rule
    """
    unknown = Rule("not judged", reason="it is no function of the standard")
    return RULES.get(ALIASES.get(name, name), unknown)
