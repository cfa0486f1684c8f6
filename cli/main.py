"""The command `ssvae`: a table of subcommands, each imported only when it is called."""

from __future__ import annotations

import codecs
import importlib
import sys
import warnings
from io import TextIOWrapper
from typing import Any, NoReturn

import click

import ssvae

# Command -> (where it is, its line in --help).
COMMANDS = {
    "analogies": ("ssvae.cli.analogies:analogies", "Draw test rows with their class changed."),
    "config": ("ssvae.cli.config:config", "Print settings, or write them to a file."),
    "datasets": ("ssvae.cli.datasets:datasets", "List the data sets, or fetch one."),
    "evaluate": ("ssvae.cli.evaluate:evaluate", "Measure a run's model on the test rows."),
    "fit": ("ssvae.cli.fit:fit", "Train a classifier on partly labelled data."),
    "impute": ("ssvae.cli.impute:impute", "Fill in the missing cells of a table."),
    "launch": ("ssvae.cli.launch:launch", "Train on several processes, and again after a crash."),
    "gap": ("ssvae.cli.gap:gap", "Measure how far a run's bound is below log p, and why."),
    "predict": ("ssvae.cli.predict:predict", "Classify the rows of a file."),
    "reproduce": ("ssvae.cli.reproduce:reproduce", "Train and measure the rows of a paper's table."),
    "topics": ("ssvae.cli.topics:topics", "Print the words that each latent makes more probable."),
    "sample": ("ssvae.cli.sample:sample", "Draw new rows from a run's model."),
}

# What bad input raises; anything else is a defect of the program and keeps its traceback.
USER_ERRORS = (ValueError, OSError, ImportError, MemoryError, FloatingPointError)

TEMPORARY = 75  # EX_TEMPFAIL of sysexits.h


class LazyGroup(click.Group):
    """A group that lists its commands without importing them, and shows bad input as one line."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command of the command line; whatever its texts hold can be written to stdout and stderr."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                _write_any_text(stream)
        return super().main(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        return getattr(importlib.import_module(module), attribute)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; name the nearest one where there is none."""
        from ssvae.registry import unknown

        name = args[0]
        if not name.startswith("-") and name not in COMMANDS:
            ctx.fail(unknown("command", name, self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands' lines from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> object:
        """Run a command: exit 0, 1 after an error, 2 after a wrong call, 130 after Ctrl-C, 143 after SIGTERM.

        75 means that the same command may succeed later: another worker, or a server, is gone.
        """
        from ssvae.backend.signals import exit_code, terminable

        try:
            with terminable(), warnings.catch_warnings():
                warnings.showwarning = _warn  # type: ignore[assignment]
                return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            click.echo(f"\nInterrupted. {interrupt}".rstrip(), err=True)
            ctx.exit(exit_code(interrupt))
        except BrokenPipeError:  # whatever read the output has ended (`| head`); click exits quietly
            raise
        except ConnectionError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(TEMPORARY)
        except USER_ERRORS as error:
            _stop(error, str(error) or type(error).__name__)
        except Exception as error:
            tensorflow = sys.modules.get("tensorflow")  # imported only by the commands that compute
            if tensorflow is None or not isinstance(error, tensorflow.errors.ResourceExhaustedError):
                raise
            first = str(error).splitlines()[0]
            _stop(error, f"there was not enough memory ({first}): take a smaller classifier.batch_size or model")


def _write_any_text(stream: TextIOWrapper) -> None:
    """Let a stream escape what its encoding lacks; where that is ASCII, write UTF-8 and names of files as they are."""
    if codecs.lookup(stream.encoding).name == "ascii":
        stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    else:
        stream.reconfigure(errors="backslashreplace")


def _warn(message: Warning | str, *_: object) -> None:
    """Show a warning as one line, without the place in the source."""
    click.echo(f"Warning: {message}", err=True)


def _stop(error: Exception, message: str) -> NoReturn:
    raise click.ClickException(message) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(ssvae.__version__, prog_name="ssvae")
def main() -> None:
    """Semi-supervised classification with deep generative models.

    Start with `ssvae fit --labels 100`. Every command has --help.
    """
