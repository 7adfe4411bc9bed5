"""`settings`: every setting with its value."""

from __future__ import annotations

import click

from app.cli import common
from app.settings import PREFIX, table


@click.command()
def settings() -> None:
    """Print every setting: variable, value, default, meaning.

    A setting is changed by an environment variable of its name.
    """
    chosen = common.load_settings()
    for variable, default, meaning in table():
        value = str(getattr(chosen, variable.removeprefix(PREFIX).lower()))
        if variable == "FACES_DATABASE_URL":
            value = _without_password(value)
        elif variable == "FACES_ADMIN_TOKEN" and value != default:
            value = "(set, and not shown)"
        note = "" if value == default else f" (default: {default})"
        click.echo(f"{variable}={value}{note}")
        click.echo(click.wrap_text(meaning, 100, "    ", "    "))


def _without_password(database_url: str) -> str:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(database_url).render_as_string(hide_password=True)
    except ArgumentError:
        return "(no database URL)"
