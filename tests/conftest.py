"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.gallery.store import Gallery
from app.recognition.recognizer import Recognizer
from app.settings import ROOT, Settings
from app.vision.alignment import PIPELINE
from tests import photos
from tests.small_disk import mounted

NETWORK = f"0123456789ab/{PIPELINE}"
"""The network that galleries of tests belong to."""

PEOPLE = {"Zoë Ångström": 3, "Ann Lee": 4, "Émile Zola": 1, "bob": 2}
"""Who is in `tiny_gallery`, with their number of anchors."""

DIMS = 8

TOKEN = "a token of the tests alone"
"""What administrators of test servers sign in with."""


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def unit_vectors(rng) -> Callable[[int], np.ndarray]:
    """Makes float32 (count, 8) embeddings of length 1."""

    def make(count: int) -> np.ndarray:
        rows = rng.normal(size=(count, DIMS)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return make


@pytest.fixture
def database_url(tmp_path) -> str:
    """Where a new gallery can be made."""
    return f"sqlite:///{tmp_path / 'instance' / 'gallery.sqlite'}"


@pytest.fixture
def empty_gallery(database_url) -> Iterator[Gallery]:
    gallery = Gallery.open(database_url, NETWORK, None)
    yield gallery
    gallery.close()


@pytest.fixture
def tiny_gallery(empty_gallery, unit_vectors) -> Gallery:
    """A gallery of `PEOPLE` with random embeddings; Ann Lee alone has a portrait."""
    for name, count in PEOPLE.items():
        portrait = b"portrait of Ann" if name == "Ann Lee" else None
        empty_gallery.add(name, unit_vectors(count), [f"{number}.jpg" for number in range(count)], portrait)
    return empty_gallery


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> Settings:
    """The defaults, with a database of the test run's own."""
    folder = tmp_path_factory.mktemp("gallery")
    return Settings().with_changes(database_url=f"sqlite:///{folder / 'gallery.sqlite'}")


@pytest.fixture(scope="session")
def recognizer(settings) -> Iterator[Recognizer]:
    """The real thing, with the shipped network and gallery. Tests that change the gallery change it back."""
    recognizer = Recognizer.load(settings)
    recognizer.warm_up()
    yield recognizer
    recognizer.gallery.close()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of 48 MB in memory; tests that need one skip where it cannot be made."""
    with mounted() as folder:
        yield folder


@pytest.fixture
def small_gallery(tmp_path, recognizer, rng) -> Iterator[Gallery]:
    """A gallery of three: `PERSON` and `OTHER` with 32 shipped anchors each, and Ann <b> with two random ones."""
    gallery = Gallery.open(f"sqlite:///{tmp_path / 'small.sqlite'}", recognizer.network.card.id, None)
    shipped = recognizer.gallery.snapshot()
    for name in (photos.PERSON, photos.OTHER):
        gallery.add(name, shipped.person(shipped.names.index(name))[:32], [f"{name}.jpg"] * 32)
    gallery.add("Ann <b>", rng.normal(size=(2, shipped.anchors.shape[1])), ["a.jpg", "b.jpg"])
    yield gallery
    gallery.close()


@pytest.fixture(scope="session")
def photo() -> Callable[..., bytes]:
    """Makes a photo of shipped people: `photo("Drake", "Eminem", tilt=20)` gives a JPEG's bytes.

    Named arguments are those of `photos.paste`, and `kind` is Pillow's name of another format.
    """

    def make(*names: str, kind: str = "JPEG", **options) -> bytes:
        return photos.encode(photos.paste(*(photos.portraits()[name] for name in names), **options), kind)

    return make


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data that is not part of the project; tests that need it skip where it is not."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the data of {folder}")
    return folder
