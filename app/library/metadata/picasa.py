"""Face regions of `.picasa.ini`, which Picasa writes into folders.

The format is not documented by its maker. See https://gist.github.com/fbuchinger/1073823: `[Contacts2]` has names by
ID, and the section of a photo `faces=rect64(HEX),ID;...`, four numbers of 16 bits each: left, top, right and bottom in
parts of 65,536.
"""

from __future__ import annotations

import re
from configparser import Error, RawConfigParser

from app.library.metadata.packet import MetadataError
from app.library.metadata.regions import Area, Region

FILES = (".picasa.ini", "Picasa.ini")
_FACE = re.compile(r"rect64\(([0-9a-f]{1,16})\),([0-9a-f]+)", re.IGNORECASE)
_SCALE = 0xFFFF


def parse(data: bytes) -> dict[str, list[Region]]:
    """Return the named faces by the name of the photo, or raise `MetadataError`."""
    parser = RawConfigParser(delimiters=("=",), strict=False, allow_no_value=True, default_section="")
    try:
        parser.read_string(data.decode("utf-8-sig", "replace"))
    except Error as error:
        raise MetadataError("it is not an INI file") from error
    contacts = dict(parser.items("Contacts2")) if parser.has_section("Contacts2") else {}
    names = {contact: (value or "").split(";")[0].strip() for contact, value in contacts.items()}
    return {photo: list(_faces(parser.get(photo, "faces", fallback=""), names)) for photo in parser.sections()}


def _faces(text: str | None, names: dict[str, str]) -> list[Region]:
    regions = []
    for corners, contact in _FACE.findall(text or ""):
        digits = corners.zfill(16)
        left, top, right, bottom = (int(digits[start : start + 4], 16) / _SCALE for start in range(0, 16, 4))
        area, name = Area(left, top, right - left, bottom - top), names.get(contact.lower())
        if name and area.is_valid:
            regions.append(Region(name, area))
    return regions
