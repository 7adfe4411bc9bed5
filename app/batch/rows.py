"""What the serializer says of a picture, as rows of Parquet: the fields of `identify --json`; and as a table of CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

HEADER = (
    "file error width height fpir face x y box_width box_height confidence "
    "verdict person class_distance threshold candidates look_alike reason ranking"
).split()
"""Columns of the CSV, a row a face: `face` counts from the left, `error` is a code, `candidates` and `ranking` JSON."""


@cache
def schema():
    """The Arrow schema of an answer. PyArrow is imported when an archive is worked on, and not before."""
    import pyarrow as pa

    box = pa.struct([(name, pa.int64()) for name in ("x", "y", "width", "height")])
    ranked = pa.struct(
        [
            ("person", pa.string()),
            ("class_distance", pa.float64()),
            ("mean", pa.float64()),
            ("min", pa.float64()),
            ("std", pa.float64()),
            ("anchors", pa.int64()),
        ]
    )
    face = pa.struct(
        [
            ("box", box),
            ("confidence", pa.float64()),
            ("verdict", pa.string()),
            ("person", pa.string()),
            ("class_distance", pa.float64()),
            ("threshold", pa.float64()),
            ("candidates", pa.list_(pa.string())),
            ("look_alike", pa.string()),
            ("reason", pa.string()),
            ("ranking", pa.list_(ranked)),
        ]
    )
    return pa.schema(
        [
            ("file", pa.string()),
            ("error", pa.struct([("code", pa.string()), ("message", pa.string())])),
            ("width", pa.int64()),
            ("height", pa.int64()),
            ("fpir", pa.float64()),
            ("faces", pa.list_(face)),
        ]
    )


def cells(answers: Iterable[dict[str, Any]]) -> Iterator[list[object]]:
    """The CSV's rows of answers: one a face, and one of a picture without any."""
    for answer in answers:
        error = (answer["error"] or {}).get("code")
        start = [answer["file"], error, answer["width"], answer["height"], answer["fpir"]]
        for number, face in enumerate(answer["faces"], start=1):
            box = face["box"]
            place = [number, box["x"], box["y"], box["width"], box["height"], face["confidence"]]
            named = [face[name] for name in ("verdict", "person", "class_distance", "threshold")]
            closest = [json.dumps(face["candidates"]), face["look_alike"], face["reason"], json.dumps(face["ranking"])]
            yield [*start, *place, *named, *closest]
        if not answer["faces"]:
            yield start + [None] * (len(HEADER) - len(start))
