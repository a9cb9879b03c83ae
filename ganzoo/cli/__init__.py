"""The command line. Subcommands are imported when they are used, so that `ganzoo --help` is instant."""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from ganzoo import __version__
from ganzoo.errors import GanzooError, InterruptedRunError, printable
from ganzoo.system.out_of_memory import is_out_of_memory

COMMANDS = {
    "demo": ("ganzoo.cli.demo", "Train on small built-in eyes and show a picture."),
    "run": ("ganzoo.cli.run", "Train a method on a dataset and measure it."),
    "evaluate": ("ganzoo.cli.evaluate", "Measure a finished run again, or two collections of images."),
    "bench": ("ganzoo.cli.bench", "Compare methods on the same data and budget, over several seeds."),
    "report": ("ganzoo.cli.report", "Make the table and report of a bench again."),
    "choose": ("ganzoo.cli.choose", "Choose one of several finished runs without target labels."),
    "publish": ("ganzoo.cli.publish", "Write a bench for others, with a README."),
    "reproduce": ("ganzoo.cli.reproduce", "Run a row of a published bench again, and compare."),
    "data": ("ganzoo.cli.data", "Prepare data sets as stores, and inspect them."),
    "refine": ("ganzoo.cli.refine", "Refine a folder or npz of synthetic images with a trained run."),
    "predict": ("ganzoo.cli.predict", "Predict the labels of images with a trained run."),
    "generate": ("ganzoo.cli.generate", "Generate images with a trained run, also for given labels."),
    "turing": ("ganzoo.cli.turing", "Make and score a visual Turing test: can people tell?"),
    "apply": ("ganzoo.cli.apply", "Apply any other capability of a trained run, such as encode."),
    "export": ("ganzoo.cli.export", "Write a trained method as TorchScript, ONNX or safetensors, with a card."),
    "plugin": ("ganzoo.cli.plugin", "Create, check and list plugins: methods, datasets, metrics and trackers."),
    "runs": ("ganzoo.cli.runs", "List, show and delete run folders."),
    "doctor": ("ganzoo.cli.doctor", "Show the environment, devices, weights, plugins and caches."),
    "list": ("ganzoo.cli.listing", "List methods, datasets, metrics, capabilities and everything else installed."),
}


class _FailedCommand(click.ClickException):
    """A user's mistake or a failed run: one sentence, and its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]


class _Main(click.Group):
    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # file names that the terminal cannot encode are escaped
                stream.reconfigure(errors="backslashreplace")
        if args is not None or any(name.endswith("_COMPLETE") for name in os.environ):
            return super().main(args, *rest, **extra)
        from ganzoo.cli.answers import is_answer, keeping, kept_answer

        typed = sys.argv[1:]
        if not is_answer(typed):
            return super().main(args, *rest, **extra)
        if (answer := kept_answer(typed)) is not None:
            sys.stdout.write(answer)
            sys.exit(0)
        with keeping(typed):
            return super().main(args, *rest, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[name][0]).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from ganzoo.configuration.layers import did_you_mean

            raise click.UsageError(f"there is no command {args[0]!r}{did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GanzooError as error:
            raise _FailedCommand(str(error), error.exit_code) from error
        except (MemoryError, RuntimeError, OSError) as error:
            if not is_out_of_memory(error):
                raise
            reason = next(iter(str(error).splitlines()), "") or "the system refused it"
            raise _FailedCommand(f"there is not enough memory ({reason}); what was saved is kept", 1) from error
        except InterruptedRunError as stopped:
            click.echo(f"\nThe run was {stopped}.", err=True)
            sys.exit(stopped.exit_code)
        except KeyboardInterrupt:
            click.echo("\nInterrupted. Run the same command again to resume.", err=True)
            sys.exit(130)


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "-V", "--version", prog_name="ganzoo")
def main() -> None:
    """A zoo of methods that close the gap between synthetic and real images.

    Start with: ganzoo demo
    """
    warnings.formatwarning = lambda message, *_: f"warning: {printable(str(message))}\n"
