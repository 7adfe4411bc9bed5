"""Runs in an environment of its own, see `rival`: for each path on standard input, a line of JSON with its faces."""

import json
import sys
import time

import face_recognition


def answer(path: str, upsample: int) -> dict:
    """Boxes (left, top, width, height), encodings of 128 numbers, and seconds of each step."""
    began = time.perf_counter()
    picture = face_recognition.load_image_file(path)
    decoded = time.perf_counter()
    boxes = face_recognition.face_locations(picture, number_of_times_to_upsample=upsample)
    detected = time.perf_counter()
    encodings = face_recognition.face_encodings(picture, boxes)
    embedded = time.perf_counter()
    return {
        "boxes": [(left, top, right - left, bottom - top) for top, right, bottom, left in boxes],
        "encodings": [encoding.tolist() for encoding in encodings],
        "seconds": {"decode": decoded - began, "detect": detected - decoded, "embed": embedded - detected},
    }


for line in sys.stdin:
    task = json.loads(line)
    print(json.dumps(answer(task["path"], task["upsample"])), flush=True)
