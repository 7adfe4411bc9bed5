"""Schemas of named faces in XMP: regions of the Metadata Working Group and of Microsoft, and people of IPTC.

`own` properties record what this program wrote, so that it removes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.library.metadata import packet as xmp
from app.library.metadata.packet import Element, Packet
from app.library.metadata.regions import Area, Region

_MWG = "http://www.metadataworkinggroup.com/schemas/regions/"
_DIMENSIONS = "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
_AREA = "http://ns.adobe.com/xmp/sType/Area#"
_MP = "http://ns.microsoft.com/photo/1.2/"
_MP_REGIONS = "http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
_MP_REGION = "http://ns.microsoft.com/photo/1.2/t/Region#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_OWN = "urn:whopic:names#"
OWN_NAMESPACE = _OWN.encode()

_MWG_PREFIXES = {"mwg-rs": _MWG, "stDim": _DIMENSIONS, "stArea": _AREA}
_MP_PREFIXES = {"MP": _MP, "MPRI": _MP_REGIONS, "MPReg": _MP_REGION}

_REGIONS, _APPLIED_TO, _LIST = f"{{{_MWG}}}Regions", f"{{{_MWG}}}AppliedToDimensions", f"{{{_MWG}}}RegionList"
_REGION_INFO, _MP_LIST = f"{{{_MP}}}RegionInfo", f"{{{_MP_REGIONS}}}Regions"
_RECTANGLE, _DISPLAY_NAME = f"{{{_MP_REGION}}}Rectangle", f"{{{_MP_REGION}}}PersonDisplayName"
_PEOPLE = f"{{{_IPTC}}}PersonInImage"
_OWN_REGIONS, _OWN_PEOPLE, _OWN_BASIS = (f"{{{_OWN}}}{name}" for name in ("Regions", "People", "Basis"))

_FACE_TYPES = ("face", "")


class MwgRegions:
    """`mwg-rs:Regions`: centers, of Lightroom, digiKam, Picasa, Apple, PhotoPrism and Immich."""

    def __init__(self, packet: Packet) -> None:
        self._packet = packet

    def __iter__(self) -> Iterator[tuple[Element, Region]]:
        """Yield the elements of named faces with a valid area, and their regions."""
        for item in self._items():
            name = xmp.field_text(item, f"{{{_MWG}}}Name")
            kind = xmp.field_text(item, f"{{{_MWG}}}Type") or ""
            area = xmp.field(item, f"{{{_MWG}}}Area")
            if not name or area is None or kind.strip().lower() not in _FACE_TYPES:
                continue
            if (xmp.field_text(area, f"{{{_AREA}}}unit") or "normalized") != "normalized":
                continue
            x, y, width, height = (_number(xmp.field_text(area, f"{{{_AREA}}}{side}")) for side in "xywh")
            found = Area(x - width / 2, y - height / 2, width, height)
            if found.is_valid:
                yield item, Region(name.strip(), found)

    def add(self, region: Region, size: tuple[int, int]) -> None:
        """Add a face to the stored picture of a size."""
        regions = self._packet.find(_REGIONS)
        if regions is None:
            regions = xmp.structure(self._packet.add(_REGIONS, _MWG_PREFIXES))
            self._set_size(regions, size)
        faces = xmp.field(regions, _LIST)
        if faces is None:
            faces = xmp.append(xmp.fields_of(regions), _LIST)
        item = xmp.structure(xmp.append_item(faces))
        area = region.area
        numbers = zip("xywh", (*area.center, area.width, area.height), strict=True)
        xmp.append(item, f"{{{_MWG}}}Name").text = region.name
        xmp.append(item, f"{{{_MWG}}}Type").text = "Face"
        sides = {f"{{{_AREA}}}{side}": _format(number) for side, number in numbers}
        xmp.append(item, f"{{{_MWG}}}Area", {**sides, f"{{{_AREA}}}unit": "normalized"})

    def remove(self, element: Element) -> None:
        """Remove the element of a face, and the property with its last region."""
        xmp.remove(element)
        if not self._items():
            self._packet.remove(_REGIONS)

    def _items(self) -> list[Element]:
        regions = self._packet.find(_REGIONS)
        return [] if regions is None else xmp.items(xmp.field(regions, _LIST))

    @staticmethod
    def _set_size(regions: Element, size: tuple[int, int]) -> None:
        values = {"w": str(size[0]), "h": str(size[1]), "unit": "pixel"}
        xmp.append(regions, _APPLIED_TO, {f"{{{_DIMENSIONS}}}{key}": value for key, value in values.items()})


class MicrosoftRegions:
    """`MP:RegionInfo`: top left corners, of Windows Photo Gallery and digiKam."""

    def __init__(self, packet: Packet) -> None:
        self._packet = packet

    def __iter__(self) -> Iterator[tuple[Element, Region]]:
        """Yield the elements of named faces with a valid area, and their regions."""
        for item in self._items():
            name = xmp.field_text(item, _DISPLAY_NAME)
            sides = (xmp.field_text(item, _RECTANGLE) or "").split(",")
            if name and len(sides) == 4 and (area := Area(*map(_number, sides))).is_valid:
                yield item, Region(name.strip(), area)

    def add(self, region: Region, _size: tuple[int, int]) -> None:
        """Add a face."""
        info = self._packet.find(_REGION_INFO)
        if info is None:
            info = xmp.structure(self._packet.add(_REGION_INFO, _MP_PREFIXES))
        faces = xmp.field(info, _MP_LIST)
        if faces is None:
            faces = xmp.append(xmp.fields_of(info), _MP_LIST)
        item = xmp.structure(xmp.append_item(faces))
        xmp.append(item, _DISPLAY_NAME).text = region.name
        xmp.append(item, _RECTANGLE).text = ", ".join(map(_format, region.area))

    def remove(self, element: Element) -> None:
        """Remove the element of a face, and the property with its last region."""
        xmp.remove(element)
        if not self._items():
            self._packet.remove(_REGION_INFO)

    def _items(self) -> list[Element]:
        info = self._packet.find(_REGION_INFO)
        return [] if info is None else xmp.items(xmp.field(info, _MP_LIST))


class TextList:
    """A list of text, such as `Iptc4xmpExt:PersonInImage`."""

    def __init__(self, packet: Packet, tag: str, namespaces: dict[str, str]) -> None:
        self._packet = packet
        self._tag = tag
        self._namespaces = namespaces

    def __iter__(self) -> Iterator[str]:
        """Yield the texts."""
        for item in xmp.items(self._packet.find(self._tag)):
            yield (item.text or "").strip()

    def add(self, text: str) -> None:
        """Append a text."""
        element = self._packet.find(self._tag)
        if element is None:
            element = self._packet.add(self._tag, self._namespaces)
        xmp.append_item(element).text = text

    def remove(self, text: str) -> None:
        """Remove a text, and the property with its last one."""
        items = xmp.items(self._packet.find(self._tag))
        for item in items:
            if (item.text or "").strip() == text:
                xmp.remove(item)
        if items and not xmp.items(self._packet.find(self._tag)):
            self._packet.remove(self._tag)


def people(packet: Packet) -> TextList:
    """Return `Iptc4xmpExt:PersonInImage`, the names of the people in the photo."""
    return TextList(packet, _PEOPLE, {"Iptc4xmpExt": _IPTC})


def own_people(packet: Packet) -> TextList:
    """Return the names of `people` that this program wrote."""
    return TextList(packet, _OWN_PEOPLE, {"whopic": _OWN})


def own_regions(packet: Packet) -> list[Region]:
    """Return the regions that this program wrote."""
    regions = []
    for text in TextList(packet, _OWN_REGIONS, {}):
        *sides, name = text.split(",", 4) if text.count(",") >= 4 else ("",)
        if len(sides) == 4 and (area := Area(*map(_number, sides))).is_valid:
            regions.append(Region(name.strip(), area))
    return regions


def set_own_regions(packet: Packet, regions: list[Region]) -> None:
    """Record the regions that this program wrote."""
    packet.remove(_OWN_REGIONS)
    listed = TextList(packet, _OWN_REGIONS, {"whopic": _OWN})
    for region in regions:
        listed.add(", ".join((*map(_format, region.area), region.name)))


def basis(packet: Packet) -> str | None:
    """Return the digest of what this program wrote last, see `set_basis`."""
    return packet.text(_OWN_BASIS)


def set_basis(packet: Packet, digest: str | None) -> None:
    """Record a digest of what this program wrote, or remove it."""
    if digest != basis(packet):
        packet.remove(_OWN_BASIS)
        if digest is not None:
            packet.add(_OWN_BASIS, {"whopic": _OWN}).text = digest


def _number(text: str | None) -> float:
    """Return a number, NaN if the text is none."""
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")


def _format(number: float) -> str:
    return f"{number:.6f}"
