"""Toy network of the tutorial: drawn faces, pairs, training and evaluation on people whom it has not seen."""

from __future__ import annotations

import json

import numpy as np
import pytest

from docs.tutorials import toy_network as toy
from tests.slow import slow


@pytest.fixture
def people() -> list[toy.Person]:
    rng = np.random.default_rng(7)
    return [toy.random_person(rng) for _ in range(6)]


def test_photos_depend_on_the_seed_alone_and_differ(people):
    photos = toy.draw_photos(people[:2], 3, seed=1)
    assert photos.shape == (2, 3, toy.SIDE, toy.SIDE)
    assert (photos == toy.draw_photos(people[:2], 3, seed=1)).all()
    assert len({photo.tobytes() for photo in photos.reshape(6, -1)}) == 6


def test_half_of_the_pairs_show_two_people_and_no_photo_is_paired_with_itself(people):
    embeddings = np.zeros((len(people), 4, 2))
    chosen, numbers, different = toy.pairs(embeddings, 400)
    assert different.sum() == 200
    assert ((chosen[:, 0] != chosen[:, 1]) == different).all()
    assert (numbers[~different, 0] != numbers[~different, 1]).all()


def test_measures_of_perfect_and_of_useless_embeddings():
    rng = np.random.default_rng(1)
    directions = np.repeat(np.eye(8)[:, None], 5, axis=1)
    assert toy.pair_accuracy(directions) == toy.rank1(directions, 2) == 1.0
    noise = rng.normal(size=(8, 5, 8))
    noise /= np.linalg.norm(noise, axis=2, keepdims=True)
    assert toy.pair_accuracy(noise) < 0.65


def test_the_loss_is_zero_once_people_are_apart():
    import keras

    people = np.repeat([0, 1, 2], 2)
    apart = keras.ops.convert_to_tensor(np.repeat(np.eye(3), 2, axis=0), "float32")
    together = keras.ops.convert_to_tensor(np.repeat([[1.0, 0.0, 0.0]], 6, axis=0), "float32")
    assert float(toy.pair_loss(people, apart)) == pytest.approx(0.0, abs=1e-4)
    assert float(toy.pair_loss(people, together)) == pytest.approx(1.25**2, rel=0.01)


def test_the_committed_figures_are_those_of_a_network_that_generalizes():
    figures = json.loads((toy.FOLDER / "figures.json").read_text(encoding="utf-8"))
    assert (figures["people"], figures["photos"], figures["held_out"]) == (toy.PEOPLE, toy.PHOTOS, toy.HELD_OUT)
    before, after = (figures["sets"][f"{when} training"]["accuracy"] for when in ("Before", "After"))
    assert before < 0.6
    assert after > 0.9
    assert list(figures["training_people"]) == [str(count) for count in (*toy.SMALLER_SETS, toy.PEOPLE)]


@slow
def test_a_short_run_learns_and_writes_every_plot(tmp_path, monkeypatch):
    for name, value in {"PEOPLE": 24, "HELD_OUT": 12, "PHOTOS": 12, "STEPS": 60, "SMALLER_SETS": (12,)}.items():
        monkeypatch.setattr(toy, name, value)
    monkeypatch.setattr("sys.argv", ["toy_network.py", str(tmp_path)])
    toy.main()
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    accuracy = {name: row["accuracy"] for name, row in figures["sets"].items()}
    assert accuracy["After training, people of the training set"] > accuracy["Before training"] + 0.05
    assert {file.name for file in toy.FOLDER.iterdir()} == {file.name for file in tmp_path.iterdir()}
