"""Import of people's records from a CSV file with a row for each person."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import FacesError
from app.gallery import names
from app.gallery.record import FIELDS, NO_RECORD
from app.gallery.store import Gallery
from app.text import plain_text

FILE_NAME = "records.csv"
"""Name of the file in the folder of an import."""

_PERSON = "person"


@dataclass(frozen=True)
class RecordImport:
    """Fields of records by `names.key` of the person, and a sentence for each row that cannot be used."""

    records: Mapping[str, dict[str, str]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_records(path: Path) -> RecordImport:
    """Read the file, whose first line has `person` and any of the fields of a record. Empty cells change nothing."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        return RecordImport(problems=(f"{path.name} is not a CSV file in UTF-8 ({error}). Save it again as such.",))
    headings = [cell.strip().lower() for cell in rows[0]] if rows else []
    if _PERSON not in headings or set(headings) - {_PERSON, *FIELDS} or len(set(headings)) < len(headings):
        columns = ",".join((_PERSON, *FIELDS))
        return RecordImport(problems=(f"The first line of {path.name} must have columns of: {columns}",))
    records: dict[str, dict[str, str]] = {}
    problems = []
    for number, row in enumerate(rows[1:], start=2):
        cells = dict(zip(headings, map(plain_text, row), strict=False))
        if not any(cells.values()):
            continue
        try:
            person = names.clean(cells.pop(_PERSON, ""))
            values = {name: value for name, value in cells.items() if value.strip()}
            NO_RECORD.change(values)
            records[names.key(person)] = values
        except FacesError as error:
            problems.append(f"{path.name}, row {number}: {error}")
    return RecordImport(records, tuple(problems))


def apply_records(gallery: Gallery, imported: RecordImport) -> int:
    """Change the records of people who are in the gallery, and return how many changed."""
    changed = 0
    for key, values in imported.records.items():
        person = gallery.find(key)
        if person is not None and gallery.change_record(person.id, values).record != person.record:
            changed += 1
    return changed
