"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.gallery.actor import SYSTEM, set_process_actor
from app.gallery.store import Gallery
from app.recognition.recognizer import Recognizer
from app.settings import ROOT, Settings
from app.vision.alignment import PIPELINE
from tests import photos
from tests.small_disk import mounted

NETWORK = f"0123456789ab/{PIPELINE}"
"""The network of test galleries."""

PEOPLE = {"Zoë Ångström": 3, "Ann Lee": 4, "Émile Zola": 1, "bob": 2}
"""People of `tiny_gallery` and their numbers of anchors."""

DIMS = 8

TOKEN = "an administrator token for tests"


@pytest.fixture(autouse=True)
def _process_actor() -> Iterator[None]:
    """Undo what commands in this process set."""
    yield
    set_process_actor(SYSTEM)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def unit_vectors(rng) -> Callable[[int], np.ndarray]:
    """Return a function that makes float32 (count, 8) embeddings of length 1."""

    def make(count: int) -> np.ndarray:
        rows = rng.normal(size=(count, DIMS)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return make


@pytest.fixture
def database_url(tmp_path) -> str:
    """Return the URL of a database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'instance' / 'gallery.sqlite'}"


@pytest.fixture
def empty_gallery(database_url) -> Iterator[Gallery]:
    gallery = Gallery.open(database_url, NETWORK, None)
    yield gallery
    gallery.close()


@pytest.fixture
def tiny_gallery(empty_gallery, unit_vectors) -> Gallery:
    """Return a gallery of `PEOPLE` with random embeddings. Only Ann Lee has a portrait."""
    for name, count in PEOPLE.items():
        portrait = b"portrait of Ann" if name == "Ann Lee" else None
        empty_gallery.add(name, unit_vectors(count), [f"{number}.jpg" for number in range(count)], portrait)
    return empty_gallery


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> Settings:
    """Return the default settings with a temporary database."""
    folder = tmp_path_factory.mktemp("gallery")
    return Settings().with_changes(database_url=f"sqlite:///{folder / 'gallery.sqlite'}")


@pytest.fixture(scope="session")
def recognizer(settings) -> Iterator[Recognizer]:
    """Return a recognizer with the shipped network and gallery. Tests that change the gallery undo it."""
    with Recognizer.load(settings) as recognizer:
        recognizer.warm_up()
        yield recognizer


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Return a disk of 48 MB in memory, or skip the test."""
    with mounted() as folder:
        yield folder


@pytest.fixture
def small_gallery(tmp_path, recognizer, rng) -> Iterator[Gallery]:
    """Return a gallery of `PERSON` and `OTHER` with 32 shipped anchors each, and Ann <b> with two random ones."""
    gallery = Gallery.open(f"sqlite:///{tmp_path / 'small.sqlite'}", recognizer.network.card.id, None)
    shipped = recognizer.gallery.snapshot()
    for name in (photos.PERSON, photos.OTHER):
        gallery.add(name, shipped.person(shipped.names.index(name))[:32], [f"{name}.jpg"] * 32)
    gallery.add("Ann <b>", rng.normal(size=(2, shipped.anchors.shape[1])), ["a.jpg", "b.jpg"])
    yield gallery
    gallery.close()


@pytest.fixture(scope="session")
def photo() -> Callable[..., bytes]:
    """Return a function that makes a JPEG of shipped portraits: `photo("Drake", "Eminem", tilt=20)`.

    Keyword arguments are those of `photos.paste`, and `kind` is Pillow's name of another format.
    """

    def make(*names: str, kind: str = "JPEG", **options) -> bytes:
        return photos.encode(photos.paste(*(photos.portraits()[name] for name in names), **options), kind)

    return make


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of data outside the repository, or skip the test."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the data of {folder}")
    return folder
