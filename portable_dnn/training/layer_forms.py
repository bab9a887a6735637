"""How a training run holds the parameters of a layer: by W and b, or both as one matrix [W b].

A form is a part of the training step. It knows the names of its arrays in the run's parameters and
has the same methods for every layer; a third form, for a wide first layer, is in `span`. In [W b]
one product does W A + b, and one gives both derivatives:

    [W b] [A]  =  W A + b            dZ [A]ᵀ  =  [dZ Aᵀ   Σ dZ]
          [1]                           [1]

For the small layers of a network whose first is wide, calls cost more than arithmetic: that saves a
product, a sum and an update a layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import array_api_compat

from portable_dnn.arrays.contract import Array, Arrays, Namespace, Parameters
from portable_dnn.network.linear import input_derivative, linear
from portable_dnn.network.norms import gradient_norm

__all__ = ["Entered", "Joined", "LayerForm", "Weights", "enter", "leave", "ones_for"]


class Entered(NamedTuple):
    """Parameters and input of a layer, or of a network, as the training step takes them.

    Attributes
    ----------
    parameters : dict of str to array
        By the names of the form, or of all forms.
    inputs : array
        The input of the form's `forward`.
    """

    parameters: Arrays
    inputs: Array


class LayerForm(Protocol):
    """How a layer's parameters are held during a run.

    Gradients are sums over the samples, of the derivative `dZ` that they are made of; whoever made
    that has divided by the number of samples.

    """

    @property
    def W(self) -> str:
        """The name of the layer's W."""

    @property
    def b(self) -> str:
        """The name of its b."""

    @property
    def decayed(self) -> tuple[str, ...]:
        """The names of the arrays that a penalty on W acts on; none where W and b are one."""

    def enter(self, parameters: Parameters, inputs: Array, *, xp: Namespace) -> Entered:
        """Turn the layer's W and b into the form's arrays, and the input into what it takes."""

    def forward(
        self, parameters: Parameters, A: Array, ones: Array, xp: Namespace
    ) -> tuple[Array, Array]:
        """Return Z, (n_l, m), and what `gradients` is given in the place of A."""

    def add_gradients(self, gradients: Arrays, dZ: Array, A: Array, ones: Array) -> None:
        """Put the derivatives by the form's arrays under their names into `gradients`."""

    def back(self, parameters: Parameters, dZ: Array) -> Array:
        """Return the derivative by A, (n_{l−1}, m). The form of a first layer may have none."""

    def norms(self, gradients: Parameters, ones: Array, *, xp: Namespace) -> tuple[Array, Array]:
        """Return the Frobenius norms of the gradients by W and by b, 0-d each."""

    def leave(
        self, parameters: Parameters, start: Parameters, X: Array, *, xp: Namespace
    ) -> tuple[Array, Array]:
        """Return W and b; `start` and `X` are those that the run began with."""


@dataclass(frozen=True)
class Weights:
    """A layer by its W and b.

    Attributes
    ----------
    W, b : str
        The names of its arrays.
    """

    W: str
    b: str

    @property
    def decayed(self) -> tuple[str, ...]:
        """W alone."""
        return (self.W,)

    def enter(self, parameters: Parameters, inputs: Array, *, xp: Namespace) -> Entered:
        """Take W, b and the input as they are."""
        return Entered({name: parameters[name] for name in (self.W, self.b)}, inputs)

    def forward(
        self, parameters: Parameters, A: Array, ones: Array, xp: Namespace
    ) -> tuple[Array, Array]:
        """Return W A + b, and A."""
        return linear(parameters[self.W], A, parameters[self.b]), A

    def add_gradients(self, gradients: Arrays, dZ: Array, A: Array, ones: Array) -> None:
        """Put dZ Aᵀ, and dZ times ones."""
        gradients[self.W], gradients[self.b] = dZ @ A.T, dZ @ ones.T

    def back(self, parameters: Parameters, dZ: Array) -> Array:
        """Return Wᵀ dZ."""
        return input_derivative(parameters[self.W], dZ)

    def norms(self, gradients: Parameters, ones: Array, *, xp: Namespace) -> tuple[Array, Array]:
        """Return the norm of either."""
        return gradient_norm(gradients[self.W], xp=xp), gradient_norm(gradients[self.b], xp=xp)

    def leave(
        self, parameters: Parameters, start: Parameters, X: Array, *, xp: Namespace
    ) -> tuple[Array, Array]:
        """Return W and b as they are."""
        return parameters[self.W], parameters[self.b]


@dataclass(frozen=True)
class Joined:
    """A layer by one matrix [W b], (n_l, n_{l−1} + 1), under the name of W.

    Attributes
    ----------
    W, b : str
        The names of W and b.
    """

    W: str
    b: str
    decayed = ()

    def enter(self, parameters: Parameters, inputs: Array, *, xp: Namespace) -> Entered:
        """Join W and b; the input gets its row of ones in `forward`."""
        return Entered(
            {self.W: xp.concat((parameters[self.W], parameters[self.b]), axis=1)}, inputs
        )

    def forward(
        self, parameters: Parameters, A: Array, ones: Array, xp: Namespace
    ) -> tuple[Array, Array]:
        """Return [W b] times A over ones, and that."""
        A = xp.concat((A, ones))
        return parameters[self.W] @ A, A

    def add_gradients(self, gradients: Arrays, dZ: Array, A: Array, ones: Array) -> None:
        """Put both derivatives as one matrix."""
        gradients[self.W] = dZ @ A.T

    def back(self, parameters: Parameters, dZ: Array) -> Array:
        """Return Wᵀ dZ."""
        return parameters[self.W][:, :-1].T @ dZ

    def norms(self, gradients: Parameters, ones: Array, *, xp: Namespace) -> tuple[Array, Array]:
        """Return the norm of either part."""
        both = gradients[self.W]
        return gradient_norm(both[:, :-1], xp=xp), gradient_norm(both[:, -1:], xp=xp)

    def leave(
        self, parameters: Parameters, start: Parameters, X: Array, *, xp: Namespace
    ) -> tuple[Array, Array]:
        """Take W and b apart again."""
        both = parameters[self.W]
        return both[:, :-1], both[:, -1:]


def enter(
    forms: Sequence[LayerForm], parameters: Parameters, X: Array, *, xp: Namespace
) -> Entered:
    """Turn a network's parameters and input into what the training step takes.

    Parameters
    ----------
    forms : sequence of LayerForm
        Of each layer.
    parameters : mapping of str to array
        `W1, b1 … WL, bL`.
    X : array
        Input, (n_x, m).
    xp : namespace
        The arrays' namespace.

    Returns
    -------
    Entered
    """
    first, *others = forms
    entered = first.enter(parameters, X, xp=xp)
    held = dict(entered.parameters)
    for form in others:
        held |= form.enter(parameters, entered.inputs, xp=xp).parameters
    return Entered(held, entered.inputs)


def leave(
    forms: Sequence[LayerForm], held: Parameters, start: Parameters, X: Array, *, xp: Namespace
) -> Arrays:
    """Undo `enter`.

    Parameters
    ----------
    forms : sequence of LayerForm
        Of each layer.
    held : mapping of str to array
        Parameters as the training step has them.
    start, X
        The parameters and the input that `enter` was given.
    xp : namespace
        The arrays' namespace.

    Returns
    -------
    dict of str to array
        `W1, b1 … WL, bL`.
    """
    parameters: Arrays = {}
    for form in forms:
        parameters[form.W], parameters[form.b] = form.leave(held, start, X, xp=xp)
    return parameters


def ones_for(X: Array, *, xp: Namespace) -> Array:
    """Return the row of ones that a bias is multiplied with.

    Parameters
    ----------
    X : array
        (…, m), floating.
    xp : namespace
        The array's namespace.

    Returns
    -------
    array
        (1, m), dtype and device of X.
    """
    return xp.ones((1, X.shape[1]), dtype=X.dtype, device=array_api_compat.device(X))
