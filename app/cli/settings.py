"""`settings`: every setting with its value."""

from __future__ import annotations

import click

from app.cli import common
from app.settings import format_value, reference


@click.command()
def settings() -> None:
    """Print every setting: variable, value, default, meaning.

    A setting is changed by an environment variable of its name.
    """
    chosen = common.load_settings()
    for setting in reference():
        value = format_value(getattr(chosen, setting.name))
        note = "" if value == setting.default else f" (default: {setting.default or 'unset'})"
        if setting.name in ("database_url", "rate_limit_storage"):
            value = _without_password(value)
        elif setting.name == "admin_token" and value != setting.default:
            value = "(set, and not shown)"
        click.echo(f"{setting.variable}={value}{note}")
        click.echo(click.wrap_text(f"{setting.meaning} Allowed: {setting.allowed}.", 100, "    ", "    "))


def _without_password(database_url: str) -> str:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(database_url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(no database URL)"
