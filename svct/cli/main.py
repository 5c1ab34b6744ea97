"""The command `svct`: finds commands, turns errors into one line and an exit code."""

import os
import sys
import warnings
from importlib import import_module
from typing import Any

import click

from svct import __version__
from svct.cli.interrupt import interrupts
from svct.errors import SvctError, unknown_name
from svct.files import system_reason

COMMANDS = {
    "learn-sampling": "Learn the views of a task, judge them, write the schedule.",
    "simulate": "Simulate the scan of a drawn patient or a real slice.",
    "reconstruct": "Reconstruct a simulated or measured scan.",
    "evaluate": "Compare an image with its truth: PSNR and SSIM.",
    "schedule": "Show, check, plan, compare, draw and sign schedules.",
    "export": "Write a schedule in a format that a device or script reads.",
    "device": "Run a schedule on a stage through bluesky.",
    "tasks": "List the scanning tasks, show one, or write cases with findings.",
    "data": "List, fetch and inspect real CT data.",
    "train-backbone": "Train the shared reconstruction network.",
    "geometry": "Show, draw and convert a scan geometry.",
    "bench": "Measure projectors and reconstructions against others.",
    "report": "Write the report of a run of experiments: one HTML file.",
    "doctor": "Check this installation, its backends and a geometry.",
}
"""Every command with its line of help, so that `svct --help` imports none of them."""

INTERRUPTED = 130
INTERNAL = 70

EPILOG = """\
Exit codes: 0 done, 1 a check failed, 2 wrong usage, 3 unusable value, 4 file missing, unreadable or not writable, 5
unknown name, 6 backend not available, 7 result exists already, 70 internal error, 130 interrupted. SVCT_DEBUG=1 shows
tracebacks.
"""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"svct.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was probably meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(str(unknown_name("command", args[0], list(COMMANDS))), ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="svct")
def group() -> None:
    """Simulate CT, learn which views each task needs, reconstruct, score, export.

    Start with `svct learn-sampling --task chest`.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    interrupts.listen()
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: Words after `svct`. Default: those of the process.
    """
    debug = os.environ.get("SVCT_DEBUG", "") not in ("", "0")
    if not debug:
        warnings.simplefilter("ignore")
    try:
        result: Any = group.main(args=arguments, prog_name="svct", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.message, err=True)
        return error.exit_code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "svct"
        return _say(f"{error.format_message()} (see {where} --help)", error.exit_code)
    except click.ClickException as error:
        return _say(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort) as stop:
        notes = " ".join(getattr(stop, "__notes__", [])) or " ".join(
            getattr(stop.__cause__ or stop.__context__, "__notes__", [])
        )
        click.echo(f"\nsvct: interrupted{'; ' + notes if notes else ''}", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SvctError as error:
        if debug:
            raise
        return _say(str(error), error.exit_code)
    except (OSError, MemoryError) as error:
        if debug:
            raise
        return _say(_reason(error), 4)
    except Exception as error:
        if debug:
            raise
        return _say(
            f"internal error, {type(error).__name__}: {error}. Please report it with the command you ran; "
            "SVCT_DEBUG=1 shows where",
            INTERNAL,
        )
    return result if isinstance(result, int) else 0


def _reason(error: OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return f"not enough memory{f' ({error})' if str(error) else ''}; take fewer or smaller images"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}could not be read or written ({system_reason(error)}); check path, permissions and free space"


def _say(message: str, code: int) -> int:
    click.echo(f"svct: error: {' '.join(message.split())}", err=True)
    return code
