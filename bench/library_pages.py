"""Pages of a large library through Flask's test client: `.venv/bin/python -m bench.library pages --faces 2000000`."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import click
import numpy as np
from flask.testing import FlaskClient

from app.library.store import Library
from app.library.suggestions import STORED
from app.library.timeline import Position
from app.recognition.recognizer import Recognizer
from app.settings import Settings
from app.web.factory import create_app
from bench.common import FOLDER, load_recognizer

PEOPLE = 500
TOKEN = "a token of the benchmark"
YEARS = 20
VERDICTS = ("match", "unknown", "low_quality", "ambiguous")
SHARES = (0.5, 0.35, 0.12, 0.03)
CONFIRMED = 0.02
"""Share of matches that a user confirmed."""
UNDATED = 33
"""Every photo of this number has no date."""
FACES_A_GROUP = 20
ALONE = 0.3
"""Share of unknown faces in no group."""
TURNS = 5

_FACE = (
    "INSERT INTO face (photo_id, number, x, y, width, height, confidence, norm, verdict, person_id, distance, source) "
    "VALUES (?, ?, ?, 80, 200, 250, 0.9, ?, ?, ?, ?, ?)"
)


@click.command()
@click.option("--faces", "count", default=200_000, show_default=True)
@click.option("--folder", type=FOLDER, help="Keep the library in this folder, and use the one that it has.")
def pages(count: int, folder: Path | None) -> None:
    """Measure the pages of a library with two made-up faces a photo, half of them of 500 people."""
    with ExitStack() as stack:
        location = (folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))) / "library"
        recognizer = stack.enter_context(load_recognizer())
        if not location.exists():
            fill(location, count, recognizer.network.card.id)
        client = _sign_in(location, recognizer)
        click.echo(f"{count:,} faces in {count // 2:,} photos, {PEOPLE} people; the fastest of {TURNS} turns")
        click.echo(f"{'page':44} {'seconds':>8} {'processor':>10}")
        for name, address in _addresses(location):
            elapsed, used = measure(client, address)
            click.echo(f"{name:44} {elapsed:8.3f} {used:10.3f}")


def measure(client: FlaskClient, address: str) -> tuple[float, float]:
    """Return the least elapsed seconds and seconds of processor time of a request."""
    times = []
    for _ in range(TURNS):
        started, used = time.perf_counter(), time.thread_time()
        answer = client.get(address)
        times.append((time.perf_counter() - started, time.thread_time() - used))
        assert answer.status_code == 200, (address, answer.status)
    return min(elapsed for elapsed, _ in times), min(used for _, used in times)


def _addresses(folder: Path) -> Iterator[tuple[str, str]]:
    with Library.open(folder) as library:
        connection = library.connection
        last = connection.execute("SELECT max(id) FROM photo").fetchone()[0]
        order = "SELECT person_id FROM face WHERE person_id IS NOT NULL GROUP BY person_id ORDER BY count(*)"
        rare, *_, frequent = (person for (person,) in connection.execute(order))
        taken, photo = connection.execute("SELECT taken, id FROM photo WHERE id = ?", (last // 2,)).fetchone()
    middle = Position(taken or "", photo, 1)
    person = f"/library/people/{frequent}"
    yield "people, with totals", "/library"
    yield "people by name", "/library?q=Person+00"
    yield "most frequent person, newest photos", person
    yield "most frequent person, middle", f"{person}?after={middle}"
    yield "most frequent person, undated photos", f"{person}?after=~{last}~1"
    yield "most frequent person, not confirmed", f"{person}?unconfirmed=1"
    yield "most frequent person, one year", f"{person}?since=2010&until=2010"
    yield "most frequent person with the second", f"{person}?with=Person+002"
    yield "rarest person", f"/library/people/{rare}"
    yield "photo", f"/library/photos/{photo}"
    yield "photo of the most frequent person", f"/library/photos/{photo}?person={frequent}"
    yield "all photos", "/library/photos"
    yield "all photos, middle", f"/library/photos?after={middle}"
    yield "unknown people", "/library/photos?unknown=1"
    yield "unknown people, one year", "/library/photos?unknown=1&since=2010&until=2010"
    yield "suggestions for a name", "/library/names?name=Person+1"
    yield "groups of unknown people", "/library/groups"
    yield "groups, smaller ones", "/library/groups?after=60-100000"
    yield "largest group", "/library/groups/1"
    yield "largest group, middle", "/library/groups/1?page=40"
    yield "review", "/library/review"
    yield "review of similar groups", "/library/review?kind=pairs"
    yield "review of names", "/library/review?kind=names"
    yield "changes", "/library/changes"


def _sign_in(folder: Path, recognizer: Recognizer) -> FlaskClient:
    settings: Settings = recognizer.settings.with_changes(library=folder, admin_token=TOKEN)
    client = create_app(settings, recognizer).test_client()
    client.post("/sign-in", data={"key": TOKEN})
    return client


def fill(folder: Path, count: int, network: str) -> None:
    """Make a library with two faces a photo. The share of a person's faces falls with the rank, as 1 / rank."""
    rng = np.random.default_rng(1)
    photos = range(1, count // 2 + 1)
    shares = 1 / np.arange(1, PEOPLE + 1)
    people = rng.choice(np.arange(1, PEOPLE + 1), size=count, p=shares / shares.sum()).tolist()
    verdicts = rng.choice(VERDICTS, size=count, p=SHARES).tolist()
    confirmed = (rng.random(count) < CONFIRMED).tolist()
    norms = rng.normal(20, 3, count).tolist()
    distances = rng.uniform(0.1, 0.6, count).tolist()
    start, step = datetime(2005, 1, 1), timedelta(days=365 * YEARS) / len(photos)

    def faces() -> Iterator[tuple[object, ...]]:
        for index, verdict in enumerate(verdicts):
            named = verdict == "match"
            source = "confirmed" if named and confirmed[index] else "automatic"
            distance = None if source == "confirmed" else distances[index]
            number = index % 2 + 1
            person = people[index] if named else None
            yield index // 2 + 1, number, 1000 * number, norms[index], verdict, person, distance, source

    with Library.create(folder) as library, library.writing() as connection:
        connection.execute("REPLACE INTO property VALUES ('origin', json_object('network', ?))", (network,))
        connection.executemany(
            "INSERT INTO person (id, name, key) VALUES (?, ?, ?)",
            [(number, f"Person {number:03}", f"person {number:03}") for number in range(1, PEOPLE + 1)],
        )
        connection.executemany(
            "INSERT INTO photo (id, digest, taken, width, height) VALUES (?, ?, ?, 4000, 3000)",
            (
                (n, n.to_bytes(16, "big"), (start + n * step).isoformat(timespec="seconds") if n % UNDATED else None)
                for n in photos
            ),
        )
        connection.executemany(
            "INSERT INTO file (path, bytes, modified_ns, photo_id) VALUES (?, ?, ?, ?)",
            ((f"/archive/{n // 1000:05}/IMG_{n:08}.jpg", 3_000_000 + n, n, n) for n in photos),
        )
        connection.executemany(_FACE, faces())
        _fill_groups(connection, rng)


def _fill_groups(connection: sqlite3.Connection, rng: np.random.Generator) -> None:
    """Group most unknown faces, and suggest candidates and pairs."""
    unknown = [face for (face,) in connection.execute("SELECT id FROM face WHERE verdict = 'unknown'")]
    numbers = np.arange(1, len(unknown) // FACES_A_GROUP + 1)
    shares = numbers**-0.8
    groups = rng.choice(numbers, size=len(unknown), p=shares / shares.sum()).tolist()
    alone = (rng.random(len(unknown)) < ALONE).tolist()
    connection.executemany("INSERT INTO unknown_group (id) VALUES (?)", [(number,) for number in numbers.tolist()])
    rows = zip(unknown, groups, alone, strict=True)
    connection.executemany(
        "INSERT INTO membership VALUES (?, ?)", ((face, None if single else group) for face, group, single in rows)
    )
    connection.execute("UPDATE face SET candidate_id = 1 + id % ? WHERE verdict = 'ambiguous'", (PEOPLE,))
    connection.executemany(
        "INSERT INTO suggestion VALUES (?, ?, ?, ?)",
        [(n + 1, None if n % 2 else n, n % PEOPLE + 1 if n % 2 else None, 1 - n / 2000) for n in range(1, STORED + 1)],
    )
