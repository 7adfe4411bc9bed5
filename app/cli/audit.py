"""`audit` commands: list, verify and export the audit log."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from app import text
from app.cli import common
from app.files import open_complete


@click.group()
def audit() -> None:
    """Show who changed, searched, exported or erased what, and check that this log was not altered."""


@audit.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="Maximum number of entries.")
@click.option("--action", help="Only entries with this action, such as purged or sign_in_refused.")
@click.option("--person", metavar="NAME", help="Only entries about this person.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per entry.")
def list_entries(limit: int, action: str | None, person: str | None, as_json: bool) -> None:
    """List the latest entries, the newest first.

    Prints number, time (UTC), actor, action, person and details. After a person was erased, `person 7` replaces the
    name.
    """
    from app.gallery.audit import entry_json

    gallery = common.open_gallery()
    found = gallery.find(person) if person else None
    ids, names = ([found.id] if found else []), ([person] if person else [])
    for entry in gallery.audit.entries(limit, action=action, person_ids=ids, person_names=names):
        if as_json:
            click.echo(json.dumps(entry_json(entry)))
        else:
            details = ", ".join(f"{name}={value}" for name, value in entry.details.items())
            row = [entry.number, f"{entry.time:%Y-%m-%d %H:%M}", entry.actor, entry.action, entry.subject, details]
            click.echo(common.format_row(row))


@audit.command()
@click.option("--head", metavar="NUMBER:HASH", help="Also check that this entry, printed by an earlier run, remains.")
def verify(head: str | None) -> None:
    """Check that no entry was changed, inserted or deleted. Exit code 1 if one was.

    Prints number and hash of the last entry. Keep the line elsewhere: with --head, a later run also detects that
    someone deleted the latest entries, or replaced the whole log.
    """
    number, _, expected = (head or "").partition(":")
    if head and not (number.isdecimal() and len(expected) == 64):
        raise common.InvalidUsage(f"--head is {head!r}. It must be NUMBER:HASH, as `audit verify` prints it.")
    log = common.open_gallery().audit
    result = log.verify()
    problems = list(result.problems)
    if head:
        entry = next(iter(log.entries(1, before=int(number) + 1)), None)
        if int(number) < result.first:
            click.echo(f"Entry {number} has expired, so --head was not checked.", err=True)
        elif entry is None or (entry.number, entry.hash) != (int(number), expected):
            problems.append(f"Entry {number} is missing or has another hash than {expected}.")
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise click.ClickException(f"The audit log was altered ({text.count(len(problems), 'problem')}).")
    click.echo(f"Entries verified: {max(0, result.last - result.first + 1):,}. Last: {result.last}:{result.hash}")


@audit.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export(file: Path) -> None:
    """Write all entries to FILE, one JSON object a line, the oldest first. Only your user can read the file."""
    count = 0
    with closing(common.open_gallery()) as gallery:
        # First: the export has its own entry, and none leaves without one.
        gallery.audit.record("exported_audit")
        with open_complete(file, private=True) as opened:
            for line in gallery.audit.export():
                opened.write(f"{line}\n".encode())
                count += 1
    click.echo(f"Entries written to {file}: {count:,}", err=True)
