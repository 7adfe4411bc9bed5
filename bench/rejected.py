"""What does marking a face as *not this person* keep away, and what does it cost the person themselves?

    python -m bench.rejected                   # needs the crops and embeddings that `main.py ship` left in .training

Each stranger's face in turn is marked as not the person it is nearest to. Counted are the stranger's other faces that
were nearest to the same person and are held off by the mark, and the person's own held-out faces that it takes away.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from app.gallery import shipped
from app.gallery.snapshot import RejectedFaces, Snapshot
from app.recognition.decision import Rules
from app.recognition.model_card import read_card
from app.recognition.scoring import PersonDistance, rank
from app.settings import Settings
from bench.cached import CROPS, faces


def held_off(probes: np.ndarray, person: int, snapshot: Snapshot, face: np.ndarray, rules: Rules) -> int:
    """How many probes the mark counts for."""
    rows = slice(snapshot.offsets[person], snapshot.offsets[person + 1])
    name = snapshot.names[person]
    alone = Snapshot(
        (name,),
        (0,),
        snapshot.anchors[rows],
        np.array([0, snapshot.counts[person]]),
        0,
        RejectedFaces((0,), face[None]),
    )
    found: list[PersonDistance] = [rank(probe, alone, rules.head)[0] for probe in probes]
    return sum(one.rejected for one in found)


def main() -> None:
    """Mark, count, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crops", type=Path, default=CROPS)
    crops = parser.parse_args().crops
    settings = Settings()
    rules, snapshot = read_card(settings.model).rules, shipped.read(settings.anchors).snapshot()
    spelling = json.loads((settings.anchors / "names.json").read_text(encoding="utf-8"))
    places = {name: place for place, name in enumerate(snapshot.names)}
    impostors, stranger_faces = faces(crops, "calibration-impostor", "test-impostor")
    people, known_faces = faces(crops, "calibration", "test")
    known = np.array([places.get(spelling.get(name, name), -1) for name in (one.split("/")[-1] for one in people)])
    known_nearest = np.array([places[rank(one, snapshot, rules.head)[0].person] for one in known_faces])
    right = known == known_nearest
    nearest = np.array([places[rank(one, snapshot, rules.head)[0].person] for one in stranger_faces])
    off = others = taken = own = marks = 0
    for number, person in enumerate(nearest):
        same = np.flatnonzero((impostors == impostors[number]) & (nearest == person))
        same = same[same != number]
        if not len(same):
            continue
        marks += 1
        mine = np.flatnonzero(right & (known == person))
        others += len(same)
        own += len(mine)
        off += held_off(stranger_faces[same], person, snapshot, stranger_faces[number], rules)
        taken += held_off(known_faces[mine], person, snapshot, stranger_faces[number], rules)
    print(f"{marks} faces of strangers marked as not the person they are nearest to")
    print(f"the strangers' other faces held off   {off:5} of {others:5}   {off / others:.1%}")
    print(f"the people's own faces taken away     {taken:5} of {own:5}   {taken / own:.2%}")


if __name__ == "__main__":
    main()
