"""A command that says what to do with arguments that it has no place for."""

from typing import Any

from typer.core import TyperCommand

from portable_dnn.errors import SettingError
from portable_dnn.files.text import shortened

__all__ = ["StrictCommand"]


class StrictCommand(TyperCommand):
    """A command that refuses what follows its last argument in one sentence, not with its usage."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, and refuse those that are too many.

        Parameters
        ----------
        ctx : click.Context
            Of this command; typer may have click's classes under another name.
        args : list of str
            What the user gave.

        Returns
        -------
        list of str
            None are left.

        Raises
        ------
        SettingError
            If some are.
        """
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            raise SettingError(self._too_many(rest, ctx))
        return rest

    def _too_many(self, rest: list[str], ctx: Any) -> str:
        """Say which arguments are too many, and where they may belong."""
        pieces = (piece.strip("{}") for piece in self.collect_usage_pieces(ctx)[1:])
        taken = " ".join(pieces) or "options only"
        sentence = f"{ctx.info_name} takes {taken}; too many: {shortened(' '.join(rest))}"
        if any(parameter.name == "test" for parameter in self.params):
            sentence += f"; a file with the test set is given as --test {shortened(rest[0])}"
        return sentence
