"""Arrow schema of result rows, which are the JSON objects of `app.serialization`, and their CSV table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
"""The result of one photo, as `serialization.identification` and `serialization.identification_error` return it."""

Engine = Callable[[Iterable[str]], Iterator[list[Row]]]
"""Yields the rows of photos in batches, each row once."""

CSV_COLUMNS = (
    "file error width height fpir face x y box_width box_height confidence "
    "verdict person class_distance threshold candidates look_alike reason ranking"
).split()
"""One CSV line per face: `face` counts from the left, `error` is a code, `candidates` and `ranking` are JSON."""


@cache
def arrow_schema() -> pa.Schema:
    """Return the schema of the Parquet files."""
    import pyarrow as pa

    text, number, integer = pa.string(), pa.float64(), pa.int64()
    box = pa.struct(dict.fromkeys(("x", "y", "width", "height"), integer))
    ranked = dict.fromkeys(("class_distance", "mean", "min", "std"), number)
    face = {
        "box": box,
        "confidence": number,
        "verdict": text,
        "person": text,
        "class_distance": number,
        "threshold": number,
        "candidates": pa.list_(text),
        "look_alike": text,
        "reason": text,
        "ranking": pa.list_(pa.struct({"person": text, **ranked, "anchors": integer})),
    }
    return pa.schema(
        {
            "file": text,
            "error": pa.struct({"code": text, "message": text}),
            "width": integer,
            "height": integer,
            "fpir": number,
            "faces": pa.list_(pa.struct(face)),
        }
    )


def csv_lines(rows: Iterable[Row]) -> Iterator[list[object]]:
    """Yield the CSV cells of each face, and one line for each photo without a face."""
    for row in rows:
        photo = [row["file"], (row["error"] or {}).get("code"), row["width"], row["height"], row["fpir"]]
        for index, face in enumerate(row["faces"], start=1):
            box = face["box"]
            yield [
                *photo,
                *(index, box["x"], box["y"], box["width"], box["height"], face["confidence"]),
                *(face[name] for name in ("verdict", "person", "class_distance", "threshold")),
                *(json.dumps(face["candidates"]), face["look_alike"], face["reason"], json.dumps(face["ranking"])),
            ]
        if not row["faces"]:
            yield photo + [None] * (len(CSV_COLUMNS) - len(photo))
