"""Parts of a timeline page: months as headings, and the position of the page."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import TypedDict

from flask import request

from app.library.timeline import Entry, Position


class Positions(TypedDict):
    """The photo after or before which a page begins."""

    after: Position | None
    before: Position | None


def positions() -> Positions:
    """Read the position of the page from the address."""
    return {
        "after": Position.parse(request.args.get("after", "")),
        "before": Position.parse(request.args.get("before", "")),
    }


def group_by_month(entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return headings, such as May 2021, and the entries below each."""
    return [(title, list(group)) for title, group in groupby(entries, key=_month)]


def _month(entry: Entry) -> str:
    return datetime.fromisoformat(entry.taken).strftime("%B %Y") if entry.taken else "No date"
