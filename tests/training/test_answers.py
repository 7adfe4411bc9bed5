import json
from dataclasses import replace

import numpy as np
import pytest

from app import crop
from app.siamese import build_twin, numbers
from app.training import answers, augment, loop
from app.training.errors import TrainingError
from app.training.tiles import SIDE
from tests.training.test_loop import PLAN, TINY, packed  # noqa: F401 (a fixture)


class Painter:
    """A teacher that answers with the mean colours of eight parts of a crop."""

    sha256 = "0" * 64

    def __init__(self, patience: int | None = None) -> None:
        self.asked = 0
        self.patience = patience

    def embed_one(self, face):
        assert face.shape == (crop.SIZE, crop.SIZE, 3)
        means = face.reshape(8, -1).mean(axis=1) - 90.3
        return means / np.linalg.norm(means)

    def map(self, count, make):
        for number in range(count):
            if self.asked == self.patience:
                raise KeyboardInterrupt
            self.asked += 1
            yield self.embed_one(make(number))


@pytest.fixture
def kept(packed, tmp_path) -> answers.Answers:  # noqa: F811
    return answers.ask(packed, tmp_path / "answers", Painter(), laps=3)


def test_every_picture_has_an_answer_and_is_made_anew_from_its_number(packed, kept, tmp_path):  # noqa: F811
    assert kept.answers.shape == (3, 16, 8)
    assert len(kept.missing()) == 0
    again = answers.read(packed, tmp_path / "answers")
    pictures = {again.picture(lap, number).tobytes() for lap in range(3) for number in range(16)}
    assert len(pictures) == 48
    for lap in range(3):
        for number in range(16):
            expected = Painter().embed_one(again.picture(lap, number))
            np.testing.assert_allclose(again.answers[lap, number], expected, atol=2e-3)


def test_asking_goes_on_where_it_was_stopped(packed, kept, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(answers, "_CHUNK", 10)
    with pytest.raises(KeyboardInterrupt):
        answers.ask(packed, tmp_path / "stopped", Painter(patience=25), laps=3)
    assert len(answers.read(packed, tmp_path / "stopped").missing()) == 28
    again, ticks = Painter(), []
    whole = answers.ask(packed, tmp_path / "stopped", again, laps=3, tick=lambda *at: ticks.append(at))
    assert again.asked == 28
    assert ticks == [(20, 48), (30, 48), (40, 48), (48, 48)]
    np.testing.assert_array_equal(whole.answers, kept.answers)


def test_answers_about_something_else_are_refused(packed, kept, tmp_path):  # noqa: F811
    other = Painter()
    other.sha256 = "1" * 64
    with pytest.raises(TrainingError, match="answers of another run"):
        answers.ask(packed, tmp_path / "answers", other, laps=3)
    renamed = replace(packed, files=[f"{file}x" for file in packed.files])
    with pytest.raises(TrainingError, match="about other faces"):
        answers.read(renamed, tmp_path / "answers")
    with pytest.raises(TrainingError, match="There are no answers"):
        answers.read(packed, tmp_path)
    note = tmp_path / "answers" / "answers.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"augmentation": "older"}))
    with pytest.raises(TrainingError, match="Make them anew"):
        answers.read(packed, tmp_path / "answers")


def test_training_learns_the_answers_about_the_pictures_it_sees(packed, kept):  # noqa: F811
    pairs = loop.Pairs(np.repeat(np.arange(4), 4), np.arange(16))
    for step, chosen, crops, targets in loop.batches(packed, pairs, PLAN, 0, kept):
        assert (len(chosen), targets.shape) == (8, (8, 8))
        pictures = np.round(crops * 128 + 127.5).astype(np.uint8)
        expected = [Painter().embed_one(one) for one in pictures]
        np.testing.assert_allclose(targets, expected, atol=3e-3)
        if step == 3:
            break


def test_a_face_without_an_answer_keeps_its_own_target(packed, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(answers, "_CHUNK", 4)
    with pytest.raises(KeyboardInterrupt):
        answers.ask(packed, tmp_path, Painter(patience=9), laps=1)
    some = answers.read(packed, tmp_path)
    rng = np.random.default_rng(0)
    assert [some.draw(place, rng) is None for place in range(16)] == [False] * 8 + [True] * 8
    _, chosen, _, targets = next(loop.batches(packed, loop.Pairs(np.zeros(16, int), np.arange(16)), PLAN, 0, some))
    for place, target in zip(chosen, targets, strict=True):
        assert np.array_equal(target, packed.targets[place]) == (place >= 8)


def test_a_run_begins_with_the_weights_it_is_given(packed, tmp_path):  # noqa: F811
    weights = {name: array + 0.01 for name, array in numbers(build_twin(TINY)).items()}
    still = replace(PLAN, rate=0.0, weight_decay=0.0, images=8)
    trained = numbers(loop.train(packed, tmp_path, still, TINY, weights=weights).twin)
    kernels = [name for name, array in weights.items() if array.ndim > 1]
    assert kernels
    for name in kernels:
        np.testing.assert_allclose(trained[name], weights[name], atol=1e-6)


def test_bars_hide_the_eyes_and_mixtures_show_two_faces(rng, monkeypatch):
    eyes = np.array([[54.0, 62.0], [90.0, 62.0]])
    white, black = np.full((SIDE, SIDE, 3), 255, np.uint8), np.zeros((SIDE, SIDE, 3), np.uint8)
    monkeypatch.setattr(augment, "_CHANGES", ())
    monkeypatch.setattr(augment, "MIXED", 1.0)
    monkeypatch.setattr(augment, "BARRED", 0.0)
    shares = [augment.taught_crop(white, eyes, (black, eyes), rng)[56, 56, 0] / 255 for _ in range(200)]
    assert 0.59 < min(shares) < 0.7
    assert 0.9 < max(shares) < 0.96
    monkeypatch.setattr(augment, "MIXED", 0.0)
    monkeypatch.setattr(augment, "BARRED", 1.0)
    faces = [augment.taught_crop(white, eyes, (black, eyes), rng) for _ in range(20)]
    covered = np.mean([face[51, 40:72].max(axis=1) < 255 for face in faces])
    assert covered > 0.9
    assert all((face[85:105, 40:72] == 255).all() for face in faces)
