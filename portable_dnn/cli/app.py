"""The program made of its commands; errors become one line and exit code 2."""

import contextlib
import io
import sys
import warnings
from importlib.metadata import version
from typing import Annotated

import typer

from portable_dnn.cli.commands.compare import compare
from portable_dnn.cli.commands.convert import convert
from portable_dnn.cli.commands.data import data
from portable_dnn.cli.commands.devices import devices
from portable_dnn.cli.commands.doctor import doctor
from portable_dnn.cli.commands.evaluate import evaluate
from portable_dnn.cli.commands.predict import predict
from portable_dnn.cli.commands.summary import summary
from portable_dnn.cli.commands.sweep import sweep
from portable_dnn.cli.commands.train import train
from portable_dnn.cli.exit_codes import EVERY_COMMAND, EXIT_CODES, shown_exit_codes
from portable_dnn.cli.extra_arguments import StrictCommand
from portable_dnn.errors import PortableDnnError, UnsavedError
from portable_dnn.files.text import one_line

__all__ = ["app", "main"]


def _show_version(asked: bool) -> None:
    """Print the version and end."""
    if asked:
        typer.echo(f"portable-dnn {version('portable_dnn')}")
        raise typer.Exit


app = typer.Typer(
    name="portable-dnn",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a bug's traceback should be a plain one, to be reported
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(
    epilog="The help of a command says where its exit codes differ.\n\n"
    + shown_exit_codes(EVERY_COMMAND)
)
def program(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Train, evaluate and use a deep neural network; the same numbers on every array library.

    The network sorts pictures into two classes. It runs on the CPU or on a GPU, with NumPy, CuPy,
    PyTorch, JAX or another array library. 'portable-dnn train' without further arguments is a good
    start: it needs no data file.
    """


for command in (train, evaluate, predict, sweep, summary, convert, compare, devices, doctor):
    codes = EXIT_CODES.get(command.__name__)
    epilog = None if codes is None else shown_exit_codes(codes)
    app.command(cls=StrictCommand, epilog=epilog)(command)
app.add_typer(data, name="data")


def main() -> None:
    """Run the command line.

    Raises
    ------
    SystemExit
        Always, in Python's way of ending a program, with a code of
        `portable_dnn.cli.exit_codes`. Bad input is one sentence on the standard error.
    """
    warnings.showwarning = _show_warning
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A class name or a path may contain characters that the terminal cannot show.
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="portable-dnn")
    except UnsavedError as error:
        fail(str(error), 1)
    except PortableDnnError as error:
        fail(str(error))
    except (MemoryError, RuntimeError) as error:
        from portable_dnn.training.run_memory import is_shortage, shortage

        if not is_shortage(error):
            raise
        fail(shortage(error))
    except OSError as error:
        # The standard output has no name here; a file that was read or written has.
        trouble = "cannot write the output"
        if error.filename is not None:
            trouble = f"{error.filename} cannot be used"
        fail(f"{trouble}: {error.strerror or error}")


def fail(sentence: str, code: int = 2) -> None:
    """End the program because of bad input.

    Parameters
    ----------
    sentence : str
        What was wrong, where, and what would be right.
    code : int
        The exit code.

    Raises
    ------
    SystemExit
        With that code.
    """
    typer.echo(f"portable-dnn: error: {one_line(sentence)}", err=True)
    raise SystemExit(code)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as one line, without the source line that raised it."""
    with contextlib.suppress(OSError):  # where the terminal is gone, nobody reads it
        typer.echo(f"portable-dnn: warning: {one_line(str(message))}", err=True)
