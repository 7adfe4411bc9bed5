"""From a trained twin to what ships: anchors and portraits of the gallery's people, the card with every number.

The numbers are chosen on `calibration` faces; see `tiles.split_of`. `measuring` tells, on `test` faces, what came
of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from app.errors import TrainingError
from app.gallery import names, shipped
from app.gallery.snapshot import Snapshot
from app.recognition import impostor_faces, model_card
from app.recognition.decision import Head, Rules
from app.training.calibration import quality_floor, thresholds
from app.training.data import duplicates, tiles
from app.training.data.crops import Crops, collect, embed
from app.training.release import anchors
from app.vision import alignment, decoding
from app.vision.decoding import Picture
from app.vision.detection import Detector
from app.vision.quality import QualityFloor

GUESTS = "guests"
"""What files and identities of a second collection begin with; see `guests`."""

Tick = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""


def quiet(what: str, done: int, total: int) -> None:
    """A tick that says nothing."""


@dataclass(frozen=True, eq=False)
class Faces:
    """The serving crops of everyone who is measured, with their split and embedding.

    `identities` are folders below the root; `splits` as `tiles.split_of` says, or `repeated` for held-out faces that
    training has seen in another copy; `embeddings` is float32
    (faces, dims), zeros where the detector missed. `guests` is the root of a second collection, if any.
    """

    root: Path
    crops: Crops
    identities: np.ndarray
    splits: np.ndarray
    embeddings: np.ndarray
    guests: Path | None = None

    def picture(self, place: int) -> np.ndarray:
        """The whole picture of a face: uint8 (height, width, 3) RGB, upright."""
        folder, _, rest = self.crops.files[place].partition("/")
        path = self.guests / rest if self.guests and folder == GUESTS else self.root / folder / rest
        return decoding.decode(path.read_bytes()).pixels

    def of(self, split: str) -> np.ndarray:
        """Positions of the faces of a split that the detector found."""
        return np.flatnonzero((self.splits == split) & self.crops.found)

    def missed(self, split: str) -> int:
        """How many faces of a split the detector missed."""
        return int(((self.splits == split) & ~self.crops.found).sum())


def gather(root: Path, work: Path, detector: Detector, network, gallery: str, tick: Tick = quiet) -> Faces:
    """Crop and embed the gallery's people and the strangers below `root`.

    Args:
        root: folder of identities.
        work: folder for the cached crops.
        detector: the one that serves.
        network: an `inference.Network`, or what embeds like one.
        gallery: sub-folder of `root` whose people are the gallery's.
        tick: told the progress.

    Raises:
        TrainingError: there is nobody below that sub-folder, or no stranger beside it.
    """
    files, identities, splits = [], [], []
    for path in sorted(root.rglob("*")):
        if decoding.looks_like_picture(path):
            file = path.relative_to(root).as_posix()
            identity = file.rpartition("/")[0]
            split = tiles.split_of(identity, file, gallery=gallery)
            if identity.startswith(f"{gallery}/") or split != "train":
                files.append(file)
                identities.append(identity)
                splits.append(split)
    if not {"test", "calibration", "calibration-stranger", "test-stranger"} <= set(splits):
        raise TrainingError(
            f"{root} needs a sub-folder {gallery} with a folder a person for the gallery, and other folders of people "
            "beside it, some of whom serve as strangers. Name the sub-folder with --gallery."
        )
    done = iter(range(1, len(files) + 1))
    crops = collect(root, files, detector, work / "crops", lambda: tick("finding faces", next(done), len(files)))
    crops, embeddings = embed(network, crops, work / "crops", lambda done, total: tick("embedding", done, total))
    identities, splits = np.array(identities), np.array(splits)
    splits[duplicates.repeated(crops, identities, splits, tiles.targets_of(root, files))] = "repeated"
    return Faces(root, crops, identities, splits, embeddings)


def without_gallery_people(faces: Faces, spelling: dict[str, str]) -> Faces:
    """Drop impostors who have the name of somebody in the gallery, from the splits only.

    Collections overlap: Tiger Woods is an impostor in one and in the gallery by another.
    """
    keys = np.array([names.slug(person_of(identity, spelling)) for identity in faces.identities])
    inside = np.isin(faces.splits, ("train", "calibration", "test", "guest"))
    outside = np.char.endswith(faces.splits, "-stranger") | np.char.endswith(faces.splits, "-famous")
    splits = np.where(outside & np.isin(keys, keys[inside]), "dropped", faces.splits)
    return replace(faces, splits=splits)


def spelling_of(anchors: Path) -> dict[str, str]:
    """Names by folder name, of people who spell theirs otherwise: a gallery's names.json, where there is one."""
    path = anchors / "names.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def person_of(identity: str, spelling: dict[str, str]) -> str:
    """The name of a folder's person, spelled as the person does where `spelling` knows it."""
    name = identity.rpartition("/")[2].replace("_", " ")
    return spelling.get(name, name)


def choose_gallery(faces: Faces, spelling: dict[str, str], floor: QualityFloor) -> tuple[Snapshot, list[np.ndarray]]:
    """Choose everyone's anchors from training faces that are worth judging.

    Returns:
        The gallery, its people in order of their names, and the positions of each person's anchors in `faces`.
    """
    usable = faces.of("train")
    good = floor.accepts(faces.crops.qualities)
    people, chosen = [], []
    for identity in sorted(set(faces.identities[usable]), key=lambda one: person_of(one, spelling)):
        own = usable[faces.identities[usable] == identity]
        own = own[good[own]] if good[own].sum() >= 3 else own
        people.append(person_of(identity, spelling))
        chosen.append(own[anchors.choose(faces.embeddings[own])])
    # float16, as it will be stored: thresholds must hold for what ships.
    matrix = np.concatenate([faces.embeddings[own] for own in chosen]).astype(np.float16).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in chosen])])
    return Snapshot(tuple(people), tuple(range(len(people))), matrix, offsets, 0), chosen


def calibrate(
    faces: Faces, spelling: dict[str, str], network, pretrained: bool = False, tick: Tick = quiet
) -> tuple[Rules, QualityFloor, Snapshot]:
    """Choose head, thresholds, margin and quality floor, and the gallery they hold for.

    Args:
        faces: as `gather` returns them.
        spelling: names by folder name.
        network: what embeds; degraded faces are embedded again.
        pretrained: whether the network has seen none of the faces. Then those of the gallery's people that do not
            become anchors are held out too.
        tick: called with the progress.
    """
    floor = quality_floor.choose(faces.crops, faces.embeddings, faces.of("calibration"), network.vectors, tick)
    snapshot, chosen = choose_gallery(faces, spelling, floor)
    good = floor.accepts(faces.crops.qualities)
    known = np.concatenate([faces.of("calibration"), np.setdiff1d(faces.of("train"), np.concatenate(chosen))])
    known = known if pretrained else faces.of("calibration")
    impostors, famous = faces.of("calibration-stranger"), faces.of("calibration-famous")
    known, impostors, famous = (places[good[places]] for places in (known, impostors, famous))
    # Left-over pictures are the least typical ones, wrong labels among them: they would widen "can't tell".
    judged = np.concatenate([impostors, np.intersect1d(known, faces.of("calibration"))])
    people = np.array([person_of(identity, spelling) for identity in faces.identities[known]])
    head = Head(thresholds.SCALE, thresholds.fit_shift(faces.embeddings[judged], faces.identities[judged]))
    pairs = thresholds.pair_rules(faces.embeddings[judged], faces.identities[judged], head)
    kinds = {
        "ordinary people": thresholds.Impostors(faces.embeddings[impostors]),
        "famous people": thresholds.Impostors(faces.embeddings[famous]),
        "look-alikes": thresholds.Impostors(faces.embeddings[known], people),
    }
    tick("choosing thresholds", 0, 1)
    margin = thresholds.best_margin(faces.embeddings[known], people, kinds, snapshot, head)
    table = thresholds.class_thresholds(kinds, snapshot, head, margin)
    tick("choosing thresholds", 1, 1)
    return Rules(head, table, margin, pairs), floor, snapshot


def write(model: Path, raw: dict, weights: dict[str, np.ndarray], rules: Rules, floor: QualityFloor) -> model_card.Card:
    """Write the card with its numbers, and the weights beside it.

    Args:
        model: the card to write.
        raw: what else the card says.
        weights: of the twin, by name.
        rules: thresholds and margin.
        floor: the smallest and blurriest face worth judging.
    """
    numbers = {"head": asdict(rules.head), "verdict": model_card.verdict_entry(rules), "quality": floor.to_dict()}
    model_card.write(model, raw | numbers, weights)
    return model_card.read_card(model)


def write_impostors(model: Path, network_id: str, faces: Faces) -> int:
    """Write the strangers' embeddings beside the card, for `people check`; gives back how many.

    They are those of `test-impostor`: no threshold was chosen on them, so a gallery is not judged by the faces that
    its thresholds were made for.

    Args:
        model: the card.
        network_id: of the card.
        faces: as `gather` gives them.
    """
    embeddings = faces.embeddings[faces.of("test-stranger")]
    impostor_faces.write(model, network_id, embeddings)
    return len(embeddings)


def write_gallery(
    folder: Path,
    network_id: str,
    faces: Faces,
    spelling: dict[str, str],
    floor: QualityFloor,
    tile_set: tiles.TileSet,
    detector: Detector,
    tick: Tick = quiet,
) -> None:
    """Write the shipped gallery: everyone's anchors, and the average face of the most typical.

    Args:
        folder: to write to.
        network_id: of the card.
        faces: as `gather` gives them.
        spelling: names by folder name.
        floor: faces below it do not become anchors.
        tile_set: eyes for the portraits.
        detector: finds the eyes of those who are not among the tiles.
        tick: told the progress.
    """
    snapshot, chosen = choose_gallery(faces, spelling, floor)
    places = {file: position for position, file in enumerate(tile_set.files)}
    people = []
    for number, (name, own) in enumerate(zip(snapshot.names, chosen, strict=True)):
        pictures, eyes, details = [], [], []
        for place in own[: anchors.AVERAGED]:
            picture, position = faces.picture(place), places.get(faces.crops.files[place])
            pictures.append(picture)
            eyes.append(_eyes(picture, detector) if position is None else tile_set.eyes[position])
            details.append(faces.crops.qualities[place].detail)
        portrait = anchors.portrait(pictures, eyes, np.array(details))
        people.append((name, snapshot.anchors[snapshot.offsets[number] : snapshot.offsets[number + 1]], portrait))
        tick("averaging faces", number + 1, len(chosen))
    shipped.write(folder, network_id, people)


def _eyes(picture: np.ndarray, detector: Detector) -> np.ndarray:
    return alignment.aligned_eyes(detector.largest(Picture(picture)).landmarks)
