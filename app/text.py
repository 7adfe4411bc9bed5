"""Text formatting: counts in sentences, times in videos, and file names as valid text."""

import os
import re
from collections.abc import Sequence

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20].", re.DOTALL)


def count(number: int, noun: str) -> str:
    """Return a number with its noun: 1 face, 2 faces, 539 people."""
    plural = noun.removesuffix("person") + "people" if noun.endswith("person") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def alternatives(items: Sequence[str]) -> str:
    """Return at least one item as part of a sentence: A, B or C."""
    *others, last = items
    return f"{', '.join(others)} or {last}" if others else last


def timestamp(seconds: float) -> str:
    """Return a time in a video as h:mm:ss.s, such as 0:01:05.2."""
    tenths = round(10 * seconds)
    return f"{tenths // 36_000}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"


def display_path(path: str | os.PathLike[str]) -> str:
    r"""Return a path as valid text, distinct for distinct paths: undecodable bytes become \xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def one_line(text: str) -> str:
    r"""Return text as one line for a terminal: control characters become escapes such as \n and \x1b."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def first_line(error: BaseException) -> str:
    """Return the first line of an error message without its period, to quote it in a sentence."""
    return str(getattr(error, "strerror", None) or error).strip().split("\n")[0].rstrip(".")


def csv_cell(value: object) -> object:
    """Return a CSV cell that spreadsheets do not run as a formula: such text gets a leading apostrophe.

    See https://owasp.org/www-community/attacks/CSV_Injection. `plain_text` removes the apostrophe.

    Example:
        >>> csv_cell("=HYPERLINK(1)"), csv_cell(-1.5)
        ("'=HYPERLINK(1)", -1.5)
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def plain_text(cell: str) -> str:
    """Return the text of a cell of `csv_cell`."""
    return cell.removeprefix("'") if _FORMULA.match(cell) else cell
