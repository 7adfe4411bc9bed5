"""`keys` commands: create, list and revoke access keys of the server."""

from __future__ import annotations

import json
from datetime import timedelta

import click

from app import text
from app.cli import common
from app.gallery.scopes import SCOPES, expand


@click.group()
def keys() -> None:
    """Manage the access keys of programs and people who use the server."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice(list(SCOPES)), help="Can be repeated."
)
@click.option(
    "--days", default=365, show_default=True, type=click.IntRange(0), help="Days until it expires, 0 for never."
)
def create(name: str, scopes: tuple[str, ...], days: int) -> None:
    """Create a key and print it. It is shown once: the gallery stores its SHA-256 only.

    \b
    identify  identify and compare photos
    read      list people and show their pages and portraits
    manage    everything, also change the gallery, and use the library, keys and audit log
    metrics   read /metrics
    """  # noqa: D301 (click needs the escaped character)
    key, secret = common.open_gallery().keys.create(name, scopes, timedelta(days=days) if days else None)
    until = f"until {key.expires:%Y-%m-%d}" if key.expires else "until it is revoked"
    click.echo(secret)
    allowed = ", ".join(scope for scope in SCOPES if scope in expand(key.scopes))
    click.echo(f"The key {key.name} allows {allowed} {until}. Keep it: it is not shown again.", err=True)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per key.")
def list_keys(as_json: bool) -> None:
    """List all keys, the latest first: name, start, scopes, state, date of creation, expiry and last use (UTC)."""
    found = common.open_gallery().keys.list()
    for key in found:
        times = [time and time.isoformat(timespec="minutes") for time in (key.created, key.expires, key.used)]
        row = [key.name, f"{key.hint}…", " ".join(key.scopes), key.state, *times]
        if as_json:
            names = ("name", "hint", "scopes", "state", "created", "expires", "used")
            click.echo(json.dumps(dict(zip(names, [*row[:1], key.hint, key.scopes, *row[3:]], strict=True))))
        else:
            created, expires, used = (time or "never" for time in times)
            click.echo(common.format_row([*row[:4], created[:10], expires[:10], used.replace("T", " ")[:16]]))
    if not found and not as_json:
        hint = f"{common.program()} keys create NAME --scope identify"
        click.echo(f"There is no key. Create one: {hint}", err=True)


@keys.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Revoke a key. All servers of the gallery refuse it immediately, and its sessions end."""
    key = common.open_gallery().keys.revoke(name)
    click.echo(f"The key {key.name} was revoked.")


@keys.command("end-sessions")
@click.argument("name", required=False)
def end_sessions(name: str | None) -> None:
    """End all sessions, or those of the key NAME: the people have to sign in again."""
    count = common.open_gallery().keys.end_sessions(name)
    click.echo(f"{text.count(count, 'session')} ended.")
