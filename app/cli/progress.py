"""Progress on a terminal, and lines of output that do not run into it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from tqdm import tqdm


def wanted() -> bool:
    """Whether somebody watches: standard error is a terminal, and the output is not piped into a program."""
    if not sys.stderr.isatty():
        return False
    try:
        return not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return True


def bar(total: int, unit: str) -> tqdm:
    """A bar that counts up to `total` where somebody watches; it leaves nothing behind."""
    return tqdm(total=total, unit=unit, leave=False, disable=not wanted(), dynamic_ncols=True, file=sys.stderr)


def say(text: str, err: bool = False) -> None:
    """Print a line, above the bar if there is one."""
    with tqdm.external_write_mode():
        click.echo(text, err=err)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show a line where somebody watches, as long as something takes."""
    watched = wanted()
    if watched:
        click.echo(text, err=True, nl=False)
    try:
        yield
    finally:
        if watched:
            click.echo("\r\033[K", err=True, nl=False)
