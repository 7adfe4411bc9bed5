"""The model card: what a network is, what it was made from, how good it is, and every number that decides.

A card is a JSON file; the weights it names lie beside it as safetensors (plain numbers, no code) and
are refused if their sha256 differs from the card's. The card has a checksum of what decides in itself.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from app import crop
from app.quality import QualityFloor
from app.verdict import Head, Rules

_DECIDING = ("architecture", "crop", "head", "quality", "verdict", "weights")
"""The parts of a card that decide what the program answers."""


class ModelError(RuntimeError):
    """A network cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class TwinConfig:
    """What makes one twin different from another.

    `stages` holds (channels, residual pairs) for 28, 14, 7 ... pixels after a stem of `stem` channels at 56.
    """

    stem: int = 32
    stages: tuple[tuple[int, int], ...] = ((64, 1), (128, 2), (256, 2))
    embedding: int = 128

    @classmethod
    def from_dict(cls, values: dict) -> TwinConfig:
        """Read what `asdict` wrote (JSON turns tuples into lists)."""
        return cls(values["stem"], tuple(tuple(stage) for stage in values["stages"]), values["embedding"])


@dataclass(frozen=True)
class Card:
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


def read_card(path: Path) -> Card:
    """Read a card.

    Raises:
        ModelError: it is missing, no card, altered, or of a network made for another crop or way of embedding.
    """
    card = _read(path)
    if card.crop != crop.PIPELINE:
        raise ModelError(
            f"The network of {path} was trained on crops of the pipeline {card.crop}, this program "
            f"cuts {crop.PIPELINE}. Use a network trained with this version, or train one: "
            "python main.py train FACES_FOLDER."
        )
    if "mirrored" in card.raw:
        raise ModelError(
            f"The network of {path} is of a version that embedded mirror images too; its thresholds are not right for "
            "this one. Use a network shipped with this version, or ship yours anew: python main.py ship FACES_FOLDER."
        )
    return card


def _read(path: Path) -> Card:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        found = checksum(raw)
        # Cards of before there were checksums have none.
        if raw.get("checksum", found) != found:
            raise ValueError("it was altered: the checksum differs")
        verdict = raw["verdict"]
        rules = Rules(
            head=Head(float(raw["head"]["scale"]), float(raw["head"]["shift"])),
            thresholds=_thresholds(verdict["thresholds"]),
            margin=float(verdict["margin"]),
            pair_threshold=float(verdict["pair_threshold"]),
            sizes=tuple((int(row["people"]), _thresholds(row["thresholds"])) for row in verdict.get("galleries", [])),
            false_accepts=tuple((float(row["share"]), float(row["score"])) for row in verdict.get("false_accepts", [])),
        )
        return Card(
            id=network_id(raw["weights"]["sha256"], raw["crop"]),
            crop=raw["crop"],
            twin=TwinConfig.from_dict(raw["architecture"]["twin"]),
            weights=raw["weights"]["file"],
            sha256=raw["weights"]["sha256"],
            rules=rules,
            quality=QualityFloor(float(raw["quality"]["eye_distance"]), float(raw["quality"]["sharpness"])),
            raw=raw,
        )
    except FileNotFoundError as error:
        raise ModelError(f"There is no model card at {path}. Set FACES_MODEL to one, or restore the file.") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(f"{path} is not a model card of this program ({error!r}). Restore the file.") from error


def _thresholds(rows: list[dict]) -> tuple[tuple[int, float], ...]:
    return tuple((int(row["anchors"]), float(row["class_distance"])) for row in rows)


def verdict_entry(rules: Rules) -> dict[str, Any]:
    """What a card says under `verdict`, as `read_card` reads it."""

    def table(rows: tuple[tuple[int, float], ...]) -> list[dict]:
        return [{"anchors": count, "class_distance": round(value, 5)} for count, value in rows]

    return {
        "thresholds": table(rules.thresholds),
        "galleries": [{"people": people, "thresholds": table(rows)} for people, rows in rules.sizes],
        "margin": round(rules.margin, 5),
        "pair_threshold": rules.pair_threshold,
        "false_accepts": [{"share": share, "score": round(score, 5)} for share, score in rules.false_accepts],
    }


def read_weights(path: Path, card: Card) -> dict[str, np.ndarray]:
    """Read the weights that lie beside a card.

    Returns:
        Arrays by name, as stored (float16).

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


def write(path: Path, raw: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
    """Write a card and, beside it, its weights as float16; `weights` and `checksum` are filled in.

    Arguments:
        path: the card to write, e.g. models/twin.json.
        raw: the card without these two.
        weights: float arrays by name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = safetensors.numpy.save({name: array.astype(np.float16) for name, array in weights.items()})
    file = path.with_suffix(".safetensors")
    file.write_bytes(data)
    entry = {"file": file.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    whole = raw | {"weights": entry}
    path.write_text(json.dumps(whole | {"checksum": checksum(whole)}, indent=2) + "\n", encoding="utf-8")
