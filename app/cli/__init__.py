"""Command line: the `main` group, which imports each command's module on demand.

Command modules import TensorFlow and DeepFace inside the functions that need them, so that --help answers quickly.
"""

import importlib
import warnings

import click

from app import __version__
from app.cli.common import InvalidUsage
from app.errors import FacesError, InvalidFaceChoice, SettingsError
from app.gallery.actor import command_line, set_process_actor

COMMANDS = (
    "identify",
    "compare",
    "people",
    "library",
    "keys",
    "audit",
    "settings",
    "train",
    "ship",
    "evaluate",
    "calibrate",
)
"""Commands and their modules, in the order of --help."""


class LazyGroup(click.Group):
    """A click group that imports the modules in `COMMANDS` on demand and prints errors without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or return None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"app.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, including those of subgroups."""
        commands: dict[str, click.Command] = {}
        for name in COMMANDS:
            command = self.get_command(ctx, name)
            if isinstance(command, click.Group):
                commands |= {f"{name} {child}": found for child, found in command.commands.items()}
            elif command:
                commands[name] = command
        with formatter.section("Commands (see COMMAND --help for details)"):
            formatter.write_dl([(name, command.get_short_help_str(100)) for name, command in commands.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run a command and print the message of a `FacesError`. Other exceptions keep their traceback."""
        warnings.showwarning = lambda message, *_location: click.echo(message, err=True)
        try:
            return super().invoke(ctx)
        except (SettingsError, InvalidFaceChoice) as error:
            raise InvalidUsage(str(error)) from error
        except FacesError as error:
            raise click.ClickException(str(error)) from error


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 success, 1 some input could not be processed, 2 invalid usage.",
)
@click.version_option(__version__, prog_name="whopic", message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Identify the people in photos.

    Finds the faces with DeepFace and compares them with the people in the gallery by a Siamese network.
    Photos stay on this machine.

    Without a command, shows an introduction and an example.
    """
    set_process_actor(command_line())
    if context.invoked_subcommand is None:
        from app.cli.welcome import welcome

        welcome()
