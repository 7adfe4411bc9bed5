"""XMP packets: parse untrusted ones safely, and read and change structures and lists in every form of RDF.

See the XMP specification, part 1 (ISO 16684-1), chapter 7: fields of a structure are attributes or elements, in the
element of the property or in a description inside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from app.errors import FacesError

MAX_BYTES = 4_000_000
"""Limit of a packet. Edits of a RAW converter need hundreds of kilobytes."""

MAX_ITEMS = 1000
"""Limit of a list of regions or people."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META = "adobe:ns:meta/"
_TOOLKIT = "whopic"
_LISTS = tuple(f"{{{RDF}}}{kind}" for kind in ("Bag", "Seq", "Alt"))
DESCRIPTION, LIST_ITEM, ABOUT, _RESOURCE = (f"{{{RDF}}}{name}" for name in ("Description", "li", "about", "parseType"))

_OUTSIDE = re.compile(rb"(?:[\s\0]|\xef\xbb\xbf|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)

_EMPTY = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="{_META}" x:xmptk="{_TOOLKIT}">
 <rdf:RDF xmlns:rdf="{RDF}">
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()

Element = Any
"""An element of lxml, which has no types."""


class MetadataError(FacesError, code="metadata_unusable"):
    """Metadata of a photo cannot be read or written."""


class Packet:
    """An XMP packet. What is not changed keeps its form, comments and unknown elements included."""

    def __init__(self, data: bytes | None = None) -> None:
        """Parse a packet, or make an empty one. Raise `MetadataError` if it is damaged or too large."""
        data = _EMPTY if data is None else data
        self._tree = _parse(data)
        self._around = _split(data) if self._tree.docinfo.encoding in (None, "UTF-8", "utf-8") else None
        self._rdf = self._find_rdf()
        self._before = self.serialize()

    @property
    def changed(self) -> bool:
        """Whether the packet was changed since it was parsed."""
        return self.serialize() != self._before

    @property
    def is_empty(self) -> bool:
        """Whether the packet has no property."""
        return not any(True for _ in self._properties())

    @property
    def is_own(self) -> bool:
        """Whether this program made the packet."""
        return bool(self._tree.getroot().get(f"{{{_META}}}xmptk") == _TOOLKIT)

    def serialize(self) -> bytes:
        """Return the packet in UTF-8, with the bytes that were before and after the root element."""
        if self.is_own:
            etree.indent(self._tree, " ")
        if self._around is None:
            return bytes(etree.tostring(self._tree, encoding="UTF-8", xml_declaration=True))
        head, tail = self._around
        return head + bytes(etree.tostring(self._tree.getroot(), encoding="UTF-8", with_tail=False)) + tail

    def find(self, tag: str) -> Element | None:
        """Return the element of a property, such as `{namespace}name`."""
        for description in self._rdf.iterchildren(DESCRIPTION):
            if (found := description.find(tag)) is not None:
                return found
        return None

    def text(self, tag: str) -> str | None:
        """Return a property of simple text."""
        for description in self._rdf.iterchildren(DESCRIPTION):
            if (value := field_text(description, tag)) is not None:
                return value
        return None

    def remove(self, tag: str) -> None:
        """Remove a property, and its description if that becomes empty."""
        for description in list(self._rdf.iterchildren(DESCRIPTION)):
            description.attrib.pop(tag, None)
            for element in description.findall(tag):
                remove(element)
            empty = not len(description) and not set(description.attrib) - {ABOUT}
            if empty and len(self._rdf.findall(DESCRIPTION)) > 1:
                remove(description)

    def add(self, tag: str, namespaces: dict[str, str]) -> Element:
        """Add a property without a value in a description with these prefixes, and return its element."""
        about = next((one.get(ABOUT) for one in self._rdf.iterchildren(DESCRIPTION)), None) or ""
        last = self._rdf[-1] if len(self._rdf) else None
        description = next(
            (one for one in self._rdf.iterchildren(DESCRIPTION) if namespaces.items() <= _prefixes(one).items()), None
        )
        if description is None:
            description = etree.SubElement(self._rdf, DESCRIPTION, {ABOUT: about}, nsmap=namespaces)
            description.tail = self._rdf.text
            if last is not None:
                description.tail, last.tail = last.tail, self._rdf.text
        return etree.SubElement(description, tag)

    def _find_rdf(self) -> Element:
        root = self._tree.getroot()
        found = root if root.tag == f"{{{RDF}}}RDF" else root.find(f"{{{RDF}}}RDF")
        if found is None:
            raise MetadataError("it is not XMP, which has an element rdf:RDF")
        return found

    def _properties(self) -> Iterator[object]:
        for description in self._rdf.iterchildren(DESCRIPTION):
            yield from (name for name in description.attrib if name != ABOUT)
            yield from description.iterchildren(etree.Element)


def field(structure: Element, tag: str) -> Element | None:
    """Return the element of a field of a structure."""
    inner = structure.find(DESCRIPTION)
    return (structure if inner is None else inner).find(tag)


def field_text(structure: Element, tag: str) -> str | None:
    """Return a field of simple text of a structure."""
    for holder in (structure, structure.find(DESCRIPTION)):
        if holder is not None:
            if (value := holder.get(tag)) is not None:
                return str(value)
            if (found := holder.find(tag)) is not None:
                return str(found.text or "")
    return None


def items(element: Element | None) -> list[Element]:
    """Return the items of a list, or raise `MetadataError` if it has more than `MAX_ITEMS`."""
    found = None if element is None else next(element.iterchildren(*_LISTS), None)
    children = [] if found is None else list(found.iterchildren(LIST_ITEM))
    if len(children) > MAX_ITEMS:
        raise MetadataError(f"it has a list of {len(children):,} faces or names, and the limit is {MAX_ITEMS:,}")
    return children


def append_item(element: Element) -> Element:
    """Append an item to the list of an element, which gets one if it has none."""
    found = next(element.iterchildren(*_LISTS), None)
    if found is None:
        found = etree.SubElement(element, _LISTS[0])
    return etree.SubElement(found, LIST_ITEM)


def structure(element: Element) -> Element:
    """Make an element without a value a structure, and return it."""
    element.set(_RESOURCE, "Resource")
    return element


def fields_of(element: Element) -> Element:
    """Return the element that has the fields of a structure."""
    inner = element.find(DESCRIPTION)
    return element if inner is None else inner


def append(parent: Element, tag: str, attributes: dict[str, str] | None = None) -> Element:
    """Append an element."""
    return etree.SubElement(parent, tag, attributes or {})


def remove(element: Element) -> None:
    """Remove an element, but not the text behind it."""
    parent, previous = element.getparent(), element.getprevious()
    if element.getnext() is None and previous is not None:
        previous.tail = element.tail
    parent.remove(element)


def _parse(data: bytes) -> Any:
    if len(data) > MAX_BYTES:
        raise MetadataError(f"it is larger than {MAX_BYTES / 1e6:g} MB")
    # No entities, no network, and libxml2's own limits of depth and size.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        # Padding in UTF-8, but a part of characters in UTF-16.
        root = etree.fromstring(data if b"\0" in data[:4] else data.rstrip(b"\0"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MetadataError("it is not well-formed XML") from error
    tree = root.getroottree()
    if tree.docinfo.doctype:
        raise MetadataError("it declares a document type, which XMP must not")
    return tree


def _split(data: bytes) -> tuple[bytes, bytes] | None:
    """Return the bytes before and after the root element: declaration, packet markers, comments, padding."""
    head = data[: _OUTSIDE.match(data).end()]  # type: ignore[union-attr]
    tail = data[data.find(b">", data.rfind(b"</")) + 1 :]
    return (head, tail) if _OUTSIDE.fullmatch(tail) else None


def _prefixes(element: Element) -> dict[str | None, str]:
    return dict(element.nsmap)
