"""The command line: `main` and the table of its commands.

A command's module is imported when the command, or the list of all, is asked for. These modules
import what takes seconds (TensorFlow, DeepFace) inside the function that needs it.
"""

from __future__ import annotations

import importlib

import click

from app.cli.common import report_errors

COMMANDS = {
    "identify": "app.cli.identify",
    "compare": "app.cli.compare",
    "people": "app.cli.people",
    "settings": "app.cli.settings",
    "train": "app.cli.train",
    "targets": "app.cli.targets",
    "ship": "app.cli.ship",
    "evaluate": "app.cli.evaluate",
    "calibrate": "app.cli.calibrate",
}
"""Every command, in the order of the help, and the module that has a `click.Command` of that name."""


class LazyGroup(click.Group):
    """A group whose commands are those of `COMMANDS`, and whose errors are sentences."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in COMMANDS:
            return None
        return getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, those of groups too."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            inner = command.commands if isinstance(command, click.Group) else {}
            rows += [(f"{name} {part}", one.get_short_help_str(100)) for part, one in inner.items()]
            rows += [] if inner else [(name, command.get_short_help_str(100))]
        with formatter.section("Commands (COMMAND --help tells more of each)"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> object:
        """Run what was asked for; errors that are sentences end the program without a traceback."""
        with report_errors():
            return super().invoke(ctx)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 something could not be processed, 2 wrong usage.",
)
@click.pass_context
def main(context: click.Context) -> None:
    """Tell who is in a photo.

    DeepFace finds the faces, a Siamese network compares each with everybody in the gallery, and the
    closest person is named if close enough. Everything happens on this machine.

    Without a command: what to try first, and a first try.
    """
    if context.invoked_subcommand is None:
        from app.cli.welcome import welcome

        welcome()
