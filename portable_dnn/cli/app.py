"""The program made of its commands; errors become one line and exit code 2."""

import io
import sys
import warnings
from importlib.metadata import version
from typing import Annotated, Any

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
from portable_dnn.cli.messages import fail, fail_to_write, report_bug, warn
from portable_dnn.errors import PortableDnnError, PortableDnnWarning, UnsavedError
from portable_dnn.files.text import printable

__all__ = ["app", "main"]

# The base of what is raised where arguments cannot be parsed; typer has no name for it.
_MISUSE: type[Exception] = next(
    kind
    for kind in typer.BadParameter.__mro__
    if issubclass(kind, Exception) and kind.__name__ == "ClickException"
)


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
    _take_warnings()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A class name or a path may contain characters that the terminal cannot show.
            stream.reconfigure(errors="backslashreplace")
    try:
        raise SystemExit(app(prog_name="portable-dnn", standalone_mode=False))
    except (KeyboardInterrupt, typer.Abort):
        raise SystemExit(130) from None
    except _MISUSE as error:
        _show_misuse(error)
    except UnsavedError as error:
        fail(str(error), 1)
    except PortableDnnError as error:
        fail(str(error))
    except OSError as error:
        fail_to_write(error)
    except Exception as error:
        from portable_dnn.training.run_memory import is_shortage, shortage

        if is_shortage(error):
            fail(shortage(error))
        report_bug()


def _show_misuse(error: Any) -> None:
    """Say what cannot be parsed; what the shell put in for a `*` may be any file's name."""
    for argument in sys.argv:
        error.message = error.message.replace(argument, printable(argument))
    error.message = "\n".join(map(printable, error.message.split("\n")))
    error.show()
    raise SystemExit(error.exit_code)


def _take_warnings() -> None:
    """Show warnings in one line, those of this library whatever Python was told of warnings."""
    warnings.showwarning = _show_warning
    warnings.simplefilter("default", PortableDnnWarning)
    # Oddities in a picture's metadata, and letters that matplotlib's font lacks, do no harm.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as one line, without the source line that raised it."""
    warn(str(message))
