"""Sidecars of other programs: what they wrote stays.

The fixtures follow the documented schemas: "Guidelines for Handling Image Metadata" 2.0 of the Metadata Working Group,
chapter 5.9, https://learn.microsoft.com/windows/win32/wic/-wic-people-tagging, and
https://exiftool.org/TagNames/MWG.html and https://exiftool.org/TagNames/Microsoft.html.
"""

from __future__ import annotations

import pytest

from app.library.metadata import schemas
from app.library.metadata.merging import merge
from app.library.metadata.packet import Packet
from app.library.metadata.regions import Area, Region
from tests.library.metadata.sidecars import DIGIKAM, LIGHTROOM, SIDECARS, WINDOWS

ANN, BO = Region("Ann Lee", Area(0.1, 0.25, 0.3, 0.5)), Region("Bo Berg", Area(0.6, 0.25, 0.3, 0.5))


def names(packet: Packet) -> list[list[str]]:
    lists = schemas.MwgRegions(packet), schemas.MicrosoftRegions(packet)
    return [[region.name for _, region in regions] for regions in lists]


@pytest.mark.parametrize("data", SIDECARS.values(), ids=SIDECARS)
def test_a_sidecar_is_restored_after_the_names_are_removed(data):
    packet = Packet(data)
    former = names(packet)
    merged = merge(packet, [BO], (100, 80))
    assert merged.added == ("Bo Berg",)
    assert names(packet) == [[*listed, "Bo Berg"] for listed in former]
    again = Packet(packet.serialize())
    assert merge(again, [BO], (100, 80)).added == ()
    assert not again.changed
    assert merge(again, [], (100, 80)).removed == ("Bo Berg",)
    assert b"".join(again.serialize().split()) == b"".join(Packet(data).serialize().split())


@pytest.mark.parametrize("data", [DIGIKAM, LIGHTROOM, WINDOWS], ids=["digiKam", "Lightroom", "Windows"])
def test_a_face_that_another_program_named_keeps_its_name(data):
    packet = Packet(data)
    [_, region], *_ = [*schemas.MwgRegions(packet), *schemas.MicrosoftRegions(packet)]
    merged = merge(packet, [Region("Somebody Else", region.area), BO], (100, 80))
    assert (merged.added, [one.name for one in merged.otherwise]) == (("Bo Berg",), ["Somebody Else"])
    assert "Somebody Else" not in list(schemas.people(packet))


def test_the_same_name_is_not_written_twice():
    packet = Packet(DIGIKAM)
    [_, region] = next(iter(schemas.MwgRegions(packet)))
    assert merge(packet, [region], (100, 80)).added == ()
    merge(packet, [], (100, 80))
    assert region.name in names(packet)[0]


def test_a_name_that_another_program_corrected_or_removed_is_not_written_again():
    packet = Packet()
    merge(packet, [ANN, BO], (100, 80))
    corrected = packet.serialize().replace(b">Ann Lee<", b">Ann Smith<", 2)
    packet = Packet(corrected)
    regions = schemas.MwgRegions(packet)
    regions.remove(next(element for element, region in regions if region.name == "Bo Berg"))
    merge(packet, [ANN, BO], (100, 80))
    assert names(packet)[0] == ["Ann Smith"]
    merge(packet, [], (100, 80))
    assert names(packet) == [["Ann Smith"], ["Ann Smith"]]


def test_comments_and_padding_stay_and_the_encoding_becomes_utf_8():
    data = DIGIKAM.replace(b"<rdf:RDF", b"<!-- kept --><rdf:RDF").replace(
        b"<?xpacket end", b" " * 50 + b"\n<?xpacket end"
    )
    packet = Packet(data)
    merge(packet, [BO], (100, 80))
    written = packet.serialize()
    assert b"<!-- kept -->" in written
    assert (written[: data.index(b"<x:")], written[-80:]) == (data[: data.index(b"<x:")], data[-80:])
    wide = DIGIKAM.decode().replace("\ufeff", "").encode("utf-16")
    packet = Packet(wide)
    merge(packet, [BO], (100, 80))
    assert "Bo Berg" in packet.serialize().decode()
