"""`settings`: all settings with their values."""

import re

import click

from app.settings import Settings, format_value, reference


@click.command()
def settings() -> None:
    """Print all settings with value, default and description.

    Set the environment variable of the same name to change a setting. Passwords and the admin token are hidden.
    """
    values = Settings()
    for setting in reference():
        value = format_value(getattr(values, setting.name))
        default = "" if value == setting.default else f" (default: {setting.default or 'unset'})"
        if setting.name == "admin_token" and default:
            value = "(hidden)"
        value = re.sub(r"://([^:/@]*):.*@", r"://\1:***@", value)  # the password of a URL
        click.echo(f"{setting.variable}={value}{default}")
        description = f"{setting.meaning} Allowed: {setting.allowed.removeprefix('one of: ')}."
        click.echo(click.wrap_text(description, 100, "    ", "    "))
