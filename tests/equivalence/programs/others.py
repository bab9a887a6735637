"""Functions of scikit-learn and SciPy, judged on a device: the name of the device is the argument.

A process of its own, because SciPy asks SCIPY_ARRAY_API when it is imported. Prints a line for each
function and dtype: its name, the dtype, the outcome, the largest share of the limits, the verdict.
"""

import json
import sys
import warnings

import numpy as np
import scipy.signal
import scipy.special
import scipy.stats
import sklearn
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from portable_dnn.equivalence import compare_function

_random = np.random.RandomState(0)
X = _random.randn(50, 4) * [1, 10, 100, 1e-3] + 3
Y = _random.randn(50, 4)


def standard_scaler(x):
    return StandardScaler().fit_transform(x)


def min_max_scaler(x):
    return MinMaxScaler().fit_transform(x)


def softmax(x):
    return scipy.special.softmax(x, axis=1)


def logsumexp(x):
    return scipy.special.logsumexp(x, axis=1)


PROGRAMS = (
    (standard_scaler, (X,)),
    (min_max_scaler, (X,)),
    (cosine_similarity, (X, Y)),
    (rbf_kernel, (Y, Y[:7])),
    (mean_squared_error, (X, Y)),
    (r2_score, (X, Y)),
    (softmax, (X,)),
    (logsumexp, (X,)),
    (scipy.stats.zscore, (X,)),
    (scipy.stats.skew, (X,)),
)


def main(device: str) -> None:
    warnings.simplefilter("ignore")  # their own, of divisions by 0
    sklearn.set_config(array_api_dispatch=True)
    for function, inputs in PROGRAMS:
        for dtype in ("float32", "float64"):
            report = compare_function(function, *inputs, backend=device, dtype=dtype)
            share = max(one.share for one in report.results)
            found = (function.__name__, dtype, report.outcome, share, report.headline)
            sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
