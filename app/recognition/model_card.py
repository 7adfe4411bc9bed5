"""Model card: layout, origin and evaluation of the network, and every number that decides a verdict.

A card is a JSON file in the sense of Mitchell et al. 2019 (https://arxiv.org/abs/1810.03993). The weights that it names
are a safetensors file in the same folder, which cannot contain code, with the sha256 of the card. A checksum covers the
parts of the card that decide.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from app.arrays import AnyArray, FloatArray
from app.errors import ModelError
from app.files import write_file
from app.recognition.decision import FPIRS, PairRules, Rules, ThresholdTable
from app.recognition.scoring import Head
from app.vision import alignment
from app.vision.quality import QualityFloor

_DECIDING = ("architecture", "crop", "head", "quality", "verdict", "weights")


@dataclass(frozen=True)
class TwinConfig:
    """Layout of the twin, a MobileFaceNet. The defaults are those of SFace.

    A convolution to `stem` channels and a separable block to twice as many work at 112 x 112 pixels. Each of `stages`,
    (channels, further blocks), halves the side with its first block.
    """

    stem: int = 32
    stages: tuple[tuple[int, int], ...] = ((128, 1), (256, 1), (512, 5), (1024, 1))
    embedding: int = 128

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TwinConfig:
        """Read the JSON form of `dataclasses.asdict`, which has lists for tuples."""
        return cls(values["stem"], tuple((stage[0], stage[1]) for stage in values["stages"]), values["embedding"])


@dataclass(frozen=True)
class ModelCard:
    """A model card. Anchors of another `id` cannot be compared."""

    id: str  # names the network and its alignment
    crop: str  # the alignment
    twin: TwinConfig
    weights: str  # file name
    sha256: str
    rules: Rules
    quality: QualityFloor
    raw: dict[str, Any]  # the whole JSON object


def network_id(sha256: str, pipeline: str) -> str:
    """Return the ID of a network: the start of the weights' sha256, and the alignment."""
    return f"{sha256[:12]}/{pipeline}"


def checksum(raw: Mapping[str, Any]) -> str:
    """Return the sha256 of the deciding parts of a card. The layout of its file does not matter."""
    deciding = {name: raw[name] for name in _DECIDING} | {name: raw[name] for name in ("ranges",) if name in raw}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


def read_card(path: Path) -> ModelCard:
    """Read a model card, which must be unaltered and made for the alignment of this version."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["crop"] != alignment.PIPELINE:
            raise ModelError(
                f"The network of {path} needs faces aligned by {raw['crop']}. This version aligns by "
                f"{alignment.PIPELINE}. Use the network that ships with this version, or train one: "
                "whopic train FACES_FOLDER."
            )
        expected = checksum(raw)
        if raw.get("checksum", expected) != expected:
            raise ValueError("it was altered: the checksum differs")
        return ModelCard(
            id=network_id(raw["weights"]["sha256"], raw["crop"]),
            crop=raw["crop"],
            twin=TwinConfig.from_dict(raw["architecture"]["twin"]),
            weights=raw["weights"]["file"],
            sha256=raw["weights"]["sha256"],
            rules=_read_rules(raw),
            quality=QualityFloor.from_dict(raw["quality"]),
            raw=raw,
        )
    except FileNotFoundError as error:
        raise ModelError(f"There is no model card at {path}. Set FACES_MODEL to one, or restore the file.") from error
    except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise ModelError(f"{path} is not a model card of this program ({error!r}). Restore the file.") from error


def _read_rules(raw: Mapping[str, Any]) -> Rules:
    verdict, pairs = raw["verdict"], raw["verdict"]["pairs"]
    thresholds = tuple((float(row["fpir"]), _read_table(row["galleries"])) for row in verdict["thresholds"])
    if missing := set(FPIRS) - set(dict(thresholds)):
        raise ValueError(f"it has no thresholds for an FPIR of {min(missing)}")
    false_matches = tuple((float(row["fmr"]), float(row["score"])) for row in pairs["false_matches"])
    return Rules(
        head=Head(float(raw["head"]["scale"]), float(raw["head"]["shift"])),
        thresholds=thresholds,
        margin=float(verdict["margin"]),
        pairs=PairRules(false_matches, float(pairs["different"])),
        # Cards of earlier versions have no such distance: their networks show no look-alikes.
        look_alike=float(verdict.get("look_alike", 0.0)),
    )


def _read_table(rows: list[dict[str, Any]]) -> ThresholdTable:
    cells = [tuple((int(cell["anchors"]), float(cell["class_distance"])) for cell in row["thresholds"]) for row in rows]
    return tuple((int(row["people"]), values) for row, values in zip(rows, cells, strict=True))


def verdict_section(rules: Rules) -> dict[str, Any]:
    """Return the section `verdict` of a card, as `read_card` reads it."""

    def format_row(row: tuple[tuple[int, float], ...]) -> list[dict[str, Any]]:
        return [{"anchors": count, "class_distance": round(value, 5)} for count, value in row]

    return {
        "thresholds": [
            {"fpir": fpir, "galleries": [{"people": people, "thresholds": format_row(row)} for people, row in table]}
            for fpir, table in rules.thresholds
        ],
        "margin": round(rules.margin, 5),
        "look_alike": round(rules.look_alike, 5),
        "pairs": {
            "false_matches": [{"fmr": fmr, "score": round(score, 5)} for fmr, score in rules.pairs.false_matches],
            "different": round(rules.pairs.different, 5),
        },
    }


def read_weights(path: Path, card: ModelCard) -> dict[str, AnyArray]:
    """Read the weights of the card at `path`: float16 or float32 arrays by name."""
    return _read_arrays(path.with_name(card.weights), card.sha256)


def read_ranges(path: Path, card: ModelCard) -> list[FloatArray]:
    """Read the ranges of activations, see `inference.measure_ranges`; an empty list if the card has none."""
    if "ranges" not in card.raw:
        return []
    arrays = _read_arrays(path.with_name(card.raw["ranges"]["file"]), card.raw["ranges"]["sha256"])
    return [arrays[name] for name in sorted(arrays)]


def _read_arrays(file: Path, sha256: str) -> dict[str, AnyArray]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror}). Restore the file.") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ModelError(f"{file} does not belong to its card: the sha256 differs. Restore both files.")
    return safetensors.numpy.load(data)


def to_stored_dtype(array: AnyArray) -> AnyArray:
    """Return an array as a weights file stores it: matrices and kernels float16, vectors float32."""
    # Vectors are few, and variances of batch normalizations fall below the smallest float16.
    return array.astype(np.float32 if array.ndim == 1 else np.float16)


def write_card(
    path: Path, raw: Mapping[str, Any], weights: Mapping[str, AnyArray], ranges: Sequence[FloatArray] = ()
) -> None:
    """Write a card, `raw` without files and `checksum`, the weights, see `to_stored_dtype`, and the ranges."""
    path.parent.mkdir(parents=True, exist_ok=True)
    card = dict(raw)
    stored = {name: to_stored_dtype(array) for name, array in weights.items()}
    card["weights"] = _write_arrays(path.with_suffix(".safetensors"), stored)
    if ranges:
        by_name = {f"{number:03d}": array for number, array in enumerate(ranges)}
        card["ranges"] = _write_arrays(path.with_suffix(".ranges.safetensors"), by_name)
    write_file(path, (json.dumps(card | {"checksum": checksum(card)}, indent=2) + "\n").encode())


def _write_arrays(file: Path, arrays: Mapping[str, AnyArray]) -> dict[str, Any]:
    """Write a file, and return its section of a card."""
    data = safetensors.numpy.save(dict(arrays))
    write_file(file, data)
    return {"file": file.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
