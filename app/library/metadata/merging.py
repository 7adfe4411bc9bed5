"""Merge the named faces of a photo into its XMP, without changing what other programs or users wrote.

A face that another program named keeps that name, also if it differs. What this program wrote and another program
removed or changed later is not written again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from app.gallery import names
from app.library.metadata import schemas
from app.library.metadata.packet import Packet
from app.library.metadata.regions import Region, contains
from app.library.metadata.schemas import MicrosoftRegions, MwgRegions


@dataclass(frozen=True)
class Merged:
    """Names that were `added` and `removed`, and regions that another program named `otherwise`."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    otherwise: tuple[Region, ...] = ()


def merge(packet: Packet, faces: Sequence[Region], size: tuple[int, int], tags: Sequence[str] = ()) -> Merged:
    """Write the named faces of a stored picture of a size (width, height) and its tags, and remove former ones.

    A packet that has these faces does not change.
    """
    own = schemas.own_regions(packet)
    lists = (schemas.MwgRegions(packet), schemas.MicrosoftRegions(packet))
    gone = [region for region in own if not contains(faces, region)]
    _remove_regions(lists, gone)
    kept = [region for region in own if contains(faces, region)]
    foreign = [region for regions in lists for _, region in regions if not contains(own, region)]
    added, otherwise = [], []
    for face in faces:
        if contains(kept, face):
            continue
        same = [region for region in foreign if region.area.shows_same_face(face.area)]
        if any(region.name != face.name for region in same):
            otherwise.append(face)
        elif not same:
            added.append(face)
            for regions in lists:
                regions.add(face, size)
    written = [*kept, *added]
    if gone or added:
        schemas.set_own_regions(packet, written)
    called = [face.name for face in faces if face not in otherwise]
    tagged, removed = _merge_people(packet, [*called, *tags])
    new, former = {face.name for face in added}, {region.name for region in gone}
    remaining = {region.name for region in written}
    new |= tagged & set(tags)
    return Merged(tuple(sorted(new - former)), tuple(sorted((former | removed) - remaining)), tuple(otherwise))


def remove_people(packet: Packet, keys: Collection[str]) -> bool:
    """Remove what this program wrote about people, by `names.key`, and return whether the packet has changed."""
    own = schemas.own_regions(packet)
    gone = [region for region in own if names.key(region.name) in keys]
    if gone:
        _remove_regions((schemas.MwgRegions(packet), schemas.MicrosoftRegions(packet)), gone)
        schemas.set_own_regions(packet, [region for region in own if region not in gone])
    people, own_people = schemas.people(packet), schemas.own_people(packet)
    for name in [name for name in own_people if names.key(name) in keys]:
        people.remove(name)
        own_people.remove(name)
    if packet.changed:
        # The next `NameWriter` merges the names again.
        schemas.set_basis(packet, None)
    return packet.changed


def _remove_regions(lists: Iterable[MwgRegions | MicrosoftRegions], gone: Sequence[Region]) -> None:
    for regions in lists:
        for element, region in list(regions):
            if contains(gone, region):
                regions.remove(element)


def _merge_people(packet: Packet, called: Sequence[str]) -> tuple[set[str], set[str]]:
    """Write the names of people, and return those that were added and removed."""
    people, own = schemas.people(packet), schemas.own_people(packet)
    recorded = list(own)
    removed = set(recorded).difference(called)
    for name in removed:
        people.remove(name)
        own.remove(name)
    present = set(people) | set(recorded)
    added = [name for name in dict.fromkeys(called) if name not in present]
    for name in added:
        people.add(name)
        own.add(name)
    return set(added), removed
