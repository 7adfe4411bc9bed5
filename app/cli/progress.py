"""Progress bar and status line on a terminal, and output lines that do not mix with them."""

from __future__ import annotations

import os
import stat
import sys

import click
from tqdm import tqdm


def is_interactive() -> bool:
    """Return whether standard error is a terminal and standard output is not piped into a program."""
    if not sys.stderr.isatty():
        return False
    try:
        return not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return True


def progress_bar(total: int, unit: str) -> tqdm:
    """Return a bar that counts up to `total`, shown on a terminal only and erased at the end."""
    return tqdm(total=total, unit=unit, leave=False, disable=not is_interactive(), dynamic_ncols=True, file=sys.stderr)


def print_line(text: str, err: bool = False) -> None:
    """Print a line above the bar, if there is one."""
    with tqdm.external_write_mode():
        click.echo(text, err=err)


def status_line(text: str) -> tqdm:
    """Return a context manager that shows a line on a terminal."""
    return tqdm(desc=text, bar_format="{desc}", leave=False, disable=not is_interactive(), file=sys.stderr)
