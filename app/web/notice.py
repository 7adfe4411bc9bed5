"""Notice of the operator to the people whose faces are processed: a text file (`FACES_NOTICE`) on the page /privacy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from flask import Flask, current_app

from app import text
from app.errors import SettingsError

MAX_BYTES = 100_000

_EXTENSION = "notice"


@dataclass(frozen=True)
class Block:
    """A heading or a paragraph, which have one text, or a list with the texts of its items."""

    kind: Literal["heading", "paragraph", "list"]
    texts: tuple[str, ...]


def install(app: Flask, path: Path | None) -> None:
    """Read the notice, so that a file that cannot be used stops the start.

    Raises:
        SettingsError: The file is missing, too large, empty or not UTF-8.
    """
    app.extensions[_EXTENSION] = () if path is None else read_notice(path)


def current_notice() -> tuple[Block, ...]:
    """Return the notice of the app that handles this request, empty without one."""
    notice: tuple[Block, ...] = current_app.extensions[_EXTENSION]
    return notice


def read_notice(path: Path) -> tuple[Block, ...]:
    """Read a text file: paragraphs between empty lines, `# ` before a heading, `- ` before the items of a list."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"FACES_NOTICE: {path} cannot be read ({text.first_line(error)}).") from error
    if len(data) > MAX_BYTES:
        raise SettingsError(f"FACES_NOTICE: {path} has {len(data):,} bytes. The limit is {MAX_BYTES:,}.")
    try:
        content = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise SettingsError(f"FACES_NOTICE: {path} is not UTF-8. Save it as UTF-8 text.") from error
    if not content:
        raise SettingsError(f"FACES_NOTICE: {path} is empty. Write a notice, or remove the setting.")
    blocks: list[Block] = []
    for line in [*map(str.strip, content.splitlines()), ""]:
        last = blocks[-1] if blocks else None
        if line.startswith("# "):
            blocks.append(Block("heading", (line[2:].strip(),)))
        elif line.startswith("- "):
            items = last.texts if last and last.kind == "list" else ()
            blocks = [*(blocks[:-1] if items else blocks), Block("list", (*items, line[2:].strip()))]
        elif not line:
            blocks.append(Block("paragraph", ()))
        elif last and last.kind in ("paragraph", "list") and last.texts:
            blocks[-1] = Block(last.kind, (*last.texts[:-1], f"{last.texts[-1]} {line}"))
        else:
            blocks.append(Block("paragraph", (line,)))
    return tuple(block for block in blocks if block.texts)
