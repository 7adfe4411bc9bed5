"""Judge every face of a library against the gallery of now, as the server judges a photo that is sent.

Distances come from `bulk_ranking`, verdicts from `decision.decide` and `decision.resolve_duplicate_matches`. Decisions
of a user stay, and count as certain: a person who is confirmed in a photo matches another face of it only if that match
is strong, and a rejected person is no candidate.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from app.arrays import BoolArray, FloatArray
from app.gallery.snapshot import Snapshot
from app.gallery.store import Person
from app.library import people
from app.library.store import Library, read_time
from app.recognition.bulk_ranking import BulkRanking, ClosestPeople
from app.recognition.decision import Rules, Verdict, decide, find_opted_out, resolve_duplicate_matches
from app.recognition.model_card import ModelCard, checksum
from app.recognition.scoring import PersonDistance
from app.scheduling import usable_cores
from app.vision.quality import Quality
from app.vision.time_span import TimeSpan

OPTED_OUT = "opted_out"
"""Verdict in a library on an unknown face of the opt-out list, which is in no group and no list of unknown faces."""

_BLOCK_FACES = 8192
_QUEUED_BLOCKS = 3
_LEAST_CHANGE = 1e-4
"""A class distance that differs less is not written again."""

_FACES = """
SELECT face.id, photo_id, face.source, verdict, person_id, candidate_id, distance,
       eye_distance, detail, yaw, close_confidence, norm, embedding, starts, ends, best
FROM face LEFT JOIN vector ON vector.face_id = face.id
WHERE photo_id > ? {condition} ORDER BY photo_id, number LIMIT ?
"""
_COUNT = "SELECT count(*) FROM face WHERE TRUE {condition}"
_UNNAMED = "AND photo_id IN (SELECT photo_id FROM face WHERE verdict IS NULL)"


class Renaming(NamedTuple):
    """A face whose name changed: its ID, and the IDs of the people before and after, None without a name."""

    face_id: int
    before: int | None
    after: int | None


@dataclass
class NamingReport:
    """Numbers of faces: judged, and those whose name changed."""

    faces: int = 0
    named: int = 0
    renamed: int = 0
    no_longer_named: int = 0

    def count(self, change: Renaming) -> None:
        """Count a face whose name changed."""
        if change.before is None:
            self.named += 1
        elif change.after is None:
            self.no_longer_named += 1
        else:
            self.renamed += 1


class _Face(NamedTuple):
    """A row of `_FACES`."""

    id: int
    photo_id: int
    source: str
    verdict: str | None
    person_id: int | None
    candidate_id: int | None
    distance: float | None
    measures: tuple[float | None, ...]
    embedding: bytes | None
    time: TimeSpan | None


def name_faces(
    library: Library,
    everyone: Sequence[Person],
    snapshot: Snapshot,
    card: ModelCard,
    rules: Rules,
    gallery_url: str,
    on_change: Callable[[Renaming], object] = lambda _: None,
    on_progress: Callable[[int], object] = lambda _: None,
) -> NamingReport:
    """Judge all faces, or those of new photos if gallery and rules are those of the last naming.

    Args:
        library: Locked by the caller.
        everyone: All people of the gallery.
        snapshot: Those with anchors.
        card: Model card of the network that made the embeddings.
        rules: Its rules for this gallery.
        gallery_url: Where the gallery is. Its people keep their IDs there.
        on_change: Called with each face whose name changed.
        on_progress: Called with the number of faces judged since the last call.
    """
    # People may have left the gallery between both queries.
    listed = {person.id for person in everyone}
    missing = set(zip(snapshot.ids, snapshot.names, strict=True))
    everyone = [*everyone, *(Person(key, name, 0) for key, name in missing if key not in listed)]
    basis = _fingerprint(snapshot, card, rules)
    condition = _UNNAMED if library.read_property("naming") == basis else ""
    with library.writing() as connection:
        ids = people.follow_gallery(connection, everyone, people.is_of_gallery(connection, gallery_url))
        people.set_gallery(connection, gallery_url)
        unfinished = json.dumps(f"{basis}, unfinished")
        connection.execute("REPLACE INTO property VALUES ('naming', ?)", (unfinished,))
        if count := connection.execute(_COUNT.format(condition=condition)).fetchone()[0]:
            library.record_audit("named", details={"faces": count})
    judge = _Judge(snapshot, card, rules, [ids[person] for person in snapshot.ids])
    report = NamingReport()
    with ThreadPoolExecutor(usable_cores()) as threads:
        running: deque[tuple[list[_Face], Future[_RankedBlock]]] = deque()
        blocks = _read_blocks(library, condition)
        exclusions = _read_rejections(library)
        while True:
            while len(running) < _QUEUED_BLOCKS and (block := next(blocks, None)):
                running.append((block, threads.submit(judge.rank, block, exclusions)))
            if not running:
                break
            block, ranked = running.popleft()
            for change in judge.write(library, block, ranked.result()):
                report.count(change)
                on_change(change)
            report.faces += len(block)
            on_progress(len(block))
    with library.writing() as connection:
        # A decision during the naming deleted the row, so that the next naming judges all faces.
        finished = "UPDATE property SET value = ? WHERE key = 'naming' AND value = ?"
        connection.execute(finished, (json.dumps(basis), unfinished))
    return report


class _RankedBlock(NamedTuple):
    """The closest people of the faces of a block with an embedding, and which are on the opt-out list."""

    closest: ClosestPeople
    opted_out: BoolArray


class _Judge:
    def __init__(self, snapshot: Snapshot, card: ModelCard, rules: Rules, person_ids: Sequence[int]) -> None:
        self._snapshot = snapshot
        self._rules = rules
        self._floor = card.quality
        self._dims = card.twin.embedding
        self._ranking = BulkRanking(snapshot, rules.head)
        self._person_ids = dict(zip(snapshot.names, person_ids, strict=True))
        self._names = {person_id: name for name, person_id in self._person_ids.items()}
        self._positions = {person_id: position for position, person_id in enumerate(person_ids)}

    def rank(self, block: Sequence[_Face], rejections: Mapping[int, set[int]]) -> _RankedBlock:
        """Rank the faces of a block that have an embedding, in their order."""
        faces = [face for face in block if face.embedding is not None]
        data = b"".join(face.embedding for face in faces if face.embedding is not None)
        embeddings: FloatArray = np.frombuffer(data, np.float16).reshape(-1, self._dims).astype(np.float32)
        excluded = {
            row: {self._positions[person] for person in rejections[face.id] if person in self._positions}
            for row, face in enumerate(faces)
            if face.id in rejections
        }
        opted_out = find_opted_out(embeddings, self._snapshot.opted_out, self._rules)
        return _RankedBlock(self._ranking.closest(embeddings, excluded), opted_out)

    def verdicts(self, block: Sequence[_Face], ranked: _RankedBlock) -> Iterator[tuple[_Face, Verdict]]:
        """Yield the verdict on each face that no user decided."""
        row = 0
        for _, photo in groupby(block, key=lambda face: face.photo_id):
            faces, verdicts = [], []
            for face in photo:
                ranking: list[PersonDistance] = []
                opted_out = False
                if face.embedding is not None:
                    ranking = ranked.closest.ranking(row, self._snapshot)
                    opted_out = bool(ranked.opted_out[row])
                    row += 1
                if face.source == "automatic":
                    verdict = decide(ranking, self._rules, self._flaw(face), len(self._snapshot), opted_out)
                elif name := self._names.get(face.person_id or 0):
                    verdict = _certain(name)
                else:
                    continue
                faces.append(face)
                verdicts.append(verdict)
            matched = [verdict.person for verdict in verdicts if verdict.person]
            if len(set(matched)) < len(matched):
                times = [face.time for face in faces if face.time]
                verdicts = resolve_duplicate_matches(verdicts, self._rules, len(self._snapshot), times or None)
            for face, verdict in zip(faces, verdicts, strict=True):
                if face.source == "automatic":
                    yield face, verdict

    def write(self, library: Library, block: Sequence[_Face], ranked: _RankedBlock) -> list[Renaming]:
        """Write the verdicts on a block that differ from the stored ones, and return the changes of names."""
        rows, changes = [], []
        for face, verdict in self.verdicts(block, ranked):
            if columns := self._new_columns(face, verdict):
                rows.append((*columns, face.id))
                if columns[1] != face.person_id:
                    changes.append(Renaming(face.id, face.person_id, columns[1]))
        with library.writing() as connection:
            # A user may have decided meanwhile.
            connection.executemany(
                "UPDATE face SET verdict = ?, person_id = ?, candidate_id = ?, distance = ? "
                "WHERE id = ? AND source = 'automatic'",
                rows,
            )
        return changes

    def _new_columns(self, face: _Face, verdict: Verdict) -> tuple[str, int | None, int | None, float | None] | None:
        """Return the columns of a verdict, or None if the face has them."""
        person = self._person_ids[verdict.person] if verdict.person else None
        candidate = verdict.candidates[0] if verdict.candidates else verdict.look_alike
        candidate_id = self._person_ids[candidate] if candidate else None
        kind = OPTED_OUT if verdict.opted_out else verdict.kind
        same = (kind, person, candidate_id) == (face.verdict, face.person_id, face.candidate_id)
        if same and abs((verdict.class_distance or 0) - (face.distance or 0)) < _LEAST_CHANGE:
            return None
        return kind, person, candidate_id, verdict.class_distance

    def _flaw(self, face: _Face) -> str | None:
        return self._floor.flaw(None if face.embedding is None else Quality(*face.measures))  # type: ignore[arg-type]


def _certain(name: str) -> Verdict:
    """Return the verdict on a face that a user confirmed."""
    row = PersonDistance(name, 0.0, 0.0, 0.0, 0.0, 1)
    return Verdict("match", name, 0.0, None, (row,), "")


def _read_blocks(library: Library, condition: str) -> Iterator[list[_Face]]:
    """Yield all faces in blocks that split no photo."""
    last = 0
    query = _FACES.format(condition=condition)
    while True:
        with library.reading() as connection:
            rows = connection.execute(query, (last, _BLOCK_FACES)).fetchall()
        block = [_Face._make([*row[:7], row[7:12], row[12], read_time(row[13:])]) for row in rows]
        if len(block) == _BLOCK_FACES:
            block = [face for face in block if face.photo_id != block[-1].photo_id] or block
        if not block:
            return
        last = block[-1].photo_id
        yield block


def _read_rejections(library: Library) -> dict[int, set[int]]:
    """Return the IDs of the people whom a user ruled out, by face."""
    rejections: dict[int, set[int]] = {}
    with library.reading() as connection:
        for face_id, person_id in connection.execute("SELECT face_id, person_id FROM rejection"):
            rejections.setdefault(face_id, set()).add(person_id)
    return rejections


def _fingerprint(snapshot: Snapshot, card: ModelCard, rules: Rules) -> str:
    """Return a digest of everything that decides about a face."""
    people_and_rules = snapshot.names, snapshot.ids, snapshot.rejected.person_ids, rules, checksum(card.raw)
    digest = hashlib.sha256(repr(people_and_rules).encode())
    for array in (snapshot.templates, snapshot.counts, snapshot.rejected.embeddings):
        digest.update(array.tobytes())
    if snapshot.opted_out is not None:
        digest.update(snapshot.opted_out.tobytes())
    return digest.hexdigest()
