"""Import of aliases from a CSV file with the columns `person` and `alias`, one alias in a row."""

import csv
from dataclasses import dataclass
from pathlib import Path

from app.errors import GalleryError, OptedOut
from app.gallery.store import Gallery
from app.text import plain_text

FILE_NAME = "aliases.csv"
"""Name of the file in the folder of an import."""

_HEADINGS = ["person", "alias"]


@dataclass(frozen=True)
class AliasImport:
    """Number of aliases that the import added, and a sentence for each row that cannot be used."""

    added: int = 0
    problems: tuple[str, ...] = ()


def import_aliases(gallery: Gallery, path: Path) -> AliasImport:
    """Add the aliases of a file to people of the gallery. Known aliases are skipped."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        return AliasImport(problems=(f"{path.name} is not a CSV file in UTF-8 ({error}). Save it again as such.",))
    if not rows or [cell.strip().lower() for cell in rows[0]] != _HEADINGS:
        return AliasImport(problems=(f"The first line of {path.name} must be: {','.join(_HEADINGS)}",))
    added, problems = 0, []
    for number, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            if len(row) != len(_HEADINGS):
                raise GalleryError(f"Expected a person and an alias, found {len(row)} columns.")
            person, alias = map(plain_text, row)
            before = gallery.find(person)
            after = gallery.change_aliases(person, [alias])
            added += before is not None and len(after.aliases) > len(before.aliases)
        except (GalleryError, OptedOut) as error:
            problems.append(f"{path.name}, row {number}: {error}")
    return AliasImport(added, tuple(problems))
