"""Model card: the network's layout and origin, its evaluation, and every number that decides a verdict.

A card is a JSON file. The weights it names are safetensors (plain numbers, no code) in the same folder and are refused
if their sha256 differs from the card's. The card contains a checksum of its deciding parts.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from app.errors import ModelError
from app.recognition.decision import FPIRS, LOOK_ALIKE_FPIR, PairRules, Rules, ThresholdTable
from app.recognition.scoring import Head
from app.vision import alignment
from app.vision.quality import QualityFloor

_DECIDING = ("architecture", "crop", "head", "quality", "verdict", "weights")
"""The parts of a card that decide what the program answers."""


@dataclass(frozen=True)
class TwinConfig:
    """Layout of a twin.

    A convolution to `stem` channels and a separable block to twice as many work on 112 x 112 pixels. Each of `stages`,
    (channels, further blocks), halves the side with its first separable block. The defaults are those of SFace.
    """

    stem: int = 32
    stages: tuple[tuple[int, int], ...] = ((128, 1), (256, 1), (512, 5), (1024, 1))
    embedding: int = 128

    @classmethod
    def from_dict(cls, values: dict) -> TwinConfig:
        """Read what `asdict` wrote (JSON turns tuples into lists)."""
        return cls(values["stem"], tuple(tuple(stage) for stage in values["stages"]), values["embedding"])


@dataclass(frozen=True)
class ModelCard:
    """What the program needs of a card; `raw` is the whole of it, for people.

    `id` names network and crop together: anchors made with another id cannot be compared.
    """

    id: str
    crop: str
    twin: TwinConfig
    weights: str
    sha256: str
    rules: Rules
    quality: QualityFloor
    raw: dict[str, Any]


def network_id(sha256: str, pipeline: str) -> str:
    """The id of a network: the beginning of its weights' sha256 and the crop it was trained on."""
    return f"{sha256[:12]}/{pipeline}"


def checksum(raw: dict[str, Any]) -> str:
    """The sha256 of everything in a card that decides, however its file is laid out; figures and notes may change."""
    deciding = {name: raw[name] for name in _DECIDING}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def read_card(path: Path) -> ModelCard:
    """Read a card.

    Raises:
        ModelError: it is missing, not a card, altered, or of a network made for another alignment.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["crop"] != alignment.PIPELINE:
            raise ModelError(
                f"The network of {path} was made for faces aligned by {raw['crop']}. This version aligns by "
                f"{alignment.PIPELINE}. Use the network that ships with this version, or train one: "
                "python main.py train FACES_FOLDER."
            )
        found = checksum(raw)
        # Cards of before there were checksums have none.
        if raw.get("checksum", found) != found:
            raise ValueError("it was altered: the checksum differs")
        rules = _rules(raw)
        return ModelCard(
            id=network_id(raw["weights"]["sha256"], raw["crop"]),
            crop=raw["crop"],
            twin=TwinConfig.from_dict(raw["architecture"]["twin"]),
            weights=raw["weights"]["file"],
            sha256=raw["weights"]["sha256"],
            rules=rules,
            quality=QualityFloor.from_dict(raw["quality"]),
            raw=raw,
        )
    except FileNotFoundError as error:
        raise ModelError(f"There is no model card at {path}. Set FACES_MODEL to one, or restore the file.") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"{path} is not a model card of this program ({error!r}). Restore the file.") from error


def _rules(raw: dict[str, Any]) -> Rules:
    verdict, pairs = raw["verdict"], raw["verdict"]["pairs"]
    thresholds = tuple((float(row["fpir"]), _table(row["galleries"])) for row in verdict["thresholds"])
    missing = {*FPIRS, LOOK_ALIKE_FPIR} - set(dict(thresholds))
    if missing:
        raise ValueError(f"it has no thresholds for an FPIR of {min(missing)}")
    return Rules(
        head=Head(float(raw["head"]["scale"]), float(raw["head"]["shift"])),
        thresholds=thresholds,
        margin=float(verdict["margin"]),
        pairs=PairRules(
            tuple((float(row["fmr"]), float(row["score"])) for row in pairs["false_matches"]), float(pairs["different"])
        ),
    )


def _table(rows: list[dict]) -> ThresholdTable:
    return tuple(
        (int(row["people"]), tuple((int(one["anchors"]), float(one["class_distance"])) for one in row["thresholds"]))
        for row in rows
    )


def verdict_section(rules: Rules) -> dict[str, Any]:
    """Return what a card says under `verdict`, as `read_card` reads it."""

    def galleries(table: ThresholdTable) -> list[dict]:
        return [
            {
                "people": people,
                "thresholds": [{"anchors": count, "class_distance": round(value, 5)} for count, value in row],
            }
            for people, row in table
        ]

    return {
        "thresholds": [{"fpir": fpir, "galleries": galleries(table)} for fpir, table in rules.thresholds],
        "margin": round(rules.margin, 5),
        "pairs": {
            "false_matches": [{"fmr": fmr, "score": round(score, 5)} for fmr, score in rules.pairs.false_matches],
            "different": round(rules.pairs.different, 5),
        },
    }


def read_weights(path: Path, card: ModelCard) -> dict[str, np.ndarray]:
    """Read the weights that lie beside a card.

    Returns:
        Arrays by name, as stored.

    Raises:
        ModelError: they are missing, or not the card's.
    """
    file = path.with_name(card.weights)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelError(f"The weights {file} cannot be read ({error.strerror}). Restore the file.") from error
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise ModelError(f"The weights {file} are not those of their card: the sha256 differs. Restore both files.")
    return safetensors.numpy.load(data)


def to_stored_dtype(array: np.ndarray) -> np.ndarray:
    """Return an array as a weights file stores it: matrices and kernels float16, vectors float32.

    Vectors are few, and variances of batch normalizations fall below the smallest float16.
    """
    return array.astype(np.float32 if array.ndim == 1 else np.float16)


def write_card(path: Path, raw: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
    """Write a card and its weights, see `to_stored_dtype`; `weights` and `checksum` are filled in.

    Args:
        path: the card to write, e.g. models/twin.json.
        raw: the card without these two.
        weights: float arrays by name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = safetensors.numpy.save({name: to_stored_dtype(array) for name, array in weights.items()})
    file = path.with_suffix(".safetensors")
    file.write_bytes(data)
    entry = {"file": file.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    whole = raw | {"weights": entry}
    path.write_text(json.dumps(whole | {"checksum": checksum(whole)}, indent=2) + "\n", encoding="utf-8")
